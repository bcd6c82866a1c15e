//! What `order` hears and decides: once, twice, late, malformed.

use chrono::TimeDelta;
use contracts::event::{PaymentDeclined, ReservationOverdue, StockRejected, StockReserved};
use contracts::{Event, OrderId, PaymentId, Refusal};
use order::jobs;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, captured, envelope};

fn reserved(order_id: OrderId) -> Event {
    StockReserved { order_id }.into()
}

fn declined(order_id: OrderId) -> Event {
    let refusal = Refusal::PaymentDeclined { code: "insufficient_funds".into() };
    PaymentDeclined { order_id, payment_id: PaymentId(Uuid::nil()), refusal }.into()
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn reserved_and_captured_confirm_in_whatever_order_and_however_often(db: PgPool) {
    let house = House::new(db).await;
    for (key, first_stock) in [("a", true), ("b", false)] {
        let id = house.placed(key).await;
        let mut events = vec![envelope(reserved(id), 1), envelope(captured(id, 9000), 1)];
        if !first_stock {
            events.reverse();
        }
        for event in events.iter().chain(&events) {
            assert_eq!(house.client.deliver(event).await, "SUCCESS");
        }
        // The same fact under another id changes nothing either.
        house.hear(reserved(id), 2).await;
        let order = house.read(id).await;
        assert_eq!(
            (&order["status"], &order["stock_status"], &order["payment_status"]),
            (&json!("confirmed"), &json!("reserved"), &json!("captured"))
        );
    }
    let said = house.said().await;
    assert_eq!(said, ["order.placed.v1", "order.confirmed.v1", "order.placed.v1", "order.confirmed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_refusal_ends_the_order_with_its_reason(db: PgPool) {
    let house = House::new(db).await;
    let short = house.placed("a").await;
    let refusal =
        Refusal::InsufficientStock { product_id: crate::house::product(1), requested: 24, available: 3 };
    house.hear(StockRejected { order_id: short, refusal: refusal.clone() }.into(), 1).await;
    assert_eq!(house.read(short).await["rejection"], json!(refusal));

    let poor = house.placed("b").await;
    house.hear(reserved(poor), 1).await;
    house.hear(declined(poor), 1).await;
    let order = house.read(poor).await;
    assert_eq!(
        (&order["status"], &order["rejection"]["type"]),
        (&json!("rejected"), &json!("payment-declined"))
    );
    assert_eq!(house.said().await.iter().filter(|said| *said == "order.rejected.v1").count(), 2);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_has_not_ended_by_its_deadline_expires_and_late_facts_change_nothing(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    house.hear(reserved(id), 1).await;
    house.app.clock.advance(TimeDelta::seconds(899));
    assert_eq!(jobs::expire_overdue(&house.app).await.unwrap(), 0);
    house.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(jobs::expire_overdue(&house.app).await.unwrap(), 1);
    assert_eq!(jobs::expire_overdue(&house.app).await.unwrap(), 0);

    house.hear(captured(id, 9000), 1).await;
    let order = house.read(id).await;
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("expired"), &json!("captured")));
    assert_eq!(house.said().await, ["order.placed.v1", "order.expired.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn whoever_has_not_heard_the_end_is_told_again(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    house.hear(reserved(id), 1).await;
    // Too early to decide anything.
    house.hear(ReservationOverdue { order_id: id }.into(), 2).await;
    house.hear(captured(id, 9000), 1).await;
    house.hear(ReservationOverdue { order_id: id }.into(), 3).await;
    assert_eq!(house.said().await, ["order.placed.v1", "order.confirmed.v1", "order.confirmed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_cannot_be_handled_is_dropped_with_its_reason(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let unknown = OrderId(Uuid::now_v7());
    assert_eq!(house.client.deliver(&envelope(reserved(unknown), 1)).await, "DROP");
    assert_eq!(house.client.deliver(&envelope(captured(id, 8999), 1)).await, "DROP");
    let mut malformed = envelope(reserved(id), 1).to_json();
    malformed["data"] = json!({});
    let mut unknown_version = envelope(reserved(id), 1).to_json();
    unknown_version["type"] = json!("stock.reserved.v2");
    for body in [malformed.to_string(), "not json".to_owned(), unknown_version.to_string()] {
        assert_eq!(house.client.deliver_raw("/events/product", body).await, "DROP");
    }
    let reasons: Vec<String> = sqlx::query_scalar("select error from failed_event order by first_at")
        .fetch_all(&house.app.db)
        .await
        .unwrap();
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    assert!(reasons[1].contains("GBP 89.99 was paid, the total is GBP 90.00"), "{reasons:?}");
    assert_eq!(house.read(id).await["status"], "placed");
    assert_eq!(house.said().await, ["order.placed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_event_by_invocation_is_refused(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let body = envelope(captured(id, 9000), 1).to_json().to_string();
    let answer = house.client.send("POST", "/events/payment", Some(body)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(house.read(id).await["payment_status"], "awaited");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn the_timeline_tells_what_was_asked_heard_and_decided(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    house.hear(reserved(id), 1).await;
    house.hear(captured(id, 9000), 1).await;
    let told = house.told(id).await;
    assert_eq!(
        told,
        [
            "command place_order",
            "heard stock.reserved.v1",
            "heard payment.captured.v1",
            "decided order.confirmed.v1"
        ]
    );
}
