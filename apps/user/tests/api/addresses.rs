//! The addresses that customers keep.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, Client};

use crate::Stage;

fn address(line1: &str) -> Value {
    json!({"name": "Ada Lovelace", "line1": line1, "city": "London", "postcode": "SW1Y 4JH", "country": "GB"})
}

async fn add(client: &Client, key: &str, line1: &str) -> Answer {
    client.with("idempotency-key", key).ask(Operation::AddAddress, "", Some(address(line1))).await
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_address_is_kept_shown_changed_and_forgotten(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let added = add(&client, "1", "12 St James's Square").await;
    assert_eq!((added.status.as_u16(), added.headers["etag"].to_str().unwrap()), (201, "\"1\""));
    let query = format!("address_id={}", added.body["id"].as_str().unwrap());
    let read = client.ask(Operation::ReadAddress, &query, None).await;
    assert_eq!((read.body.clone(), read.headers["etag"].to_str().unwrap()), (added.body, "\"1\""));

    let change = async |etag: &str| {
        client.with("if-match", etag).ask(Operation::ChangeAddress, &query, Some(address("1 New Road"))).await
    };
    let changed = change("\"1\"").await;
    assert_eq!(
        (changed.body["line1"].as_str(), changed.headers["etag"].to_str().unwrap()),
        (Some("1 New Road"), "\"2\"")
    );
    assert_eq!(change("\"1\"").await.problem(), "precondition-failed");
    let unseen = client.ask(Operation::ChangeAddress, &query, Some(address("x"))).await;
    assert_eq!(unseen.problem(), "precondition-required");

    let remove = client.with("if-match", "\"1\"").ask(Operation::RemoveAddress, &query, None).await;
    assert_eq!(remove.problem(), "precondition-failed");
    assert_eq!(client.ask(Operation::RemoveAddress, &query, None).await.status, 204);
    for operation in [Operation::ReadAddress, Operation::RemoveAddress] {
        assert_eq!(client.ask(operation, &query, None).await.problem(), "not-found");
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_same_key_keeps_one_address(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let (first, second) = (add(&client, "1", "here").await, add(&client, "1", "here").await);
    assert_eq!((first.body, second.status.as_u16()), (second.body, 201));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(add(&client, "1", "there").await.problem(), "idempotency-key-reused");
    let keyless = client.ask(Operation::AddAddress, "", Some(address("here"))).await;
    assert_eq!(keyless.problem(), "idempotency-key-missing");
    let listed = client.ask(Operation::ListAddresses, "", None).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn somebody_elses_address_is_not_found(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, eve) = (stage.customer("ada@example.org").await, stage.customer("eve@example.org").await);
    let added = add(&ada, "1", "12 St James's Square").await;
    let query = format!("address_id={}", added.body["id"].as_str().unwrap());
    assert_eq!(eve.ask(Operation::ReadAddress, &query, None).await.problem(), "not-found");
    assert_eq!(eve.ask(Operation::RemoveAddress, &query, None).await.problem(), "not-found");
    let changed =
        eve.with("if-match", "\"1\"").ask(Operation::ChangeAddress, &query, Some(address("x"))).await;
    assert_eq!(changed.problem(), "not-found");
    assert_eq!(eve.ask(Operation::ListAddresses, "", None).await.body["items"], json!([]));
    assert_eq!(ada.ask(Operation::ReadAddress, &query, None).await.body, added.body);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn pages_follow_each_other_and_there_is_an_end(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    for number in 0..50 {
        assert_eq!(add(&client, &number.to_string(), &format!("{number}")).await.status, 201);
    }
    assert_eq!(add(&client, "51", "one too many").await.problem(), "too-many-addresses");
    let (mut query, mut seen) = ("limit=20".to_owned(), Vec::new());
    loop {
        let page = client.ask(Operation::ListAddresses, &query, None).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["line1"].clone()));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        query = format!("limit=20&cursor={cursor}");
    }
    let expected: Vec<Value> = (0..50).rev().map(|number| json!(number.to_string())).collect();
    assert_eq!(seen, expected);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_is_no_address_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    for (field, value, problem) in [
        ("city", json!(" "), "invalid-field"),
        ("line2", json!("a".repeat(201)), "invalid-field"),
        ("country", json!("uk"), "invalid-field"),
        ("name", json!("a\u{0}b"), "nul-character"),
        ("planet", json!("Earth"), "unknown-field"),
        ("postcode", json!(null), "invalid-field"),
    ] {
        let mut body = address("12 St James's Square");
        body[field] = value;
        let refused = client.with("idempotency-key", "1").ask(Operation::AddAddress, "", Some(body)).await;
        assert_eq!(refused.problem(), problem, "{field}");
    }
}
