//! Delivered events: the verdict, the effect, and the row that says why not.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::stage::{Mood, Service, envelope, failed};

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_is_handled_once_however_often_it_comes(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1);
    assert_eq!(service.client().deliver(&event).await, "SUCCESS");
    assert_eq!(service.client().deliver(&event).await, "SUCCESS");
    assert_eq!(service.seen(), [event.id]);
    assert_eq!(failed(&db).await, []);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_of_no_concern_is_let_go(db: PgPool) {
    let service = Service::new(&db);
    let order = Uuid::now_v7();
    let mut json = envelope(order, 1).to_json();
    json["source"] = json!("product");
    json["type"] = json!("stock.rejected.v1");
    json["data"] = json!({ "order_id": order, "refusal": { "type": "too-late" } });
    assert_eq!(service.client().deliver_raw("/events/product", json.to_string()).await, "SUCCESS");
    assert_eq!((service.seen(), failed(&db).await), (vec![], vec![]));
}

async fn refused(db: &PgPool, path: &str, body: String) -> String {
    let service = Service::new(db);
    assert_eq!(service.client().deliver_raw(path, body).await, "DROP");
    assert_eq!(service.seen(), []);
    let rows = failed(db).await;
    let [(_, reason, error, attempts, handled)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((reason.as_str(), *attempts, *handled), ("refused", 1, false));
    error.clone()
}

fn without(field: &str) -> Value {
    let mut json = envelope(Uuid::now_v7(), 1).to_json();
    json.as_object_mut().unwrap().remove(field);
    json
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_unknown_type_is_refused_with_a_row(db: PgPool) {
    let mut json = envelope(Uuid::now_v7(), 1).to_json();
    json["type"] = json!("order.split.v1\u{0}");
    let error = refused(&db, "/events/order", json.to_string()).await;
    assert_eq!(error, "unknown event type \"order.split.v1\\0\"");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_is_not_json_is_refused_with_a_row(db: PgPool) {
    let error = refused(&db, "/events/order", "seven\u{0}".to_owned()).await;
    assert!(error.starts_with("not a JSON CloudEvent: "), "{error}");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_missing_field_is_refused_with_a_row(db: PgPool) {
    let error = refused(&db, "/events/order", without("sequence").to_string()).await;
    assert!(error.contains("missing field `sequence`"), "{error}");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn missing_data_is_refused_with_a_row(db: PgPool) {
    let mut json = envelope(Uuid::now_v7(), 1).to_json();
    json["data"] = json!({ "order_id": Uuid::now_v7() });
    let error = refused(&db, "/events/order", json.to_string()).await;
    assert!(error.contains("order.expired.v1 has unreadable data: missing field `number`"), "{error}");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_on_anothers_topic_is_refused(db: PgPool) {
    let event = envelope(Uuid::now_v7(), 1).to_json().to_string();
    assert_eq!(refused(&db, "/events/product", event).await, "published by order to the topic of product");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_beyond_every_limit_is_refused(db: PgPool) {
    let error = refused(&db, "/events/order", "x".repeat(4 * 1024 * 1024 + 1)).await;
    assert_eq!(error, "larger than 4 MiB");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_refusal_is_one_row_with_its_place_and_its_attempts(db: PgPool) {
    let service = Service::new(&db);
    service.set_mood(Mood::Drops);
    let event = envelope(Uuid::now_v7(), 7);
    let client = service.client().with("__partition", "3").with("__offset", "41");
    assert_eq!(client.deliver(&event).await, "DROP");
    assert_eq!(client.deliver(&event).await, "DROP");
    let row = ("order".to_owned(), "refused".to_owned(), "an order of nothing".to_owned(), 2, false);
    assert_eq!(failed(&db).await, [row]);
    let columns: (Uuid, String, Uuid, i64, i32, i64, Vec<u8>) = sqlx::query_as(
        "select event_id, type, subject, sequence, partition, kafka_offset, payload from failed_event",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    let payload = event.to_json().to_string().into_bytes();
    let expected = (event.id.0, "order.expired.v1".to_owned(), event.subject, 7, 3, 41, payload);
    assert_eq!(columns, expected);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn the_same_rubbish_at_two_places_is_two_failures(db: PgPool) {
    let client = Service::new(&db).client().with("__partition", "3");
    for offset in ["41", "42", "42"] {
        let client = client.with("__offset", offset);
        assert_eq!(client.deliver_raw("/events/order", "rubbish".to_owned()).await, "DROP");
    }
    assert_eq!(failed(&db).await.iter().map(|row| row.3).collect::<Vec<_>>(), [1, 2]);
    // Without a place, what it holds tells one from another.
    let client = Service::new(&db).client();
    for body in ["rubbish", "rubbish", "litter"] {
        assert_eq!(client.deliver_raw("/events/order", body.to_owned()).await, "DROP");
    }
    assert_eq!(failed(&db).await.iter().map(|row| row.3).collect::<Vec<_>>(), [1, 2, 2, 1]);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_cannot_be_handled_now_is_tried_again_without_a_row(db: PgPool) {
    let service = Service::new(&db);
    service.set_mood(Mood::Retries);
    let event = envelope(Uuid::now_v7(), 1);
    assert_eq!(service.client().deliver(&event).await, "RETRY");
    assert_eq!(failed(&db).await, []);
    service.set_mood(Mood::Works);
    assert_eq!(service.client().deliver(&event).await, "SUCCESS");
    assert_eq!(service.seen(), [event.id]);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn without_a_database_nothing_is_dropped(db: PgPool) {
    let service = Service::new(&db);
    let client = service.client();
    db.close().await;
    assert_eq!(client.deliver(&envelope(Uuid::now_v7(), 1)).await, "RETRY");
    assert_eq!(client.deliver_raw("/events/order", "rubbish".to_owned()).await, "RETRY");
    assert_eq!(client.deliver_raw("/dead/order", "rubbish".to_owned()).await, "RETRY");
}
