//! Only named headers pass, in and out.

use axum::response::IntoResponse;
use contracts::Operation;
use serde_json::json;

use crate::rig::{Gateway, problem};

#[tokio::test]
async fn a_service_sees_only_what_it_may_and_nobody_can_pretend_to_be_elsewhere() {
    let gateway = Gateway::start().await;
    let spoofed = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("x-forwarded-host", "elsewhere"),
        ("x-client-address", "203.0.113.9"),
        ("dapr-caller-app-id", "order"),
        ("dapr-app-id", "order"),
        ("dapr-api-token", "guess"),
        ("cookie", "a=b"),
        ("connection", "keep-alive"),
    ];
    let wanted = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("idempotency-key", "key-1"),
        ("if-match", "\"3\""),
        ("prefer", "wait=5"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "a=1"),
        ("x-request-id", "request-1"),
    ];
    let mut request = gateway.post("/v1/orders", json!({})).bearer_auth(gateway.customer(1));
    for (name, value) in spoofed.into_iter().chain(wanted) {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "request-1");

    let seen = gateway.fake.only();
    for (name, value) in wanted {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!(seen.slot(), "slot0");
    let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    insta::assert_snapshot!(names.join(" "), @"accept authorization content-length content-type dapr-api-token host idempotency-key if-match prefer traceparent tracestate x-forwarded-for x-request-id");
}

#[tokio::test]
async fn a_signed_body_arrives_as_it_was_signed() {
    let gateway = Gateway::start().await;
    let body =
        "{ \"id\" :\"evt_1\",\n  \"data\": {\"object\":{\"amount\":1.0e3, \"name\":\"\\u00fc ü\"}} }\n";
    let signature = "t=1795348800,v1=00ff,v1=aa,v0=bb";
    let request = gateway.post("/v1/webhooks/card-processor", json!({})).body(body);
    let request = request
        .header("stripe-signature", signature)
        .header("content-type", "application/json; charset=utf-8");
    request.send().await.unwrap();
    let seen = gateway.fake.only();
    assert_eq!(seen.name, Operation::ReceiveProviderEvent.name());
    assert_eq!(seen.body, body);
    assert_eq!(seen.header("stripe-signature"), Some(signature));
    assert_eq!(seen.header("content-length"), Some(body.len().to_string().as_str()));
}

#[tokio::test]
async fn user_alone_learns_the_clients_address() {
    let gateway = Gateway::start().await;
    let log_in = gateway.post("/v1/sessions", json!({})).header("x-client-address", "203.0.113.9");
    log_in.send().await.unwrap();
    gateway.get("/v1/products").header("x-client-address", "203.0.113.9").send().await.unwrap();
    let seen = gateway.fake.seen();
    assert_eq!(seen[0].header("x-client-address"), Some("127.0.0.1"));
    assert_eq!(seen[1].header("x-client-address"), None);
}

#[tokio::test]
async fn a_client_sees_what_the_service_says_and_nothing_of_what_is_between() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::PlaceOrder, |_| async {
        let headers = [
            ("etag", "\"1\""),
            ("location", "/v1/orders/1"),
            ("retry-after", "3"),
            ("idempotent-replayed", "true"),
            ("cache-control", "private"),
            ("x-rate-limit-limit", "5.00"),
            ("x-rate-limit-duration", "1"),
            ("x-rate-limit-request-forwarded-for", "slot0"),
            ("ratelimit-limit", "5"),
            ("ratelimit-remaining", "4"),
            ("ratelimit-reset", "1"),
            ("dapr-caller-app-id", "gateway"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("server", "inside"),
            ("set-cookie", "a=b"),
        ];
        (http::StatusCode::CREATED, headers, axum::Json(json!({"number": 1}))).into_response()
    });
    let answer = gateway.post("/v1/orders", json!({})).bearer_auth(gateway.customer(1)).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let mut lines: Vec<_> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    cache-control: private
    content-length: 12
    content-security-policy: default-src 'none'; frame-ancestors 'none'
    content-type: application/json
    cross-origin-opener-policy: same-origin
    cross-origin-resource-policy: same-origin
    etag: "1"
    idempotent-replayed: true
    location: /v1/orders/1
    referrer-policy: no-referrer
    retry-after: 3
    x-content-type-options: nosniff
    x-frame-options: DENY
    "#);
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_kept_by_nobody() {
    let gateway = Gateway::start().await;
    for path in ["/v1/products", "/v1/orders", "/nothing", "/", "/problems"] {
        let answer = gateway.get(path).header("x-request-id", "not plain\u{e9}").send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{path}: {id}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn headers_have_a_bound() {
    let gateway = Gateway::start().await;
    let answer = gateway.get("/v1/products").header("accept", "a".repeat(17_000)).send().await.unwrap();
    assert_eq!(problem(answer).await, (431, "headers-too-large".into()));
    let answer = gateway.get("/v1/products").header("accept", "a".repeat(100_000)).send().await.unwrap();
    assert_eq!(answer.status(), 431);
    let answer = gateway.get(&format!("/v1/products?a={}", "b".repeat(17_000))).send().await.unwrap();
    assert_eq!(problem(answer).await, (431, "headers-too-large".into()));
    assert!(gateway.fake.asked().is_empty());
}
