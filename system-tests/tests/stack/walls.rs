//! What must not be possible: invoking what the operation table does not grant, another's secrets, a bad event's harm.

use contracts::App;
use contracts::operation::OPERATIONS;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::house::{House, house};

/// What `caller`'s own sidecar answers when it is asked to invoke this.
async fn invoke(house: &House, caller: App, method: Method, target: &str) -> (StatusCode, String) {
    let port = house.instance.ports.dapr_http(caller);
    let token = house.instance.secret(&format!("token/{caller}/dapr")).unwrap();
    let answer = house
        .http
        .request(method, format!("http://127.0.0.1:{port}/v1.0/invoke/{target}"))
        .header("dapr-api-token", token)
        .header("x-forwarded-for", uuid::Uuid::now_v7().to_string())
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_service_can_invoke_what_the_operation_table_grants_and_nothing_else() {
    let house = house();
    for row in OPERATIONS {
        for caller in App::ALL.into_iter().filter(|caller| *caller != row.owner) {
            let method: Method = row.method.name().parse().unwrap();
            let target = format!("{}/method/{}", row.owner, row.name);
            let (status, body) = invoke(&house, caller, method, &target).await;
            let refused = status == StatusCode::FORBIDDEN && body.contains("ERR_DIRECT_INVOKE");
            assert_eq!(refused, !row.callers.contains(&caller), "{caller} → {target}: {status} {body}");
        }
    }
    for path in [
        "events/payment",
        "//events/payment",
        "place_order/../events/payment",
        "dead/payment",
        "dapr/subscribe",
    ] {
        let (status, body) =
            invoke(&house, App::Gateway, Method::POST, &format!("order/method/{path}")).await;
        assert!(matches!(status.as_u16(), 403 | 404), "{path}: {status} {body}");
        assert!(!body.contains("SUCCESS"), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_sidecar_answers_only_its_own_service() {
    let house = house();
    let port = house.instance.ports.dapr_http(App::Order);
    let other = house.instance.secret("token/payment/dapr").unwrap();
    for token in ["", other.as_str()] {
        let answer = house
            .http
            .get(format!("http://127.0.0.1:{port}/v1.0/invoke/product/method/find_products"))
            .header("dapr-api-token", token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_sidecars_reader_reads_one_table() {
    let house = house();
    let reader = "select count(*) from information_schema.role_table_grants
        where grantee = 'configuration_reader' and (table_name, privilege_type) <> ('configuration', 'SELECT')";
    assert_eq!(house.count(App::Config, reader).await, 0);
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let house = house();
    // Another name for itself with each request does not make a client another one.
    let limited = until_limited(&house).await;
    assert_eq!(limited.headers()["retry-after"], "1");
    assert_eq!(limited.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = limited.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/rate-limited");
    // Who waits is let in again.
    let (status, _) = house.ask(Method::GET, "/v1/products", "", None).await;
    assert_eq!(status, StatusCode::OK);
}

/// Asks, twenty at a time, until the limiter turns one away.
async fn until_limited(house: &House) -> reqwest::Response {
    let url = format!("{}/v1/products?limit=1", house.instance.gateway_url());
    for round in 0..500 {
        let asked: Vec<_> = (0..20)
            .map(|number| {
                let spoofed = format!("10.0.{round}.{number}");
                tokio::spawn(house.http.get(&url).header("x-forwarded-for", spoofed).send())
            })
            .collect();
        for answer in asked {
            let answer = answer.await.unwrap().unwrap();
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::TOO_MANY_REQUESTS => return answer,
                other => panic!("neither let in nor limited: {other}"),
            }
        }
    }
    panic!("10,000 requests were all let in");
}
