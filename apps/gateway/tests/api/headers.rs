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
        // The sidecar would give up every refusal of an answer that is wanted as a stream of events.
        ("accept", "text/event-stream"),
    ];
    let wanted = [
        ("content-type", "application/json"),
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
    assert_eq!(answer.headers()["traceresponse"], wanted[4].1);

    let seen = gateway.fake.only();
    for (name, value) in wanted {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!((seen.slot(), seen.header("accept")), ("slot0", Some("*/*")));
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
async fn user_alone_learns_the_clients_address_and_what_it_is() {
    let gateway = Gateway::start().await;
    let said = |request: reqwest::RequestBuilder| {
        request
            .header("x-client-address", "203.0.113.9")
            .header("x-client-agent", "somebody else")
            .header("user-agent", "Shop/2.1")
    };
    said(gateway.post("/v1/sessions", json!({}))).send().await.unwrap();
    said(gateway.get("/v1/products")).send().await.unwrap();
    let seen = gateway.fake.seen();
    assert_eq!(seen[0].header("x-client-address"), Some("127.0.0.1"));
    assert_eq!(seen[1].header("x-client-address"), None);
    assert_eq!(seen[0].header("x-client-agent"), Some("Shop/2.1"));
    assert_eq!(seen[1].header("x-client-agent"), None);
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
    strict-transport-security: max-age=31536000
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

#[tokio::test]
async fn what_a_sidecar_cannot_carry_stays_outside() {
    let gateway = Gateway::start().await;
    let bytes = |bytes: &[u8]| http::HeaderValue::from_bytes(bytes).unwrap();
    let request = gateway.post("/v1/sessions", json!({}));
    let request = request
        .header("user-agent", bytes(b"Shop\xff"))
        .header("idempotency-key", bytes(b"\xe9"))
        .header("if-match", bytes(b"\xc3"))
        .header("tracestate", bytes("caf\u{e9}=1".as_bytes()))
        .header("authorization", bytes(b"Bearer \x80"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = gateway.fake.only();
    for name in ["x-client-agent", "idempotency-key", "if-match", "authorization"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
    assert_eq!(seen.headers["tracestate"].as_bytes(), "caf\u{e9}=1".as_bytes());
    let orders = gateway.get("/v1/orders?a=%FF%00").header("authorization", bytes(b"Bearer \x80"));
    assert_eq!(problem(orders.send().await.unwrap()).await, (401, "invalid-token".into()));
}

#[tokio::test]
async fn a_head_alone_keeps_the_connection_to_the_sidecar() {
    let gateway = Gateway::start().await;
    let rest = std::sync::Arc::new(tokio::sync::Notify::new());
    let more = rest.clone();
    gateway.fake.on(Operation::ReadProduct, move |_| {
        let more = more.clone();
        async move {
            let half = |half: &'static str| Ok::<_, std::convert::Infallible>(half);
            let first = futures::stream::once(async move { half("first") });
            let second = futures::stream::once(async move {
                more.notified().await;
                half("second")
            });
            let body = axum::body::Body::from_stream(futures::StreamExt::chain(first, second));
            ([("etag", "\"7\"")], body).into_response()
        }
    });
    let path = "/v1/products/0193f0a0-0000-7000-8000-00000000000a";
    let asked = [
        gateway.get(path).header("if-none-match", "*"),
        gateway.request(http::Method::HEAD, path),
        gateway.get(path).header("if-none-match", "\"7\""),
    ];
    for (before, request) in asked.into_iter().enumerate() {
        let asking = tokio::spawn(request.send());
        crate::rig::eventually("it is asked", async || gateway.fake.seen().len() > before).await;
        rest.notify_one();
        let answer = asking.await.unwrap().unwrap();
        assert_eq!(answer.headers()["etag"], "\"7\"");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    let seen = gateway.fake.seen();
    assert!(seen.windows(2).all(|pair| pair[0].peer == pair[1].peer), "each took another connection");
}
