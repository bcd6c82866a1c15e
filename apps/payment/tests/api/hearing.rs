//! Every event: once, twice, late, malformed.

use contracts::Event;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::courses::{cancellation, cancelled, capture_requested, refund_requested};
use crate::house::{House, confirmed, envelope, expired, rejected, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn every_event_twice_has_its_effect_once(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    let cause = cancellation();
    let events: [Event; 8] = [
        order.clone().into(),
        reserved(&order).into(),
        confirmed(&order).into(),
        capture_requested(&order, 1999, 1).into(),
        refund_requested(&order, cause, 500).into(),
        cancelled(&order, 500).into(),
        rejected(&order).into(),
        expired(&order).into(),
    ];
    for event in events {
        // The same event again, and the same fact said again.
        let first = house.hear(event.clone()).await;
        assert_eq!(house.client.deliver(&first).await, "SUCCESS");
        house.hear(event).await;
        house.work_through().await;
    }
    assert_eq!(house.counts(&order).await, [1, 1, 2]);
    assert_eq!(
        house.said_names(&order).await,
        ["payment.captured.v1", "payment.refunded.v1", "payment.refunded.v1"]
    );
    assert_eq!(house.tally(&order).await["refunded"], json!({"gbp": 1999}));
    assert_eq!(house.count("inbox").await, 16);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn one_event_delivered_twice_at_once_is_one_event(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    let placed = envelope(order.clone().into(), house.now());
    let stock = envelope(reserved(&order).into(), house.now());
    let (a, b, c, d) = tokio::join!(
        house.client.deliver(&placed),
        house.client.deliver(&stock),
        house.client.deliver(&placed),
        house.client.deliver(&stock)
    );
    assert_eq!([a, b, c, d], ["SUCCESS"; 4]);
    house.work_through().await;
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert_eq!(house.count("payment").await, 1);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_cannot_be_read_is_dropped_with_its_reason_and_changes_nothing(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    let good = |event: Event| envelope(event, house.now()).to_json();
    let broken = |event: Event, change: fn(&mut Value)| {
        let mut json = good(event);
        change(&mut json);
        json.to_string()
    };
    let without_order: fn(&mut Value) = |json| {
        json["data"].as_object_mut().unwrap().remove("order_id");
    };
    let cases = [
        ("order", "not json".to_owned()),
        ("order", "{}".to_owned()),
        ("order", broken(order.clone().into(), |json| json["type"] = json!("order.placed.v9"))),
        ("order", broken(order.clone().into(), |json| json["data"]["total"]["amount"] = json!(-1))),
        ("order", broken(order.clone().into(), |json| json["source"] = json!("mallory"))),
        ("order", broken(order.clone().into(), without_order)),
        ("product", broken(reserved(&order).into(), without_order)),
        ("order", broken(confirmed(&order).into(), without_order)),
        ("order", broken(rejected(&order).into(), without_order)),
        ("order", broken(expired(&order).into(), without_order)),
        ("order", broken(cancelled(&order, 0).into(), without_order)),
        ("order", broken(cancelled(&order, 0).into(), |json| json["data"]["refunds_requested"] = json!(1))),
        ("order", broken(capture_requested(&order, 1, 1).into(), without_order)),
        ("order", broken(capture_requested(&order, 1, 1).into(), |json| json["data"]["round"] = json!(-1))),
        ("order", broken(refund_requested(&order, cancellation(), 1).into(), without_order)),
        (
            "order",
            broken(refund_requested(&order, cancellation(), 1).into(), |json| {
                json["data"]["cause"] = json!("whim");
            }),
        ),
    ];
    let wrong = cases.len();
    for (topic, body) in cases {
        let verdict = house.client.deliver_raw(&format!("/events/{topic}"), body.clone()).await;
        assert_eq!(verdict, "DROP", "{body}");
    }
    assert_eq!(house.count("payment").await, 0);
    assert_eq!(house.count("inbox").await, 0);
    assert_eq!(house.count("failed_event where reason = 'refused'").await, wrong as i64);
}
