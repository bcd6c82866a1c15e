//! Bad input, by name: each gets its problem and changes nothing.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, order, pounds, product, product_changed};

fn with(pointer: &str, value: Value) -> Value {
    let mut body = order();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[field] = value;
    body
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn each_wrong_order_is_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    house.hear(product_changed(3, pounds(1), true), 1).await;
    house.hear(product_changed(4, pounds(99_999_999), false), 1).await;
    let euros = contracts::Money::new(1, contracts::Currency::Eur).unwrap();
    house.hear(product_changed(6, euros, false), 1).await;
    // What product answers when it is asked before a refusal.
    let fact = |last: u128, price, archived: bool| {
        json!({"product_id": product(last), "sku": "S", "name": "N", "price": price, "stock_controlled": true,
            "archived": archived, "sequence": 1})
    };
    let products = json!([
        fact(1, pounds(375), false),
        fact(3, pounds(1), true),
        fact(4, pounds(99_999_999), false),
        fact(6, euros, false)
    ]);
    house.sidecar.answer(Operation::FindProducts, 200, json!({"products": products}));

    let line = |last: u128| json!({"product_id": product(last), "quantity": 1});
    let many: Vec<_> = (0..501).map(|_| line(1)).collect();
    let cases = [
        ("unknown product", with("/lines/0/product_id", json!(product(9))), "unknown-product"),
        ("archived product", with("/lines/0/product_id", json!(product(3))), "product-archived"),
        ("quantity 0", with("/lines/0/quantity", json!(0)), "quantity-out-of-range"),
        ("negative quantity", with("/lines/0/quantity", json!(-1)), "quantity-out-of-range"),
        ("quantity over the bound", with("/lines/0/quantity", json!(100_001)), "quantity-out-of-range"),
        (
            "merged over the bound",
            with(
                "/lines",
                json!([
                    {"product_id": product(2), "quantity": 100_000}, {"product_id": product(2), "quantity": 1}
                ]),
            ),
            "quantity-out-of-range",
        ),
        ("more than 500 lines", with("/lines", json!(many)), "too-many-lines"),
        ("no lines", with("/lines", json!([])), "invalid-field"),
        ("a price that is not true", with("/lines/0/unit_price", json!(pounds(1))), "price-changed"),
        ("a total that is not true", with("/expected_total", json!(pounds(1))), "total-changed"),
        ("a price in another currency", with("/lines/0/unit_price", json!(euros)), "currency-mismatch"),
        ("products in two currencies", with("/lines", json!([line(1), line(6)])), "currency-mismatch"),
        (
            "an unknown currency",
            with("/expected_total", json!({"amount": 1, "currency": "XXX"})),
            "invalid-field",
        ),
        (
            "an amount that overflows",
            with("/lines", json!([{"product_id": product(4), "quantity": 100_000}])),
            "amount-out-of-range",
        ),
        (
            "a sent amount out of range",
            with("/expected_total", json!({"amount": 1_000_000_000, "currency": "GBP"})),
            "amount-out-of-range",
        ),
        ("an unknown field", with("/total", json!(1)), "unknown-field"),
        ("an unknown field below", with("/delivery_address/phone", json!("1")), "unknown-field"),
        ("a NUL", with("/reference", json!("a\u{0}b")), "nul-character"),
        ("a long reference", with("/reference", json!("x".repeat(101))), "invalid-field"),
        ("a country that is none", with("/delivery_address/country", json!("gb")), "invalid-field"),
        ("an empty name", with("/delivery_address/name", json!(" ")), "invalid-field"),
        ("an id that is none", with("/payment_method_id", json!("7")), "invalid-field"),
    ];
    for (what, body, problem) in cases {
        let answer = house.place("a", body).await;
        assert_eq!(answer.problem(), problem, "{what}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    }
    assert_eq!((house.count("orders").await, house.count("outbox").await), (0, 0));
    assert_eq!(house.count("idempotency").await, 0);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_changed_price_says_the_new_one(db: PgPool) {
    let house = House::new(db).await;
    let found = json!({"product_id": product(1), "sku": "S1", "name": "N", "price": pounds(375),
        "stock_controlled": true, "archived": false, "sequence": 1});
    house.sidecar.answer(Operation::FindProducts, 200, json!({"products": [found]}));
    let answer = house.place("a", with("/lines/0/unit_price", json!(pounds(370)))).await;
    assert_eq!(answer.body["actual"], json!(pounds(375)));
    assert_eq!(answer.body["expected"], json!(pounds(370)));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_body_that_is_no_order_is_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    let client = house.client.with("idempotency-key", "a");
    let send =
        async |body: String| client.send("POST", "/place_order", Some(body)).await.problem().to_owned();
    assert_eq!(send("lines=1".into()).await, "malformed-json");
    assert_eq!(send(order().to_string()[..40].into()).await, "malformed-json");
    assert_eq!(send("[]".into()).await, "invalid-field");
    assert_eq!(send(format!("{{\"reference\":\"{}\"}}", "x".repeat(300_000))).await, "body-too-large");
    let no_type = client.send("POST", "/place_order", None).await;
    assert_eq!(no_type.problem(), "unsupported-media-type");
    for key in ["", "with space", &"x".repeat(256)] {
        assert_eq!(house.place(key, order()).await.problem(), "idempotency-key-missing");
    }
    let without = house.client.ask(Operation::PlaceOrder, "", Some(order())).await;
    assert_eq!(without.problem(), "idempotency-key-missing");
    assert_eq!(house.count("orders").await, 0);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn parameters_that_cannot_be_read_are_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    let ask =
        async |operation, query: &str| house.client.ask(operation, query, None).await.problem().to_owned();
    assert_eq!(ask(Operation::ReadOrder, "order_id=7").await, "invalid-parameter");
    assert_eq!(ask(Operation::ReadOrder, "").await, "invalid-parameter");
    assert_eq!(ask(Operation::ReadOrder, &format!("order_id={}", Uuid::nil())).await, "not-found");
    assert_eq!(ask(Operation::ReadTimeline, &format!("order_id={}", Uuid::nil())).await, "not-found");
    assert_eq!(ask(Operation::ListOrders, "limit=0").await, "invalid-parameter");
    assert_eq!(ask(Operation::ListOrders, "cursor=forged").await, "invalid-cursor");
    assert_eq!(ask(Operation::ListOrders, "page=2").await, "invalid-parameter");
}
