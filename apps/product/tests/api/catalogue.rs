//! Creating, changing, archiving, reading and listing products.

use contracts::{Event, Operation, ProductId};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, FakeSidecar};
use uuid::Uuid;

use crate::{Shop, keyed, pounds};

fn clock() -> Value {
    json!({"sku": "22728", "name": "ALARM CLOCK ", "price": pounds(375), "stock_controlled": true})
}

fn id_of(answer: &Answer) -> ProductId {
    ProductId(answer.body["id"].as_str().unwrap().parse().unwrap())
}

fn tag(answer: &Answer) -> &str {
    answer.headers["etag"].to_str().unwrap()
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_product_is_created_once_for_a_key(db: PgPool) {
    let shop = Shop::open(db).await;
    let admin = keyed(&shop.admin);
    let created = admin.ask(Operation::CreateProduct, "", Some(clock())).await;
    assert_eq!((created.status.as_u16(), tag(&created)), (201, "\"1\""));
    let mut body = created.body.clone();
    body["id"] = "[id]".into();
    insta::assert_json_snapshot!(body, @r#"
    {
      "archived": false,
      "available": 0,
      "created_at": "2026-11-01T09:00:00Z",
      "id": "[id]",
      "name": "ALARM CLOCK",
      "price": {
        "amount": 375,
        "currency": "GBP"
      },
      "sku": "22728",
      "stock_controlled": true,
      "updated_at": "2026-11-01T09:00:00Z"
    }
    "#);

    let again = admin.ask(Operation::CreateProduct, "", Some(clock())).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &created.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let mut other = clock();
    other["name"] = "ANOTHER".into();
    let reused = admin.ask(Operation::CreateProduct, "", Some(other)).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
    let taken = keyed(&shop.admin).ask(Operation::CreateProduct, "", Some(clock())).await;
    assert_eq!((taken.status.as_u16(), taken.problem()), (409, "sku-taken"));

    let told = shop.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].subject, told[0].sequence), (id_of(&created).0, 1));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_is_wrong_with_a_new_product_is_named(db: PgPool) {
    let shop = Shop::open(db).await;
    let price = |amount: Value, currency: &str| json!({"amount": amount, "currency": currency});
    let cases = [
        ("sku", json!("two words"), "invalid-field"),
        ("sku", json!(""), "invalid-field"),
        ("sku", json!("x".repeat(65)), "invalid-field"),
        ("name", json!("a\u{0}b"), "nul-character"),
        ("name", json!(" "), "invalid-field"),
        ("name", json!(7), "invalid-field"),
        ("price", price(json!(-1), "GBP"), "amount-out-of-range"),
        ("price", price(json!(100_000_000), "GBP"), "amount-out-of-range"),
        ("price", price(json!(1.5), "GBP"), "invalid-field"),
        ("price", price(json!(1), "XXX"), "invalid-field"),
        ("stock_controlled", Value::Null, "invalid-field"),
        ("discount", json!(1), "unknown-field"),
    ];
    for (field, value, problem) in cases {
        let mut body = clock();
        body[field] = value;
        let refused = keyed(&shop.admin).ask(Operation::CreateProduct, "", Some(body.clone())).await;
        assert_eq!(refused.problem(), problem, "{body}");
    }
    let keyless = shop.admin.ask(Operation::CreateProduct, "", Some(clock())).await;
    assert_eq!(keyless.problem(), "idempotency-key-missing");
    let broken = keyed(&shop.admin).send("POST", "/create_product", Some("{".into())).await;
    assert_eq!(broken.problem(), "malformed-json");
    let large = keyed(&shop.admin).send("POST", "/create_product", Some("1".repeat(300_000))).await;
    assert_eq!(large.problem(), "body-too-large");
    let listed = shop.anybody.ask(Operation::ListProducts, "archived=true", None).await;
    assert_eq!(listed.body["items"], json!([]));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_change_needs_the_version_that_was_read(db: PgPool) {
    let shop = Shop::open(db).await;
    let id = shop.stock("22728", Some(3)).await;
    let query = format!("product_id={id}");
    let body = json!({"price": pounds(395)});

    let blind = shop.admin.ask(Operation::ChangeProduct, &query, Some(body.clone())).await;
    assert_eq!((blind.status.as_u16(), blind.problem()), (428, "precondition-required"));
    let admin = shop.admin.with("if-match", "\"1\"");
    let changed = admin.ask(Operation::ChangeProduct, &query, Some(body.clone())).await;
    assert_eq!((changed.status.as_u16(), tag(&changed)), (200, "\"2\""));
    assert_eq!((&changed.body["price"], &changed.body["available"]), (&json!(pounds(395)), &json!(3)));
    let stale = admin.ask(Operation::ChangeProduct, &query, Some(body.clone())).await;
    assert_eq!((stale.status.as_u16(), stale.problem()), (412, "precondition-failed"));
    assert_eq!(stale.body["current"], "\"2\"");
    let read = shop.product(id).await;
    assert_eq!((tag(&read), &read.body), ("\"2\"", &changed.body));

    // The same again is no change, and so no event.
    let same = shop.admin.with("if-match", "\"2\"").ask(Operation::ChangeProduct, &query, Some(body)).await;
    assert_eq!((same.status.as_u16(), tag(&same)), (200, "\"2\""));
    let unknown = format!("product_id={}", Uuid::now_v7());
    let nothing = admin.ask(Operation::ChangeProduct, &unknown, Some(json!({}))).await;
    assert_eq!(nothing.problem(), "not-found");
    let odd = admin.ask(Operation::ChangeProduct, "product_id=7", Some(json!({}))).await;
    assert_eq!(odd.problem(), "invalid-parameter");
    let fixed = admin.ask(Operation::ChangeProduct, &query, Some(json!({"sku": "other"}))).await;
    assert_eq!(fixed.problem(), "unknown-field");
    assert_eq!(shop.told().await.len(), 2);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_archived_product_is_off_the_catalogue_for_good(db: PgPool) {
    let shop = Shop::open(db).await;
    let (id, other) = (shop.stock("22728", Some(1)).await, shop.stock("22729", None).await);
    let query = format!("product_id={id}");
    let blind = shop.admin.ask(Operation::ArchiveProduct, &query, None).await;
    assert_eq!(blind.problem(), "precondition-required");
    let stale = shop.admin.with("if-match", "\"9\"").ask(Operation::ArchiveProduct, &query, None).await;
    assert_eq!(stale.problem(), "precondition-failed");

    let admin = shop.admin.with("if-match", "\"1\"");
    let archived = admin.ask(Operation::ArchiveProduct, &query, None).await;
    assert_eq!((archived.status.as_u16(), &archived.body["archived"]), (200, &json!(true)));
    let again = admin.ask(Operation::ArchiveProduct, &query, None).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &archived.body));
    let change = json!({"name": "NEW"});
    let changed =
        shop.admin.with("if-match", "\"2\"").ask(Operation::ChangeProduct, &query, Some(change)).await;
    assert_eq!((changed.status.as_u16(), changed.problem()), (409, "product-archived"));

    let ids = async |query| {
        let listed = shop.anybody.ask(Operation::ListProducts, query, None).await;
        let items = listed.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [json!(other)]);
    assert_eq!(ids("archived=true").await, [json!(id), json!(other)]);
    assert_eq!(shop.product(id).await.status, 200);
    let told = shop.told().await;
    let last = told.iter().rfind(|envelope| envelope.subject == id.0).unwrap();
    assert!(matches!(&last.event, Event::ProductChanged(said) if said.archived));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn the_catalogue_is_read_in_pages_of_a_live_size(db: PgPool) {
    let sidecar = FakeSidecar::start().await;
    sidecar.set_configuration("product.largest_page", "2");
    let shop = Shop::open_with(db, sidecar).await;
    let mut ids = Vec::new();
    for sku in ["a", "b", "c", "d", "e"] {
        ids.push(json!(shop.stock(sku, None).await));
    }
    let mut seen = Vec::new();
    let mut query = "limit=50".to_owned();
    loop {
        let page = shop.anybody.ask(Operation::ListProducts, &query, None).await;
        let items = page.body["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()));
        seen.extend(items.iter().map(|item| item["id"].clone()));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=50&cursor={cursor}");
    }
    assert_eq!(seen, ids);
    let forged = shop.anybody.ask(Operation::ListProducts, "cursor=bm9wZQ", None).await;
    assert_eq!(forged.problem(), "invalid-cursor");
    let none = shop.anybody.ask(Operation::ListProducts, "limit=0", None).await;
    assert_eq!(none.problem(), "invalid-parameter");
    let unknown = shop.anybody.ask(Operation::ListProducts, "colour=red", None).await;
    assert_eq!(unknown.problem(), "invalid-parameter");
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn order_is_told_facts_with_the_sequence_of_the_last_event(db: PgPool) {
    let shop = Shop::open(db).await;
    let id = shop.stock("22728", Some(1)).await;
    let change = json!({"price": pounds(395)});
    let admin = shop.admin.with("if-match", "\"1\"");
    let changed = admin.ask(Operation::ChangeProduct, &format!("product_id={id}"), Some(change)).await;
    assert_eq!(changed.status, 200);

    let order = shop.anybody.with("dapr-caller-app-id", "order");
    let body = json!({"product_ids": [id, Uuid::now_v7(), id]});
    let found = order.ask(Operation::FindProducts, "", Some(body)).await;
    assert_eq!(
        found.body,
        json!({"products": [{
            "product_id": id, "sku": "22728", "name": "22728", "price": pounds(395),
            "stock_controlled": true, "archived": false, "sequence": 2,
        }]})
    );
    let ids = |count: usize| json!({"product_ids": (0..count).map(|_| Uuid::now_v7()).collect::<Vec<_>>()});
    assert_eq!(order.ask(Operation::FindProducts, "", Some(ids(500))).await.status, 200);
    let many = order.ask(Operation::FindProducts, "", Some(ids(501))).await;
    assert_eq!(many.problem(), "invalid-field");
    shop.close().await;
}
