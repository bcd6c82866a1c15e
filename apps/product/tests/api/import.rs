//! Importing products: by sku, all rows or none, stock received once.

use std::time::{Duration, Instant};

use contracts::{Event, Operation};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::Answer;

use crate::{Shop, keyed, pounds};

fn row(sku: &str, pence: i64, received: i64) -> Value {
    json!({"sku": sku, "name": sku, "price": pounds(pence), "stock_controlled": true, "received": received})
}

async fn import(shop: &Shop, rows: &[Value]) -> Answer {
    keyed(&shop.admin).ask(Operation::ImportProducts, "", Some(json!({"rows": rows}))).await
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_import_creates_changes_and_receives_once_for_a_key(db: PgPool) {
    let shop = Shop::open(db).await;
    let (old, same) = (shop.stock("old", Some(1)).await, shop.stock("same", Some(1)).await);
    let postage = json!({"sku": "POST", "name": "POSTAGE", "price": pounds(1800), "stock_controlled": false,
        "received": 0});
    let rows = [row("new", 375, 24), row("old", 120, 2), row("same", 100, 0), postage];
    let admin = keyed(&shop.admin);
    let body = json!({"rows": rows});
    let imported = admin.ask(Operation::ImportProducts, "", Some(body.clone())).await;
    assert_eq!(imported.status, 200, "{}", imported.body);
    let answered = imported.body["rows"].as_array().unwrap();
    assert_eq!(answered.iter().map(|row| &row["sku"]).collect::<Vec<_>>(), ["new", "old", "same", "POST"]);
    assert_eq!((&answered[1]["product_id"], &answered[2]["product_id"]), (&json!(old), &json!(same)));

    let again = admin.ask(Operation::ImportProducts, "", Some(body)).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &imported.body));
    let new = answered[0]["product_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(shop.level(new).await, [24, 0, 0, 24]);
    assert_eq!(shop.level(old).await, [3, 0, 0, 3]);
    assert_eq!(shop.level(same).await, [1, 0, 0, 1]);
    let changed = shop.product(old).await;
    assert_eq!(
        (&changed.body["price"], &changed.headers["etag"]),
        (&json!(pounds(120)), &"\"2\"".parse().unwrap())
    );

    // Two were there, two are new, one has changed.
    let told = shop.told().await;
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|envelope| matches!(envelope.event, Event::ProductChanged(_))));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn one_wrong_row_leaves_all_out_and_every_wrong_row_is_named(db: PgPool) {
    let shop = Shop::open(db).await;
    let gone = shop.stock("gone", Some(1)).await;
    shop.stock("POST", None).await;
    let archive = shop.admin.with("if-match", "\"1\"");
    archive.ask(Operation::ArchiveProduct, &format!("product_id={gone}"), None).await;

    let rows = [
        row("fine", 375, 24),
        row("gone", 100, 0),
        row("POST", 100, 0),
        row("fine", 375, 24),
        row("many", 375, 1_000_000_001),
        json!({"sku": "bag", "name": "BAG", "price": pounds(1), "stock_controlled": false, "received": 3}),
    ];
    let refused = import(&shop, &rows).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-rows"));
    insta::assert_json_snapshot!(refused.body["rows"], @r#"
    [
      {
        "detail": "the product was archived at 2026-11-01 09:00:00 UTC",
        "problem": "product-archived",
        "row": 1,
        "sku": "gone"
      },
      {
        "detail": "whether a product is under stock control cannot be changed",
        "problem": "conflict",
        "row": 2,
        "sku": "POST"
      },
      {
        "detail": "the sku stands in row 0 already",
        "problem": "sku-taken",
        "row": 3,
        "sku": "fine"
      },
      {
        "detail": "1000000001 pieces cannot be received",
        "problem": "quantity-out-of-range",
        "row": 4,
        "sku": "many"
      },
      {
        "detail": "a product without stock control receives nothing",
        "problem": "invalid-field",
        "row": 5,
        "sku": "bag"
      }
    ]
    "#);
    let listed = shop.anybody.ask(Operation::ListProducts, "archived=true", None).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn rows_that_cannot_be_read_are_named_too(db: PgPool) {
    let shop = Shop::open(db).await;
    let with = |field: &str, value: Value| {
        let mut row = row("fine", 1, 1);
        row[field] = value;
        row
    };
    let rows = [
        row("fine", 1, 1),
        with("sku", json!("two words")),
        with("name", json!("")),
        with("price", json!({"amount": -1, "currency": "GBP"})),
        with("price", json!({"amount": 1, "currency": "pound"})),
        with("received", json!("1")),
        with("colour", json!("red")),
        json!(7),
    ];
    let refused = import(&shop, &rows).await;
    assert_eq!(refused.problem(), "invalid-rows");
    let named: Vec<_> = refused.body["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["row"].as_i64().unwrap(), row["problem"].as_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [
            (1, "invalid-field"),
            (2, "invalid-field"),
            (3, "amount-out-of-range"),
            (4, "invalid-field"),
            (5, "invalid-field"),
            (6, "unknown-field"),
            (7, "invalid-field"),
        ]
    );
    assert_eq!(refused.body["rows"][0]["sku"], "two words");

    assert_eq!(import(&shop, &[]).await.problem(), "invalid-field");
    let many: Vec<_> = (0..1001).map(|number| row(&number.to_string(), 1, 1)).collect();
    assert_eq!(import(&shop, &many).await.problem(), "invalid-field");
    let extra = json!({"rows": [row("fine", 1, 1)], "all": true});
    let unknown = keyed(&shop.admin).ask(Operation::ImportProducts, "", Some(extra)).await;
    assert_eq!(unknown.problem(), "unknown-field");
    let keyless =
        shop.admin.ask(Operation::ImportProducts, "", Some(json!({"rows": [row("fine", 1, 1)]}))).await;
    assert_eq!(keyless.problem(), "idempotency-key-missing");
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn imports_that_meet_wait_for_each_other(db: PgPool) {
    let shop = Shop::open(db).await;
    let rows: Vec<_> = (0..40).map(|number| row(&format!("sku-{number}"), 100, 1)).collect();
    assert_eq!(import(&shop, &rows).await.status, 200);
    let reversed: Vec<_> = rows.iter().rev().cloned().collect();
    let order: [&[Value]; 4] = [&rows, &reversed, &rows, &reversed];
    let answers = futures::future::join_all(order.map(|rows| import(&shop, rows))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let listed = shop.admin.ask(Operation::ListStock, "limit=100", None).await;
    assert!(listed.body["items"].as_array().unwrap().iter().all(|level| level["on_hand"] == 5));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_thousand_rows_take_well_under_a_second(db: PgPool) {
    let shop = Shop::open(db).await;
    let rows: Vec<_> = (0..1000).map(|number| row(&format!("sku-{number}"), 100, 1)).collect();
    let started = Instant::now();
    let imported = import(&shop, &rows).await;
    let elapsed = started.elapsed();
    assert_eq!(imported.status, 200, "{}", imported.body);
    println!("1,000 rows imported in {elapsed:?}");
    // A machine that also compiles is several times slower than one that only serves.
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
    shop.close().await;
}
