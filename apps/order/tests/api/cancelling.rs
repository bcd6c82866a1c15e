//! Cancelling: the whole before and after it is confirmed, and parts of what is left.

use contracts::event::{PaymentRefunded, PaymentVoided};
use contracts::{Operation, PaymentId, RefundCause};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, captured, parts, pounds, product};

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_customer_cancels_an_order_that_is_not_confirmed_yet(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let answer = house.wish(Operation::CancelOrder, id, json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        (&answer.body["status"], &answer.headers["etag"]),
        (&json!("cancelled"), &"\"2\"".parse().unwrap())
    );
    assert_eq!(house.read(id).await, answer.body);
    assert_eq!(house.said_of(id).await, ["order.placed.v1", "order.cancelled.v1"]);
    assert_eq!(house.last(id, "order.cancelled.v1").await["refunds_requested"], json!(pounds(0)));

    // The money that comes too late is noted, and what payment gives back on its own too.
    house.hear(captured(id, 9000), 1).await;
    let (cause, amount) = (RefundCause::FinalEnd, pounds(9000));
    let (payment_id, customer_id, number) = (PaymentId(Uuid::nil()), house.ada, "N".to_owned());
    let refunded = PaymentRefunded { order_id: id, payment_id, number, customer_id, cause, amount };
    house.hear(refunded.into(), 2).await;
    let order = house.read(id).await;
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!(order["refunds"][0]["cause"], "final_end");
    assert_eq!(house.said_of(id).await, ["order.placed.v1", "order.cancelled.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_confirmed_order_is_cancelled_while_nothing_has_left(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    assert_eq!(house.read(id).await["available_actions"], json!(["cancel_order"]));
    let answer = house.wish(Operation::CancelOrder, id, json!({})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("cancelled")));
    assert_eq!(answer.body["lines"][0]["cancelled_quantity"], 24);
    assert_eq!(answer.body["available_actions"], json!([]));
    house.hear(PaymentVoided { order_id: id, payment_id: PaymentId(Uuid::nil()) }.into(), 2).await;
    assert_eq!(house.said_of(id).await, ["order.placed.v1", "order.confirmed.v1", "order.cancelled.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn parts_go_back_as_refunds_and_the_rest_with_the_end(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let body = json!({"parts": [
        {"product_id": product(1), "quantity": 1}, {"product_id": product(1), "quantity": 3}
    ]});
    let answer = house.wish(Operation::CancelOrder, id, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let order = &answer.body;
    assert_eq!(
        (&order["status"], &order["lines"][0]["cancelled_quantity"]),
        (&json!("confirmed"), &json!(4))
    );
    assert_eq!((&order["total"], &order["lines"][0]["quantity"]), (&json!(pounds(9000)), &json!(24)));
    let cancellation = &order["cancellations"][0];
    assert_eq!((&cancellation["amount"], &cancellation["parts"]), (&json!(pounds(1500)), &parts(1, 4)));
    let refund = house.last(id, "order.refund_requested.v1").await;
    let cause = format!("cancellation:{}", cancellation["id"].as_str().unwrap());
    assert_eq!((&refund["amount"], &refund["cause"]), (&json!(pounds(1500)), &json!(cause)));

    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 2)})).await;
    // All that is left, with nothing shipped, is the whole.
    let answer = house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 18)})).await;
    assert_eq!(answer.body["status"], "cancelled", "{}", answer.body);
    assert_eq!(house.last(id, "order.cancelled.v1").await["refunds_requested"], json!(pounds(2250)));
    let cancelled: i64 = answer.body["cancellations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cancellation| cancellation["amount"]["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(cancelled, 9000);
    assert_eq!(
        house.said_of(id).await[2..],
        [
            "order.lines_cancelled.v1",
            "order.refund_requested.v1",
            "order.lines_cancelled.v1",
            "order.refund_requested.v1",
            "order.cancelled.v1"
        ]
    );
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn staff_cancels_anybodys_order_and_says_why(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let answer = house.manage(Operation::CancelOrder, "", id, json!({})).await;
    assert_eq!(answer.problem(), "invalid-field");
    let answer = house.manage(Operation::CancelOrder, "", id, json!({"reason": " "})).await;
    assert_eq!(answer.problem(), "invalid-field");
    let order = house.managed(Operation::CancelOrder, "", id, json!({"reason": "recalled"})).await;
    assert_eq!(order["status"], "cancelled");
    let (who, detail): (String, Value) =
        sqlx::query_as("select who, detail from timeline_entry where name = 'cancel_order'")
            .fetch_one(&house.app.db)
            .await
            .unwrap();
    assert_eq!((who, &detail["reason"]), (Uuid::from_u128(77).to_string(), &json!("recalled")));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn the_same_key_gives_the_same_answer_even_when_it_was_forgotten(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let ask = async |pieces: u32| {
        let client = house.client.with("idempotency-key", "cancel-1");
        let body = json!({"parts": parts(1, pieces)});
        client.ask(Operation::CancelOrder, &format!("order_id={id}"), Some(body)).await
    };
    let first = ask(1).await;
    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 5)})).await;
    let again = ask(1).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(ask(2).await.problem(), "idempotency-key-reused");

    sqlx::query("delete from idempotency").execute(&house.app.db).await.unwrap();
    assert_eq!(ask(2).await.problem(), "idempotency-key-reused");
    let late = ask(1).await;
    assert_eq!((late.status, &late.body["lines"][0]["cancelled_quantity"]), (first.status, &json!(6)));
    assert_eq!(house.count("cancellation").await, 2);
}
