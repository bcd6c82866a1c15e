//! What is taken back ends, a machine is let in for as long as it may be, and keys change under everybody's hands.

use contracts::Operation;
use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, PASSWORD, house};

/// Status and, where it is a problem, its name.
async fn asked(house: &House, path: &str, token: &str) -> (u16, String) {
    let (status, answer) = house.ask(Method::GET, path, token, None).await;
    let name = answer["type"].as_str().unwrap_or_default().trim_start_matches("/problems/").to_owned();
    (status.as_u16(), name)
}

async fn until_refused(house: &House, token: &str, name: &str) {
    let refused = house
        .until(&format!("it is refused as {name}"), async || {
            let (status, name) = asked(house, "/v1/orders", token).await;
            (status != 200).then_some((status, name))
        })
        .await;
    assert_eq!(refused, (401, name.to_owned()));
}

async fn audit(house: &House, query: &str) -> Vec<Value> {
    let admin = house.administrator().await;
    let (status, answer) = house.ask(Method::GET, &format!("/v1/audit?{query}"), &admin, None).await;
    assert_eq!(status, 200, "{answer}");
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_session_that_ended_is_refused_before_its_token_ends() {
    let house = house();
    let (customer, other) = (house.customer("pm_card_visa").await, house.customer("pm_card_visa").await);
    assert_eq!(asked(&house, "/v1/orders", &customer.token).await.0, 200);
    let path = Operation::LogOutEverywhere.row();
    let method = Method::from_bytes(path.method.name().as_bytes()).unwrap();
    let (status, answer) = house.ask(method, path.path.unwrap(), &customer.token, None).await;
    assert_eq!(status, 204, "{answer}");
    until_refused(&house, &customer.token, "revoked-token").await;
    assert_eq!(asked(&house, "/v1/orders", &other.token).await.0, 200);
}

#[tokio::test]
async fn a_machine_reaches_the_services_within_its_permissions_until_its_key_is_revoked() {
    let house = house();
    let customer = house.customer("pm_card_visa").await;
    let body = json!({"name": "scanner", "permissions": ["orders:read"], "expires_in_days": 1, "password": PASSWORD});
    let (status, created) = house.ask(Method::POST, "/v1/api-keys", &customer.token, Some(body)).await;
    assert_eq!(status, 201, "{created}");
    let key = created["key"].as_str().unwrap();
    assert_eq!(asked(&house, "/v1/orders", key).await.0, 200);
    assert_eq!(asked(&house, "/v1/payment-methods", key).await, (403, "forbidden".to_owned()));
    let path = format!("/v1/api-keys/{}", created["id"].as_str().unwrap());
    let (status, _) = house.ask(Method::DELETE, &path, &customer.token, None).await;
    assert_eq!(status, 204);
    until_refused(&house, key, "invalid-token").await;
    assert_eq!(asked(&house, "/v1/orders", "cwk_guessed").await, (401, "invalid-token".to_owned()));
}

#[tokio::test]
async fn a_new_signing_key_logs_nobody_out_and_is_written_down() {
    let house = house();
    let (admin, before) = (house.administrator().await, house.customer("pm_card_visa").await);
    let (status, made) = house.ask(Method::POST, "/v1/signing-keys", &admin, None).await;
    assert_eq!(status, 201, "{made}");
    house
        .until("the new key signs", async || {
            let (_, keys) = house.ask(Method::GET, "/v1/signing-keys", &admin, None).await;
            let signs = |key: &&Value| key["kid"] == made["kid"] && key["signs"] == json!(true);
            keys["items"].as_array().unwrap().iter().find(signs).map(|_| ())
        })
        .await;
    let after = house.customer("pm_card_visa").await;
    for token in [&before.token, &after.token] {
        for path in ["/v1/me", "/v1/orders", "/v1/payment-methods", "/v1/messages"] {
            assert_eq!(asked(&house, path, token).await.0, 200, "{path}");
        }
    }
    house
        .until("how it ended is written down", async || {
            let entries = audit(&house, "operation=rotate_signing_keys&limit=100").await;
            entries.iter().find(|entry| entry["status"] == json!(201)).map(|_| ())
        })
        .await;
}

#[tokio::test]
async fn a_refusal_of_permission_is_written_down() {
    let house = house();
    let customer = house.customer("pm_card_visa").await;
    assert_eq!(asked(&house, "/v1/stock", &customer.token).await, (403, "forbidden".to_owned()));
    let (_, me) = house.ask(Method::GET, "/v1/me", &customer.token, None).await;
    let query = format!("result=refused&actor={}", me["id"].as_str().unwrap());
    let entry = house
        .until("the refusal is in the log", async || audit(&house, &query).await.into_iter().next())
        .await;
    assert_eq!((&entry["operation"], &entry["permission"]), (&json!("list_stock"), &json!("stock:read")));
    assert_eq!(entry["address"], json!("127.0.0.1"));
}
