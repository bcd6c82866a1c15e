//! Commands that are refused, by name: each leaves the order as it was, and a line on its timeline.

use chrono::TimeDelta;
use contracts::permission::Role;
use contracts::{Currency, Money, Operation, OrderId, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, parts, pounds, product};
use crate::returning::{delivered, requested};

async fn refused(house: &House, operation: Operation, path: &str, id: OrderId, body: Value) -> String {
    let before = house.read(id).await;
    let answer = house.manage(operation, path, id, body).await;
    assert_eq!(house.read(id).await, before, "{}", operation.name());
    answer.problem().to_owned()
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_part_is_not_cancelled_before_the_order_is_confirmed(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let answer = house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 24)})).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "only-whole"));
    assert_eq!(house.told(id).await, ["command place_order", "refused cancel_order"]);
    assert_eq!(house.said_of(id).await, ["order.placed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_was_shipped_has_ended_or_is_somebody_elses_is_not_cancelled(db: PgPool) {
    let house = House::new(db).await;
    let shipped = house.confirmed("a").await;
    house.managed(Operation::ShipOrder, "", shipped, json!({})).await;
    for body in [json!({}), json!({"parts": parts(1, 1)})] {
        let answer = house.wish(Operation::CancelOrder, shipped, body).await;
        assert_eq!((answer.problem(), &answer.body["reason"]), ("not-cancellable", &json!("shipped")));
    }
    let ended = house.placed("b").await;
    house.wish(Operation::CancelOrder, ended, json!({})).await;
    let answer = house.wish(Operation::CancelOrder, ended, json!({})).await;
    assert_eq!((answer.problem(), &answer.body["reason"]), ("not-cancellable", &json!("cancelled")));
    assert_eq!(answer.body["detail"], "it is cancelled");

    let open = house.placed("c").await;
    let bob = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Customer));
    for operation in [Operation::CancelOrder, Operation::RequestReturn] {
        let bob = bob.with("idempotency-key", operation.name());
        let body = json!({"parts": parts(1, 1), "reason": "mine now"});
        let answer = bob.ask(operation, &format!("order_id={open}"), Some(body)).await;
        assert_eq!(answer.problem(), "not-found", "{}", operation.name());
    }
    assert_eq!(house.told(open).await, ["command place_order"]);
    let answer = house.wish(Operation::CancelOrder, OrderId(Uuid::now_v7()), json!({})).await;
    assert_eq!(answer.problem(), "not-found");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn each_wrong_part_is_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let cases = [
        ("more than was ordered", json!({"parts": parts(1, 25)}), "quantity-exceeded"),
        (
            "more than was ordered, in two",
            json!({"parts": [parts(1, 12)[0], parts(1, 13)[0]]}),
            "quantity-exceeded",
        ),
        ("what was not ordered", json!({"parts": parts(2, 1)}), "quantity-exceeded"),
        ("nothing", json!({"parts": []}), "invalid-field"),
        ("no pieces", json!({"parts": parts(1, 0)}), "quantity-out-of-range"),
        (
            "an unknown field",
            json!({"parts": [{"product_id": product(1), "quantity": 1, "price": 1}]}),
            "unknown-field",
        ),
        ("an unknown field beside", json!({"part": []}), "unknown-field"),
    ];
    for operation in [Operation::CancelOrder, Operation::ShipOrder] {
        for (what, body, problem) in &cases {
            let mut body = body.clone();
            if operation == Operation::CancelOrder {
                body["reason"] = json!("test");
            }
            let answer = refused(&house, operation, "", id, body).await;
            assert_eq!(&answer, problem, "{}: {what}", operation.name());
        }
    }
    assert_eq!(house.said_of(id).await, ["order.placed.v1", "order.confirmed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_order_that_is_not_confirmed_is_not_shipped_and_no_parcel_is_delivered_twice(db: PgPool) {
    let house = House::new(db).await;
    let open = house.placed("a").await;
    assert_eq!(refused(&house, Operation::ShipOrder, "", open, json!({})).await, "invalid-transition");
    let id = delivered(&house, "b").await;
    assert_eq!(refused(&house, Operation::ShipOrder, "", id, json!({})).await, "invalid-transition");
    let parcel = house.read(id).await["parcels"][0]["id"].as_str().unwrap().to_owned();
    let again =
        refused(&house, Operation::DeliverParcel, &format!("&parcel_id={parcel}"), id, json!({})).await;
    assert_eq!(again, "invalid-transition");
    let unknown = format!("&parcel_id={}", Uuid::now_v7());
    assert_eq!(refused(&house, Operation::DeliverParcel, &unknown, id, json!({})).await, "not-found");
    let answer = house.manage(Operation::DeliverParcel, "&parcel_id=x", id, json!({})).await;
    assert_eq!(answer.problem(), "invalid-parameter");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_return_of_more_than_was_delivered_or_after_its_time_is_refused(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    house.managed(Operation::ShipOrder, "", id, json!({})).await;
    let ask = async |pieces: u32| {
        house.wish(Operation::RequestReturn, id, json!({"parts": parts(1, pieces)})).await
    };
    assert_eq!(ask(1).await.problem(), "quantity-exceeded");
    let parcel = house.read(id).await["parcels"][0]["id"].as_str().unwrap().to_owned();
    house.managed(Operation::DeliverParcel, &format!("&parcel_id={parcel}"), id, json!({})).await;
    let answer = ask(25).await;
    assert_eq!((answer.problem(), &answer.body["left"]), ("quantity-exceeded", &json!(24)));
    assert_eq!(
        house.wish(Operation::RequestReturn, id, json!({"parts": []})).await.problem(),
        "invalid-field"
    );
    assert_eq!(house.wish(Operation::RequestReturn, id, json!({})).await.problem(), "invalid-field");
    requested(&house, id, 20).await;
    assert_eq!(ask(5).await.body["left"], 4);
    house.app.clock.advance(TimeDelta::days(30));
    assert_eq!(ask(4).await.problem(), "return-window-closed");
    assert_eq!(house.told(id).await.iter().filter(|line| *line == "refused request_return").count(), 5);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_refund_is_never_more_than_came_back_nor_in_another_currency_nor_for_just_anybody(db: PgPool) {
    let house = House::new(db).await;
    let id = delivered(&house, "a").await;
    let path = requested(&house, id, 2).await;
    let refund = async |body: Value| refused(&house, Operation::RefundReturn, &path, id, body).await;
    assert_eq!(refund(json!({})).await, "invalid-transition");
    let too_many = json!({"restocked": parts(1, 1), "unusable": parts(1, 2)});
    assert_eq!(refused(&house, Operation::ReceiveReturn, &path, id, too_many).await, "quantity-exceeded");
    house.managed(Operation::ReceiveReturn, &path, id, json!({"restocked": parts(1, 2)})).await;
    let twice = refused(&house, Operation::ReceiveReturn, &path, id, json!({})).await;
    assert_eq!(twice, "invalid-transition");

    let euros = Money::new(1, Currency::Eur).unwrap();
    assert_eq!(refund(json!({"amount": euros})).await, "currency-mismatch");
    assert_eq!(refund(json!({"amount": pounds(751)})).await, "refund-exceeded");
    assert_eq!(refund(json!({"amount": pounds(0)})).await, "amount-out-of-range");
    assert_eq!(refund(json!({"amount": {"amount": -1, "currency": "GBP"}})).await, "amount-out-of-range");
    let query = format!("order_id={id}{path}");
    let shipper = house.signer.sign(&house.signer.claims(house.ada, "orders:manage orders:change"));
    let shipper = house.client.bearer(&shipper).with("if-match", "\"1\"").with("idempotency-key", "k");
    let answer = shipper.ask(Operation::RefundReturn, &query, Some(json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (403, "forbidden"));

    house.managed(Operation::RefundReturn, &path, id, json!({"amount": pounds(1)})).await;
    assert_eq!(refund(json!({"amount": pounds(1)})).await, "invalid-transition");
    assert_eq!(house.said_of(id).await.iter().filter(|said| said.contains("refund")).count(), 1);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn staff_acts_only_on_what_it_has_seen_and_under_a_key(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let query = format!("order_id={id}");
    let staff = house.staff();
    let ship = async |client: &testkit::Client| {
        client.ask(Operation::ShipOrder, &query, Some(json!({}))).await.problem().to_owned()
    };
    assert_eq!(ship(&staff.with("if-match", "\"3\"")).await, "idempotency-key-missing");
    let keyed = staff.with("idempotency-key", "k");
    assert_eq!(ship(&keyed).await, "precondition-required");
    assert_eq!(ship(&keyed.with("if-match", "3")).await, "precondition-failed");
    // A customer may leave it out, but not be wrong.
    let answer = house.client.with("idempotency-key", "c").with("if-match", "\"1\"");
    let answer = answer.ask(Operation::CancelOrder, &query, Some(json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (412, "precondition-failed"));
    assert_eq!(answer.body["order"]["status"], "confirmed");
    assert_eq!(house.read(id).await["status"], "confirmed");
}
