//! Dead letters: recorded once, and handled again when what was away is back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::{App, Envelope};
use serde_json::json;
use sidecar::events::redeliver_job;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::{Mood, Service, envelope, eventually, failed, handle};

/// As daprd delivers a dead letter to a subscription with raw payloads.
fn wrapped(payload: &str) -> String {
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": "Dapr", "type": "com.dapr.event.sent",
        "topic": "order.payment.dead", "pubsubname": "pubsub",
        "datacontenttype": "application/octet-stream", "data_base64": STANDARD.encode(payload),
    })
    .to_string()
}

fn dead(event: &Envelope) -> String {
    wrapped(&event.to_json().to_string())
}

/// Runs the redelivery until `holds`.
async fn redeliver_until<F: Future<Output = bool>>(service: &Service, holds: impl Fn() -> F) {
    let shutdown = CancellationToken::new();
    let job = redeliver_job(App::Payment, service.db.clone(), service.clone(), handle, shutdown.clone());
    tokio::join!(job, async {
        eventually(holds).await;
        shutdown.cancel();
    });
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_dead_letter_is_one_row_in_either_form(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1);
    assert_eq!(service.client().deliver_raw("/dead/order", dead(&event)).await, "SUCCESS");
    assert_eq!(service.client().deliver_raw("/dead/order", event.to_json().to_string()).await, "SUCCESS");
    let error = "no answer of the handler is known".to_owned();
    assert_eq!(failed(&db).await, [("order".to_owned(), "undelivered".to_owned(), error, 1, false)]);
    let payload: Vec<u8> =
        sqlx::query_scalar("select payload from failed_event").fetch_one(&db).await.unwrap();
    assert_eq!(payload, event.to_json().to_string().into_bytes());
    assert_eq!(service.seen(), []);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_dead_letter_of_what_was_refused_adds_nothing(db: PgPool) {
    let service = Service::new(&db);
    service.set_mood(Mood::Drops);
    let event = envelope(Uuid::now_v7(), 1);
    let client = service.client().with("__partition", "3").with("__offset", "41");
    assert_eq!(client.deliver(&event).await, "DROP");
    assert_eq!(client.deliver_raw("/events/order", "rubbish".to_owned()).await, "DROP");
    let rows = failed(&db).await;
    // On the dead-letter topic both lie somewhere else.
    let client = service.client().with("__partition", "0").with("__offset", "5");
    assert_eq!(client.deliver_raw("/dead/order", dead(&event)).await, "SUCCESS");
    assert_eq!(client.deliver_raw("/dead/order", wrapped("rubbish")).await, "SUCCESS");
    assert_eq!(failed(&db).await, rows);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_dead_letter_says_what_was_tried(db: PgPool) {
    let service = Service::new(&db);
    service.set_mood(Mood::Retries);
    let (client, event) = (service.client(), envelope(Uuid::now_v7(), 1));
    assert_eq!(client.deliver(&event).await, "RETRY");
    assert_eq!(client.deliver(&event).await, "RETRY");
    assert_eq!(client.deliver_raw("/dead/order", dead(&event)).await, "SUCCESS");
    assert_eq!(failed(&db).await[0].2, "after 2 attempts: the printer is on fire");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_was_not_delivered_is_handled_in_the_order_of_its_key(db: PgPool) {
    let service = Service::new(&db);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let events: Vec<Envelope> =
        [(one, 3), (other, 2), (one, 1), (one, 2), (other, 9)].map(|(key, at)| envelope(key, at)).to_vec();
    for event in &events {
        assert_eq!(service.client().deliver_raw("/dead/order", dead(event)).await, "SUCCESS");
    }
    redeliver_until(&service, || async { failed(&db).await.iter().all(|row| row.4) }).await;
    let of = |key| {
        let mine = events.iter().filter(|event| event.subject == key);
        let mut mine: Vec<&Envelope> = mine.collect();
        mine.sort_by_key(|event| event.sequence);
        mine.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    let seen = service.seen();
    let seen_of = |key| {
        let ids = of(key);
        seen.iter().copied().filter(|id| ids.contains(id)).collect::<Vec<_>>()
    };
    assert_eq!((seen_of(one), seen_of(other)), (of(one), of(other)));
    assert_eq!(seen.len(), 5);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_still_cannot_be_handled_waits_and_what_is_refused_now_waits_for_a_person(db: PgPool) {
    let service = Service::new(&db);
    service.set_mood(Mood::Retries);
    let order = Uuid::now_v7();
    let (first, second) = (envelope(order, 1), envelope(order, 2));
    for event in [&first, &second] {
        assert_eq!(service.client().deliver_raw("/dead/order", dead(event)).await, "SUCCESS");
    }
    redeliver_until(&service, || async { failed(&db).await[0].3 == 2 }).await;
    let rows = failed(&db).await;
    assert_eq!((rows[0].1.as_str(), rows[0].2.as_str()), ("undelivered", "the printer is on fire"));
    // The later event of the key was not tried before the first.
    assert_eq!(rows[1].3, 1);

    service.set_mood(Mood::Drops);
    redeliver_until(&service, || async { failed(&db).await.iter().all(|row| row.1 == "refused") }).await;
    assert_eq!(failed(&db).await[0].2, "an order of nothing");
    // Nothing but a person touches it now.
    service.set_mood(Mood::Works);
    let third = envelope(order, 3);
    assert_eq!(service.client().deliver_raw("/dead/order", dead(&third)).await, "SUCCESS");
    redeliver_until(&service, || async { service.seen() == [third.id] }).await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_dead_letter_that_nobody_can_read_waits_for_a_person(db: PgPool) {
    let service = Service::new(&db);
    for _ in 0..2 {
        assert_eq!(service.client().deliver_raw("/dead/order", wrapped("rubbish")).await, "SUCCESS");
    }
    assert_eq!(failed(&db).await.len(), 1);
    redeliver_until(&service, || async { failed(&db).await[0].1 == "refused" }).await;
    assert!(failed(&db).await[0].2.starts_with("not a JSON CloudEvent"));
}
