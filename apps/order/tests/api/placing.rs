//! Placing an order, once.

use chrono::TimeDelta;
use contracts::permission::Role;
use contracts::{Operation, UserId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, line, now, order, placed_event, pounds, product, product_changed};

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_order_is_taken_at_products_prices_with_its_event(db: PgPool) {
    let house = House::new(db).await;
    let mut body = order();
    body["lines"] = json!([
        {"product_id": product(2), "quantity": 1},
        {"product_id": product(1), "quantity": 20, "unit_price": pounds(375)},
        {"product_id": product(1), "quantity": 4},
    ]);
    body["expected_total"] = json!(pounds(9000));
    let answer = house.place("a", body).await;

    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.body["status"], "placed");
    assert_eq!(answer.body["total"], json!(pounds(9000)));
    assert_eq!(answer.body["lines"].as_array().unwrap().len(), 2);
    assert_eq!(answer.headers["etag"], "\"1\"");

    let id = answer.body["id"].as_str().unwrap().parse().unwrap();
    let placed = placed_event(&house.app.db, id).await;
    assert_eq!(placed.lines, [line(1, 24, pounds(375)), line(2, 1, pounds(0))]);
    assert_eq!(placed.total, pounds(9000));
    assert_eq!(placed.terms.deadline, now() + TimeDelta::seconds(900));
    assert_eq!(placed.terms.charge_by, now() + TimeDelta::seconds(600));
    assert_eq!(house.read(id).await["reference"], "invoice 536370");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_order_is_placed_under_what_holds_for_its_customer_and_keeps_it(db: PgPool) {
    let house = House::new(db).await;
    let scopes = json!([
        {"audience": {"callers": [house.ada]}, "value": 60},
        {"audience": {"percent": 100}, "value": 7},
    ]);
    house.sidecar.set_configuration_scoped("order.return_window", "14", &scopes);
    while house.app.live.version() == 0 {
        tokio::task::yield_now().await;
    }
    let hers = house.placed("a").await;
    let other = house.signer.token(UserId(Uuid::now_v7()), Role::Customer);
    let other = house.client.bearer(&other).with("idempotency-key", "a");
    let other = other.ask(Operation::PlaceOrder, "", Some(order())).await.body;
    assert_eq!(other["terms"]["return_window_days"], 7);

    house.sidecar.set_configuration("order.return_window", "30");
    while house.app.live.version() == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.read(hers).await["terms"]["return_window_days"], 60);
    let later = house.placed("b").await;
    assert_eq!(house.read(later).await["terms"]["return_window_days"], 30);
    assert_eq!(house.read(later).await["terms"]["configuration_version"], 2);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn the_same_key_gives_the_same_answer_and_another_body_is_refused(db: PgPool) {
    let house = House::new(db).await;
    let first = house.place("a", order()).await;
    // Even when the price has changed since.
    house.hear(product_changed(1, pounds(400), false), 2).await;
    let again = house.place("a", order()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");

    let mut other = order();
    other["lines"][0]["quantity"] = json!(25);
    assert_eq!(house.place("a", other).await.problem(), "idempotency-key-reused");
    assert_eq!(house.count("orders").await, 1);
    assert_eq!(house.said().await, ["order.placed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn after_the_answer_is_forgotten_the_key_still_names_its_order(db: PgPool) {
    let house = House::new(db).await;
    let first = house.place("a", order()).await;
    sqlx::query("delete from idempotency").execute(&house.app.db).await.unwrap();
    let again = house.place("a", order()).await;
    assert_eq!(again.body["id"], first.body["id"]);

    let mut other = order();
    other["reference"] = json!("another");
    assert_eq!(house.place("a", other).await.problem(), "idempotency-key-reused");
    assert_eq!(house.count("orders").await, 1);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn twenty_requests_at_once_with_one_key_place_one_order(db: PgPool) {
    let house = House::new(db).await;
    let answers = futures::future::join_all((0..20).map(|_| house.place("a", order()))).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body["id"]), (201, &answers[0].body["id"]));
    }
    assert_eq!(house.count("orders").await, 1);
    assert_eq!(house.said().await, ["order.placed.v1"]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_refusal_leaves_the_key_usable(db: PgPool) {
    let house = House::new(db).await;
    house.sidecar.answer(Operation::FindProducts, 200, json!({"products": []}));
    let mut wrong = order();
    wrong["lines"][0]["product_id"] = json!(product(9));
    assert_eq!(house.place("a", wrong).await.problem(), "unknown-product");
    assert_eq!(house.place("a", order()).await.status, 201);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_product_never_heard_of_is_asked_for_and_then_known(db: PgPool) {
    let house = House::new(db).await;
    let found = json!({"product_id": product(3), "sku": "S3", "name": "POSTAGE", "price": pounds(1800),
        "stock_controlled": false, "archived": false, "sequence": 4});
    house.sidecar.answer(Operation::FindProducts, 200, json!({"products": [found]}));
    let mut body = order();
    body["lines"] = json!([{"product_id": product(3), "quantity": 1}]);
    assert_eq!(house.place("a", body.clone()).await.status, 201);
    assert_eq!(house.place("b", body).await.status, 201);
    let asked = house.sidecar.invocations().iter().filter(|call| call.operation == "find_products").count();
    assert_eq!(asked, 1);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn nothing_is_refused_from_memory(db: PgPool) {
    let house = House::new(db).await;
    let mut body = order();
    body["lines"][0]["unit_price"] = json!(pounds(400));

    // Product cannot be asked: not a refusal.
    house.sidecar.answer(Operation::FindProducts, 503, json!({}));
    let answer = house.place("a", body.clone()).await;
    assert_eq!((answer.problem(), answer.headers["retry-after"].to_str().unwrap()), ("unavailable", "1"));

    // Product says that the client is right.
    let found = json!({"product_id": product(1), "sku": "S1", "name": "ALARM CLOCK", "price": pounds(400),
        "stock_controlled": true, "archived": false, "sequence": 2});
    house.sidecar.answer(Operation::FindProducts, 200, json!({"products": [found]}));
    assert_eq!(house.place("a", body).await.status, 201);

    // And an older event does not take that back.
    house.hear(product_changed(1, pounds(375), false), 1).await;
    let answer = house.place("b", order()).await;
    assert_eq!(answer.body["total"], json!(pounds(9600)));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn orders_are_listed_newest_first_page_by_page(db: PgPool) {
    let house = House::new(db).await;
    let mut placed = Vec::new();
    for key in ["a", "b", "c"] {
        placed.push(house.placed(key).await.to_string());
        house.app.clock.advance(TimeDelta::seconds(1));
    }
    placed.reverse();
    let first = house.client.ask(Operation::ListOrders, "limit=2", None).await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second =
        house.client.ask(Operation::ListOrders, &format!("limit=2&cursor={cursor}"), None).await.body;
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!([ids(&first), ids(&second)].concat(), placed);
    assert!(second["next_cursor"].is_null());
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn how_many_lines_an_order_may_have_is_changed_while_it_runs_and_differs_by_customer(db: PgPool) {
    let house = House::new(db).await;
    let lines = |count: usize| {
        let mut body = order();
        body["lines"] = json!(vec![json!({"product_id": product(1), "quantity": 1}); count]);
        body
    };
    assert_eq!(house.place("a", lines(4)).await.status, 201);

    let scopes = json!([{"audience": {"callers": [house.ada]}, "value": 3}]);
    house.sidecar.set_configuration_scoped("order.most_lines", "2", &scopes);
    while house.app.live.version() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.place("b", lines(3)).await.status, 201, "her own limit");
    let refused = house.place("c", lines(4)).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "too-many-lines"));
    assert_eq!(refused.body["detail"], "4 lines are more than 3");
    let again = house.place("a", lines(4)).await;
    assert_eq!(again.status, 201, "what was placed before stays placed");

    let other = house.signer.token(UserId(Uuid::now_v7()), Role::Customer);
    let other = house.client.bearer(&other);
    let ask = async |key: &str, body| {
        other.with("idempotency-key", key).ask(Operation::PlaceOrder, "", Some(body)).await
    };
    assert_eq!(ask("a", lines(3)).await.body["detail"], "3 lines are more than 2");
    assert_eq!(ask("b", lines(2)).await.status, 201);
    assert_eq!(house.count("orders").await, 3);
}
