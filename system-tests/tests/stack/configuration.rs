//! A changed key is live in its service without a restart.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::json;

use crate::house::{House, house};

/// Sets a key as an administrator would, and waits until `order` places by it.
pub async fn set(house: &House, key: &str, value: u64) {
    let token = house.administrator().await;
    let path = format!("/v1/configuration/{key}");
    let (status, present) = house.ask(Method::GET, &path, &token, None).await;
    assert_eq!(status, 200, "{present}");
    let tag = format!("\"{}\"", present["version"]);
    let body = json!({"value": value, "reason": "a system test"});
    let (status, answer) = house.ask_with(Method::PUT, &path, &token, Some(body), &[("if-match", tag)]).await;
    assert_eq!(status, 200, "{answer}");
    let version = answer["version"].as_u64().unwrap();

    let product = house.product(100).await;
    let customer = house.customer("pm_card_visa").await;
    house
        .until("the change is live", async || {
            let order = house.place(&customer, &product, 1).await;
            let order = house.ended(&customer, &order).await;
            (order["terms"]["configuration_version"].as_u64().unwrap() >= version).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_changed_deadline_applies_to_the_next_order() {
    let house = house();
    set(&house, "order.deadline", 600).await;
    let product = house.product(1).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 1).await;
    let order = house.ended(&customer, &order).await;
    let at = |value: &serde_json::Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!((at(&order["terms"]["deadline"]) - at(&order["placed_at"])).num_seconds(), 600);
    set(&house, "order.deadline", 900).await;
}
