//! Orders whose money is taken before their first parcel leaves.

use contracts::event::{PaymentActionRequired, PaymentAuthorised, PaymentDue, StockReserved};
use contracts::{Event, Operation, OrderId, PaymentId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, captured, envelope, parts, pounds};

const BEFORE_SHIPPING: [(&str, &str); 1] = [("order.capture", "before_shipping")];

fn due(order_id: OrderId, round: u32) -> Event {
    let payment_id = PaymentId(Uuid::nil());
    PaymentDue { order_id, payment_id, amount: pounds(9000), round, reason: "expired_card".into() }.into()
}

async fn authorised(house: &House) -> OrderId {
    let id = house.placed("a").await;
    assert_eq!(house.read(id).await["terms"]["capture"], "before_shipping");
    let payment_id = PaymentId(Uuid::nil());
    let (number, customer_id) = ("N".to_owned(), house.ada);
    house.hear(PaymentActionRequired { order_id: id, payment_id, number, customer_id }.into(), 1).await;
    assert_eq!(house.read(id).await["payment_status"], "action_required");
    house.hear(StockReserved { order_id: id }.into(), 1).await;
    house.hear(PaymentAuthorised { order_id: id, payment_id, amount: pounds(9000) }.into(), 2).await;
    assert_eq!(house.read(id).await["payment_status"], "authorised");
    id
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn parcels_wait_for_one_capture_of_what_is_left(db: PgPool) {
    let house = House::configured(db, &BEFORE_SHIPPING).await;
    let id = authorised(&house).await;
    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 4)})).await;
    let order = house.managed(Operation::ShipOrder, "", id, json!({"parts": parts(1, 12)})).await;
    assert_eq!(order["fulfilment_status"], "awaiting_capture");
    house.managed(Operation::ShipOrder, "", id, json!({"parts": parts(1, 6)})).await;
    let asked = house.last(id, "order.capture_requested.v1").await;
    assert_eq!((&asked["amount"], &asked["round"]), (&json!(pounds(7500)), &json!(1)));
    // From here on what is cancelled goes back.
    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 2)})).await;
    assert_eq!(house.last(id, "order.refund_requested.v1").await["amount"], json!(pounds(750)));

    let event = envelope(captured(id, 7500), 3);
    for _ in 0..2 {
        assert_eq!(house.client.deliver(&event).await, "SUCCESS");
    }
    let order = house.read(id).await;
    assert_eq!((&order["fulfilment_status"], &order["captured"]), (&json!("shipped"), &json!(pounds(7500))));
    assert_eq!(
        house.said_of(id).await,
        [
            "order.placed.v1",
            "order.confirmed.v1",
            "order.lines_cancelled.v1",
            "order.capture_requested.v1",
            "order.lines_cancelled.v1",
            "order.refund_requested.v1",
            "order.shipped.v1",
            "order.shipped.v1"
        ]
    );
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_capture_that_failed_waits_for_staff_who_try_again_or_cancel(db: PgPool) {
    let house = House::configured(db, &BEFORE_SHIPPING).await;
    let id = authorised(&house).await;
    let too_early = house.manage(Operation::RequestCapture, "", id, json!({})).await;
    assert_eq!(too_early.problem(), "invalid-transition");
    house.managed(Operation::ShipOrder, "", id, json!({})).await;
    house.hear(due(id, 1), 3).await;
    let order = house.read(id).await;
    assert_eq!(
        (&order["payment_status"], &order["payment_due"]["reason"]),
        (&json!("due"), &json!("expired_card"))
    );
    let seen = house.staff().ask(Operation::ReadOrder, &format!("order_id={id}"), None).await.body;
    assert_eq!(seen["available_actions"], json!(["cancel_order", "request_capture"]));

    house.managed(Operation::RequestCapture, "", id, json!({})).await;
    assert_eq!(house.last(id, "order.capture_requested.v1").await["round"], 2);
    // The first failure once more, late, is not the second round's.
    house.hear(due(id, 1), 4).await;
    assert_eq!(house.read(id).await["payment_status"], "authorised");
    house.hear(due(id, 2), 5).await;
    let order = house.managed(Operation::CancelOrder, "", id, json!({"reason": "card expired"})).await;
    assert_eq!(
        (&order["status"], &order["parcels"][0]["status"]),
        (&json!("cancelled"), &json!("withdrawn"))
    );
    // Captured after all: noted, and nothing leaves.
    house.hear(captured(id, 9000), 6).await;
    let order = house.read(id).await;
    assert_eq!((&order["payment_status"], &order["fulfilment_status"]), (&json!("captured"), &json!("none")));
    assert_eq!(house.said_of(id).await.last().unwrap(), "order.cancelled.v1");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_amount_that_was_not_asked_for_is_refused(db: PgPool) {
    let house = House::configured(db, &BEFORE_SHIPPING).await;
    let id = authorised(&house).await;
    assert_eq!(house.client.deliver(&envelope(captured(id, 9000), 3)).await, "DROP");
    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 4)})).await;
    house.managed(Operation::ShipOrder, "", id, json!({})).await;
    assert_eq!(house.client.deliver(&envelope(captured(id, 9000), 4)).await, "DROP");
    let errors: Vec<String> = sqlx::query_scalar("select error from failed_event order by first_at")
        .fetch_all(&house.app.db)
        .await
        .unwrap();
    assert!(errors[0].contains("GBP 90.00 was captured before it was asked for"), "{errors:?}");
    assert!(errors[1].contains("GBP 90.00 was captured, GBP 75.00 was to be"), "{errors:?}");
    assert_eq!(house.read(id).await["fulfilment_status"], "awaiting_capture");
    let told = house.told(id).await;
    assert_eq!(told.iter().filter(|line| *line == "refused payment.captured.v1").count(), 2, "{told:?}");
}
