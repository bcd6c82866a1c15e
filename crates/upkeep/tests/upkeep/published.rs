//! What a publisher tells of its events, and sends again.

use chrono::{DateTime, Utc};
use contracts::event::{OrderDelivered, OrderExpired};
use contracts::facts::{EventIds, HandledEvents, PublishedEvents, PublishedQuery, Resent};
use contracts::{App, Event, EventId, Operation, OrderId, UserId};
use serde_json::json;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgPool;
use testkit::Client;
use uuid::Uuid;

use crate::stage::{Service, envelope, noon};

/// Writes an event of an order, published at this time or not at all.
pub async fn write(db: &PgPool, order: Uuid, event: Event, published_at: Option<DateTime<Utc>>) -> EventId {
    let id = EventId(Uuid::now_v7());
    let new = NewEvent {
        id,
        subject: order,
        time: noon(),
        correlation_id: Some(order),
        causation_id: None,
        traceparent: None,
        event,
    };
    let mut tx = db.begin().await.unwrap();
    outbox::enqueue(&mut tx, &new).await.unwrap();
    sqlx::query("update outbox set published_at = $2 where id = $1")
        .bind(id.0)
        .bind(published_at)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

pub fn expired(order: Uuid) -> Event {
    OrderExpired { order_id: OrderId(order), number: "R-1".to_owned(), customer_id: UserId(Uuid::nil()) }
        .into()
}

fn order_asked_by(service: &Service, subscriber: App) -> Client {
    Client::new(service.router(App::Order)).with("dapr-caller-app-id", subscriber.name())
}

async fn listed(client: &Client, query: PublishedQuery) -> PublishedEvents {
    let answer = client.ask(Operation::ListPublishedOrder, "", Some(json!(query))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

fn at(minute: i64) -> DateTime<Utc> {
    noon() + chrono::TimeDelta::minutes(minute)
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_subject_is_told_whole_and_a_span_only_for_its_subscriber(db: PgPool) {
    let service = Service::new(&db);
    let order = Uuid::now_v7();
    let first = write(&db, order, expired(order), Some(at(0))).await;
    let delivered = OrderDelivered {
        order_id: OrderId(order),
        number: "R-1".to_owned(),
        customer_id: UserId(Uuid::nil()),
        parcel_id: Uuid::now_v7().into(),
    };
    let second = write(&db, order, delivered.into(), Some(at(1))).await;
    let third = write(&db, order, expired(order), None).await;
    let other = write(&db, Uuid::now_v7(), expired(order), Some(at(1))).await;

    let notification = order_asked_by(&service, App::Notification);
    let of_order = listed(&notification, PublishedQuery::Subjects(vec![order, Uuid::now_v7()])).await;
    let ids: Vec<_> = of_order.events.iter().map(|event| (event.id, event.sequence)).collect();
    assert_eq!(ids, [(first, 1), (second, 2), (third, 3)]);
    assert_eq!(of_order.events[2].published_at, None);
    assert_eq!(
        of_order.heads.iter().map(|head| (head.subject, head.sequence)).collect::<Vec<_>>(),
        [(order, 3)]
    );

    let span = |subscriber, after| PublishedQuery::Span { subscriber, from: at(0), until: at(2), after };
    let ids = async |client: &Client, query| {
        listed(client, query).await.events.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&notification, span(App::Notification, None)).await, [first, second, other]);
    assert_eq!(ids(&notification, span(App::Notification, Some((at(1), second)))).await, [other]);
    // product does not hear of deliveries.
    let product = order_asked_by(&service, App::Product);
    assert_eq!(ids(&product, span(App::Product, None)).await, [first, other]);
    let late = PublishedQuery::Span { subscriber: App::Product, from: at(2), until: at(3), after: None };
    assert_eq!(ids(&product, late).await, []);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn only_what_was_published_and_concerns_the_asker_is_sent_again(db: PgPool) {
    let service = Service::new(&db);
    let order = Uuid::now_v7();
    let published = write(&db, order, expired(order), Some(at(0))).await;
    let waiting = write(&db, order, expired(order), None).await;
    let resend = async |subscriber: App| {
        let ids = EventIds { event_ids: vec![published, waiting, EventId(Uuid::now_v7())] };
        let client = order_asked_by(&service, subscriber);
        client.ask(Operation::ResendOrder, "", Some(json!(ids))).await
    };
    // order does not hear its own events, so nobody asks it as order; a stranger is turned away.
    assert_eq!(resend(App::User).await.problem(), "forbidden");
    let answer = resend(App::Product).await;
    assert_eq!(serde_json::from_value::<Resent>(answer.body).unwrap(), Resent { resent: 1 });
    let pending: i64 = sqlx::query_scalar("select count(*) from outbox where published_at is null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(pending, 2);
    assert_eq!(resend(App::Product).await.body["resent"], 0);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_subscriber_tells_what_it_did(db: PgPool) {
    let service = Service::new(&db);
    let events: Vec<_> = (0..4).map(|_| envelope(Uuid::now_v7(), 1)).collect();
    let [handled, failed, discarded, lost] = &events[..] else { panic!("four events") };
    assert_eq!(service.client().deliver(handled).await, "SUCCESS");
    service.refuse(&[failed.clone(), discarded.clone()]).await;
    let row = service.failed_id(discarded).await;
    assert_eq!(service.discard("a", json!({"ids": [row], "reason": "x"})).await.status, 200);

    let order = Client::new(service.router(App::Payment)).with("dapr-caller-app-id", "order");
    let ids = EventIds { event_ids: vec![handled.id, failed.id, discarded.id, lost.id] };
    let answer = order.ask(Operation::CheckHandledPayment, "", Some(json!(ids))).await;
    let expected =
        HandledEvents { handled: vec![handled.id], failed: vec![failed.id], discarded: vec![discarded.id] };
    assert_eq!(serde_json::from_value::<HandledEvents>(answer.body).unwrap(), expected);
    let most = EventIds { event_ids: (0..5_001).map(|_| EventId(Uuid::now_v7())).collect() };
    let answer = order.ask(Operation::CheckHandledPayment, "", Some(json!(most))).await;
    assert_eq!(answer.problem(), "invalid-field");
}
