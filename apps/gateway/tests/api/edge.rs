//! What browsers and caches are told: who may read, what has not changed, what is compressed.

use axum::response::IntoResponse;
use contracts::Operation;
use gateway::app::Edge;
use http::{HeaderValue, Method};
use serde_json::json;

use crate::rig::Gateway;

async fn shared() -> Gateway {
    Gateway::behind(Edge {
        origins: vec![HeaderValue::from_static("https://shop.example")],
        ..Edge::default()
    })
    .await
}

fn preflight(gateway: &Gateway, origin: &str) -> reqwest::RequestBuilder {
    gateway
        .request(Method::OPTIONS, "/v1/orders")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,idempotency-key")
}

#[tokio::test]
async fn pages_of_a_configured_origin_may_ask_and_read() {
    let gateway = shared().await;
    let answer = preflight(&gateway, "https://shop.example").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "https://shop.example");
    assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("idempotency-key"));
    assert!(!headers.contains_key("access-control-allow-credentials"));
    assert!(gateway.fake.asked().is_empty());

    let answer = gateway.get("/v1/products").header("origin", "https://shop.example").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(answer.headers()["vary"], "origin");
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("etag"));
    let refused = gateway.get("/v1/orders").header("origin", "https://shop.example").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://shop.example",
        "a page may read why"
    );
}

#[tokio::test]
async fn pages_of_any_other_origin_may_not() {
    for (gateway, origin) in [
        (shared().await, "https://elsewhere.example"),
        (shared().await, "null"),
        (shared().await, "https://shop.example.elsewhere.example"),
        (Gateway::start().await, "https://shop.example"),
    ] {
        let answer = preflight(&gateway, origin).send().await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{origin}");
        let answer = gateway.get("/v1/products").header("origin", origin).send().await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::ReadProduct, |_| async {
        ([("etag", "\"7\"")], axum::Json(json!({"name": "LAMP"}))).into_response()
    });
    let path = "/v1/products/0193f0a0-0000-7000-8000-00000000000a";
    for known in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*"] {
        let answer = gateway.get(path).header("if-none-match", known).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["etag"]),
            (304, &HeaderValue::from_static("\"7\""))
        );
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    for other in ["\"6\"", "7", ""] {
        let answer = gateway.get(path).header("if-none-match", other).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{other}");
    }
    gateway.fake.refuse(Operation::ReadProduct, 404, "not-found");
    assert_eq!(gateway.get(path).header("if-none-match", "*").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_read_is_compressed_for_who_asks_and_what_is_done_is_not() {
    let gateway = Gateway::start().await;
    let long = json!({"items": vec!["LAMP"; 1_000]}).to_string();
    for operation in [Operation::ListProducts, Operation::LogIn] {
        let long = long.clone();
        gateway.fake.on(operation, move |_| {
            let long = long.clone();
            async move { ([("content-type", "application/json"), ("etag", "\"1\"")], long).into_response() }
        });
    }
    let answer = gateway.get("/v1/products").header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(
        (&answer.headers()["content-encoding"], &answer.headers()["etag"]),
        (&"gzip".parse().unwrap(), &"\"1\"".parse().unwrap())
    );
    assert!(answer.headers()["vary"].to_str().unwrap().contains("accept-encoding"));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    assert!(bytes.len() * 10 < long.len());

    let plain = gateway.get("/v1/products").send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.text().await.unwrap(), long);
    let log_in =
        gateway.post("/v1/sessions", json!({})).header("accept-encoding", "gzip").send().await.unwrap();
    assert!(!log_in.headers().contains_key("content-encoding"), "it holds a secret");
}
