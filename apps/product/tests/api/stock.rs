//! Receiving and adjusting stock, and reading the ledger.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Shop, keyed};

fn entry(kind: &str, quantity: i64) -> Value {
    json!({"kind": kind, "quantity": quantity, "reason": "stocktake"})
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn stock_changes_by_movements_once_for_a_key(db: PgPool) {
    let shop = Shop::open(db).await;
    let id = shop.stock("22728", Some(10)).await;
    let query = format!("product_id={id}");
    let admin = keyed(&shop.admin);
    let adjusted = admin.ask(Operation::RecordMovement, &query, Some(entry("adjusted", -3))).await;
    assert_eq!(adjusted.status, 201);
    let again = admin.ask(Operation::RecordMovement, &query, Some(entry("adjusted", -3))).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &adjusted.body));
    let reused = admin.ask(Operation::RecordMovement, &query, Some(entry("adjusted", -4))).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
    let elsewhere = shop.stock("other", Some(9)).await;
    let elsewhere = format!("product_id={elsewhere}");
    let reused = admin.ask(Operation::RecordMovement, &elsewhere, Some(entry("adjusted", -3))).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
    assert_eq!(shop.level(id).await, [7, 0, 0, 7]);

    let ledger = shop.admin.ask(Operation::ListMovements, &query, None).await;
    let mut items = ledger.body["items"].clone();
    for item in items.as_array_mut().unwrap() {
        (item["id"], item["product_id"]) = ("[id]".into(), "[product]".into());
    }
    insta::assert_json_snapshot!(items, @r#"
    [
      {
        "allocated_delta": 0,
        "at": "2026-11-01T09:00:00Z",
        "cause_id": null,
        "id": "[id]",
        "kind": "adjusted",
        "on_hand_delta": -3,
        "order_id": null,
        "product_id": "[product]",
        "reason": "stocktake",
        "reserved_delta": 0
      },
      {
        "allocated_delta": 0,
        "at": "2026-11-01T09:00:00Z",
        "cause_id": null,
        "id": "[id]",
        "kind": "received",
        "on_hand_delta": 10,
        "order_id": null,
        "product_id": "[product]",
        "reason": "delivery",
        "reserved_delta": 0
      }
    ]
    "#);
    let first = shop.admin.ask(Operation::ListMovements, &format!("{query}&limit=1"), None).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second =
        shop.admin.ask(Operation::ListMovements, &format!("{query}&limit=1&cursor={cursor}"), None).await;
    assert_eq!(second.body["items"][0], ledger.body["items"][1]);
    assert_eq!(second.body["next_cursor"], Value::Null);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_cannot_be_moved_is_named_and_changes_nothing(db: PgPool) {
    let shop = Shop::open(db).await;
    let (id, postage) = (shop.stock("22728", Some(10)).await, shop.stock("POST", None).await);
    shop.hear_event(shop.order(&[(id, 4)])).await;

    let short = shop.record(id, entry("adjusted", -7)).await;
    assert_eq!((short.status.as_u16(), short.problem()), (409, "insufficient-stock"));
    assert_eq!((&short.body["requested"], &short.body["available"]), (&json!(7), &json!(6)));
    for (kind, quantity) in [
        ("received", 0),
        ("received", -1),
        ("received", 1_000_000_000),
        ("adjusted", 0),
        ("adjusted", i64::MIN),
        ("adjusted", i64::MAX),
    ] {
        let refused = shop.record(id, entry(kind, quantity)).await;
        assert_eq!(refused.problem(), "quantity-out-of-range", "{kind} {quantity}");
    }
    for (field, value, problem) in [
        ("kind", json!("shipped"), "invalid-field"),
        ("quantity", json!("7"), "invalid-field"),
        ("quantity", json!(1.5), "invalid-field"),
        ("reason", json!(""), "invalid-field"),
        ("order_id", json!(Uuid::now_v7()), "unknown-field"),
    ] {
        let mut body = entry("received", 1);
        body[field] = value;
        assert_eq!(shop.record(id, body).await.problem(), problem, "{field}");
    }
    let uncontrolled = shop.record(postage, entry("received", 1)).await;
    assert_eq!((uncontrolled.status.as_u16(), uncontrolled.problem()), (409, "conflict"));
    let unknown = shop.record(Uuid::now_v7().into(), entry("received", 1)).await;
    assert_eq!(unknown.problem(), "not-found");
    let query = format!("product_id={id}");
    let keyless = shop.admin.ask(Operation::RecordMovement, &query, Some(entry("received", 1))).await;
    assert_eq!(keyless.problem(), "idempotency-key-missing");
    let unknown = format!("product_id={}", Uuid::now_v7());
    assert_eq!(shop.admin.ask(Operation::ListMovements, &unknown, None).await.problem(), "not-found");
    assert_eq!(shop.level(id).await, [10, 4, 0, 6]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn stock_is_listed_in_pages_and_only_where_there_is_some_to_count(db: PgPool) {
    let shop = Shop::open(db).await;
    let (a, _postage, b) =
        (shop.stock("a", Some(1)).await, shop.stock("POST", None).await, shop.stock("b", Some(0)).await);
    let first = shop.admin.ask(Operation::ListStock, "limit=1", None).await;
    let row = |id, sku, pieces| {
        json!({"product_id": id, "sku": sku, "name": sku, "stock_controlled": true, "on_hand": pieces,
            "reserved": 0, "allocated": 0, "available": pieces})
    };
    assert_eq!(first.body["items"], json!([row(a, "a", 1)]));
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = shop.admin.ask(Operation::ListStock, &format!("limit=1&cursor={cursor}"), None).await;
    assert_eq!(second.body, json!({"items": [row(b, "b", 0)], "next_cursor": null}));
    shop.close().await;
}
