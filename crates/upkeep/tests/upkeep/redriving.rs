//! Handling failed events again: in the order of each key, at most as often as was said, and nothing gets lost.

use contracts::{Envelope, Operation};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::stage::{Mood, Service, envelope, ids};

async fn rows(service: &Service, events: &[Envelope]) -> Vec<Uuid> {
    let mut rows = Vec::new();
    for event in events {
        rows.push(service.failed_id(event).await);
    }
    rows
}

/// State and reason of a failed event.
async fn standing(service: &Service, event: &Envelope) -> (Value, Value) {
    let read = service.read(service.failed_id(event).await).await;
    (read["state"].clone(), read["reason"].clone())
}

fn counts(answer: &Value) -> [i64; 5] {
    ["handled", "already_handled", "refused", "postponed", "left"].map(|name| answer[name].as_i64().unwrap())
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn each_key_keeps_its_order_whatever_order_was_asked_for(db: PgPool) {
    let service = Service::new(&db);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let events = [(one, 3), (other, 2), (one, 1), (one, 2), (other, 9)].map(|(key, at)| envelope(key, at));
    service.refuse(&events).await;
    let answer = service.redrive("a", ids(&rows(&service, &events).await)).await;
    assert_eq!(counts(&answer.body), [5, 0, 0, 0, 0], "{}", answer.body);

    let seen = service.seen();
    for key in [one, other] {
        let mut of_key: Vec<&Envelope> = events.iter().filter(|event| event.subject == key).collect();
        of_key.sort_by_key(|event| event.sequence);
        let expected: Vec<_> = of_key.iter().map(|event| event.id).collect();
        let handled: Vec<_> = seen.iter().copied().filter(|id| expected.contains(id)).collect();
        assert_eq!(handled, expected);
    }
    assert_eq!(service.audited().await, 5);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_fails_again_stays_and_holds_up_the_later_ones_of_its_key(db: PgPool) {
    let service = Service::new(&db);
    let (stuck, away, free) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let events = [(stuck, 1), (stuck, 2), (away, 1), (away, 2), (free, 1)].map(|(key, at)| envelope(key, at));
    service.refuse(&events).await;
    service.set_mood(&events[0], Mood::Refuses);
    service.set_mood(&events[2], Mood::Retries);
    let body = json!({"filter": {}, "reason": "mended", "rate": 100, "rounds": 2});
    let answer = service.redrive("a", body).await;
    assert_eq!(counts(&answer.body), [1, 0, 1, 1, 2], "{}", answer.body);
    assert_eq!(service.seen(), [events[4].id]);

    let open = |reason: &str| (json!("open"), json!(reason));
    assert_eq!(standing(&service, &events[0]).await, open("refused"));
    assert_eq!(standing(&service, &events[1]).await, open("refused"));
    // What is short of something goes on by itself when that is over.
    assert_eq!(standing(&service, &events[2]).await, open("undelivered"));
    let stuck = service.read(service.failed_id(&events[0]).await).await;
    assert_eq!((&stuck["attempts"], stuck["acts"].as_array().unwrap().len()), (&json!(3), 1));
    // Those that were not tried have no line.
    assert_eq!(service.audited().await, 3);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn rounds_are_bounded(db: PgPool) {
    let service = Service::new(&db);
    let events = [envelope(Uuid::now_v7(), 1), envelope(Uuid::now_v7(), 1)];
    service.refuse(&events).await;
    service.set_mood(&events[0], Mood::RefusesTimes(2));
    service.set_mood(&events[1], Mood::RefusesTimes(3));
    let body = json!({"filter": {"topic": "order", "type": "order.expired.v1", "reason": "refused"},
        "reason": "mended", "rate": 100, "rounds": 3});
    let answer = service.redrive("a", body).await;
    assert_eq!(counts(&answer.body), [1, 0, 1, 0, 0], "{}", answer.body);
    assert_eq!(service.seen(), [events[0].id]);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn the_same_request_gives_the_same_answer_and_another_one_is_told(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1);
    service.refuse(std::slice::from_ref(&event)).await;
    let id = service.failed_id(&event).await;
    let first = service.redrive("a", ids(&[id])).await;
    assert_eq!(counts(&first.body), [1, 0, 0, 0, 0]);
    let again = service.redrive("a", ids(&[id])).await;
    assert_eq!((again.body, &again.headers["idempotent-replayed"]), (first.body, &"true".parse().unwrap()));
    let other = service.redrive("b", ids(&[id])).await;
    assert_eq!(other.problem(), "already-handled");
    assert_eq!(other.body["failed_event_ids"], json!([id]));
    assert_eq!((service.seen(), service.audited().await), (vec![event.id], 1));
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_was_handled_meanwhile_is_not_handled_again(db: PgPool) {
    let service = Service::new(&db);
    let events = [envelope(Uuid::now_v7(), 1), envelope(Uuid::now_v7(), 1)];
    service.refuse(&events).await;
    for event in &events {
        assert_eq!(service.client().deliver(event).await, "SUCCESS");
    }
    let named = service.redrive("a", ids(&[service.failed_id(&events[0]).await])).await;
    assert_eq!(named.problem(), "already-handled");
    let found = service.redrive("b", json!({"filter": {}, "reason": "all of them", "rate": 100})).await;
    assert_eq!(counts(&found.body), [0, 1, 0, 0, 0], "{}", found.body);
    assert_eq!(service.seen().len(), 2);
    for event in &events {
        assert_eq!(standing(&service, event).await.0, "handled");
    }
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_process_that_ends_in_between_loses_nothing_and_does_nothing_twice(db: PgPool) {
    let service = Service::new(&db);
    let order = Uuid::now_v7();
    let events = [envelope(order, 1), envelope(order, 2)];
    service.refuse(&events).await;
    service.set_mood(&events[0], Mood::Dies);
    let killed = tokio::spawn({
        let service = service.clone();
        let body = ids(&rows(&service, &events).await);
        async move { service.redrive("a", body).await }
    });
    service.dead.notified().await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());

    // The first was handled, and of both there is still the row; its line is there too.
    assert_eq!((service.seen(), service.audited().await), (vec![events[0].id], 1));
    assert_eq!(standing(&service, &events[0]).await.0, "open");
    // The key is free, for nothing was answered; so is the lock, as soon as the connection's end is noticed.
    let rest = loop {
        let body = json!({"filter": {}, "reason": "once more", "rate": 100});
        let answer = service.redrive("a", body).await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(counts(&rest.body), [1, 1, 0, 0, 0], "{}", rest.body);
    assert_eq!(service.seen(), [events[0].id, events[1].id]);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_nobody_can_read_stays_refused(db: PgPool) {
    let service = Service::new(&db);
    assert_eq!(service.client().deliver_raw("/events/order", "rubbish".to_owned()).await, "DROP");
    let answer = service.redrive("a", json!({"filter": {}, "reason": "hope", "rate": 100})).await;
    assert_eq!(counts(&answer.body), [0, 0, 1, 0, 0]);
    assert_eq!(service.listed("state=open").await["items"][0]["attempts"], 2);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn one_request_at_a_time_handles_again(db: PgPool) {
    let service = Service::new(&db);
    let events = [envelope(Uuid::now_v7(), 1), envelope(Uuid::now_v7(), 1)];
    service.refuse(&events).await;
    service.set_mood(&events[0], Mood::Dies);
    let busy = tokio::spawn({
        let service = service.clone();
        let body = ids(&[service.failed_id(&events[0]).await]);
        async move { service.redrive("a", body).await }
    });
    service.dead.notified().await;
    let other = service.redrive("b", ids(&[service.failed_id(&events[1]).await])).await;
    assert_eq!(other.problem(), "conflict");
    busy.abort();
    assert!(busy.await.unwrap_err().is_cancelled());
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_wrong_request_is_refused_by_name(db: PgPool) {
    let service = Service::new(&db);
    let id = Uuid::now_v7();
    let many: Vec<Uuid> = (0..501).map(|_| Uuid::now_v7()).collect();
    let cases = [
        (json!({"ids": [id]}), "invalid-field"),
        (json!({"ids": [id], "reason": " "}), "invalid-field"),
        (json!({"ids": [id], "reason": "x".repeat(501)}), "invalid-field"),
        (json!({"reason": "x"}), "invalid-field"),
        (json!({"ids": [id], "filter": {}, "reason": "x"}), "invalid-field"),
        (json!({"ids": [], "reason": "x"}), "invalid-field"),
        (json!({"ids": many, "reason": "x"}), "invalid-field"),
        (json!({"ids": [id], "reason": "x", "rate": 0}), "invalid-field"),
        (json!({"ids": [id], "reason": "x", "rate": 101}), "invalid-field"),
        (json!({"ids": [id], "reason": "x", "rounds": 6}), "invalid-field"),
        (json!({"filter": {"colour": "red"}, "reason": "x"}), "unknown-field"),
        (json!({"ids": [id], "reason": "x"}), "not-found"),
    ];
    for (body, problem) in cases {
        assert_eq!(service.redrive("a", body.clone()).await.problem(), problem, "{body}");
    }
    let keyless = service.client().ask(Operation::RedriveFailedPayment, "", Some(ids(&[id]))).await;
    assert_eq!(keyless.problem(), "idempotency-key-missing");
}
