//! What is sent back: asked for, received, refunded.

use contracts::event::{DisputeStatus, PaymentDisputed, PaymentRefundFailed, PaymentRefunded};
use contracts::{Event, Operation, OrderId, PaymentId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, envelope, parts, pounds};

pub async fn delivered(house: &House, key: &str) -> OrderId {
    let id = house.confirmed(key).await;
    let order = house.managed(Operation::ShipOrder, "", id, json!({})).await;
    let path = format!("&parcel_id={}", order["parcels"][0]["id"].as_str().unwrap());
    house.managed(Operation::DeliverParcel, &path, id, json!({})).await;
    id
}

/// A return that was asked for; gives its place in the path.
pub async fn requested(house: &House, id: OrderId, pieces: u32) -> String {
    let answer = house.wish(Operation::RequestReturn, id, json!({"parts": parts(1, pieces)})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let last = answer.body["returns"].as_array().unwrap().last().unwrap().clone();
    format!("&return_id={}", last["id"].as_str().unwrap())
}

fn refunded(house: &House, id: OrderId, asked: &Value) -> Event {
    PaymentRefunded {
        order_id: id,
        payment_id: PaymentId(Uuid::nil()),
        number: "N".into(),
        customer_id: house.ada,
        cause: asked["cause"].as_str().unwrap().parse().unwrap(),
        amount: serde_json::from_value(asked["amount"].clone()).unwrap(),
    }
    .into()
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_came_back_is_refunded_in_part_and_then_all_of_it(db: PgPool) {
    let house = House::new(db).await;
    let id = delivered(&house, "a").await;
    assert_eq!(house.read(id).await["available_actions"], json!(["request_return"]));
    let path = requested(&house, id, 10).await;
    assert_eq!(house.read(id).await["fulfilment_status"], "return_requested");
    // Eight of ten arrive, two of them broken.
    let body = json!({"restocked": parts(1, 6), "unusable": parts(1, 2)});
    let order = house.managed(Operation::ReceiveReturn, &path, id, body).await;
    assert_eq!(
        (&order["fulfilment_status"], &order["lines"][0]["returned_quantity"]),
        (&json!("partly_returned"), &json!(8))
    );
    let received = house.last(id, "order.return_received.v1").await;
    assert_eq!((&received["restocked"], &received["unusable"]), (&parts(1, 6), &parts(1, 2)));

    house.managed(Operation::RefundReturn, &path, id, json!({"amount": pounds(2500)})).await;
    let asked = house.last(id, "order.refund_requested.v1").await;
    assert_eq!(asked["amount"], json!(pounds(2500)));
    house.hear(refunded(&house, id, &asked), 2).await;
    let order = house.read(id).await;
    assert_eq!(
        (&order["payment_status"], &order["refunded"]),
        (&json!("partly_refunded"), &json!(pounds(2500)))
    );

    // The other sixteen, for all that they cost.
    let path = requested(&house, id, 16).await;
    house.managed(Operation::ReceiveReturn, &path, id, json!({"restocked": parts(1, 16)})).await;
    house.managed(Operation::RefundReturn, &path, id, json!({})).await;
    let asked = house.last(id, "order.refund_requested.v1").await;
    assert_eq!(asked["amount"], json!(pounds(6000)));
    assert_eq!(house.read(id).await["status"], "confirmed");
    house.hear(refunded(&house, id, &asked), 3).await;
    let order = house.read(id).await;
    assert_eq!((&order["status"], &order["fulfilment_status"]), (&json!("returned"), &json!("returned")));
    assert_eq!(
        (&order["payment_status"], &order["refunded"]),
        (&json!("partly_refunded"), &json!(pounds(8500)))
    );
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_refund_that_failed_and_a_dispute_are_shown(db: PgPool) {
    let house = House::new(db).await;
    let id = delivered(&house, "a").await;
    let path = requested(&house, id, 1).await;
    house.managed(Operation::ReceiveReturn, &path, id, json!({"unusable": parts(1, 1)})).await;
    house.managed(Operation::RefundReturn, &path, id, json!({})).await;
    let asked = house.last(id, "order.refund_requested.v1").await;
    let Event::PaymentRefunded(made) = refunded(&house, id, &asked) else { unreachable!() };
    let payment_id = made.payment_id;
    let (cause, amount) = (made.cause, made.amount);
    let failed = PaymentRefundFailed { order_id: id, payment_id, cause, amount };
    // The failure was said after the success, and is heard before it.
    house.hear(failed.into(), 3).await;
    house.hear(made.clone().into(), 2).await;
    let order = house.read(id).await;
    assert_eq!((&order["refund_failed"], &order["refunds"][0]["status"]), (&json!(true), &json!("failed")));
    house.hear(made.into(), 4).await;
    assert_eq!(house.read(id).await["refund_failed"], false);

    let wrong = PaymentRefundFailed { order_id: id, payment_id, cause, amount: pounds(1) };
    assert_eq!(house.client.deliver(&envelope(wrong.into(), 5)).await, "DROP");
    let disputed = |status| PaymentDisputed {
        order_id: id,
        payment_id,
        dispute_id: "dp_1".into(),
        amount: pounds(9000),
        status,
    };
    house.hear(disputed(DisputeStatus::Open).into(), 6).await;
    assert_eq!(house.read(id).await["disputed"], true);
    house.hear(disputed(DisputeStatus::Won).into(), 7).await;
    let order = house.read(id).await;
    assert_eq!((&order["disputed"], &order["disputes"][0]["status"]), (&json!(false), &json!("won")));
}
