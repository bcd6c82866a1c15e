//! Slots, the limiter's refusals, and how large a body may be.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use contracts::Operation;
use contracts::operation::Pace;
use futures::stream;
use gateway::app::Edge;
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Gateway, eventually, problem};

async fn slots(gateway: &Gateway, path: &str, token: Option<&str>, requests: usize) -> Vec<String> {
    let before = gateway.fake.seen().len();
    for _ in 0..requests {
        let mut request = gateway.get(path);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    gateway.fake.seen()[before..].iter().map(|seen| seen.slot().to_owned()).collect()
}

#[tokio::test]
async fn a_client_uses_the_slots_of_its_plan_in_turn_and_shares_none() {
    let gateway = Gateway::start().await;
    let (one, two, admin) = (gateway.customer(1), gateway.customer(2), gateway.admin());
    let anonymous = slots(&gateway, "/v1/products", None, 12).await;
    let first = slots(&gateway, "/v1/products", Some(&one), 22).await;
    let second = slots(&gateway, "/v1/products", Some(&two), 22).await;
    let staff = slots(&gateway, "/v1/products", Some(&admin), 42).await;
    let machine = slots(&gateway, "/v1/products", Some(&gateway.machine(1, 9)), 62).await;
    assert_eq!(machine[..2], machine[60..], "an API key has a share of its own, apart from its owner's");
    assert_eq!(anonymous[..2], anonymous[10..]);
    assert_eq!(first[..2], first[20..]);
    assert_eq!(second[..2], second[20..]);
    assert_eq!(staff[..2], staff[40..]);
    let all: BTreeSet<_> = [&anonymous[..10], &first[..20], &second[..20], &staff[..40], &machine[..60]]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(all.len(), 150, "nobody uses another's slot");
}

#[tokio::test]
async fn an_account_buys_no_more_guesses_of_a_password() {
    let gateway = Gateway::start().await;
    let tokens = [gateway.customer(1), gateway.customer(2), gateway.admin(), "nonsense".to_owned()];
    for token in tokens {
        let log_in = gateway.post("/v1/sessions", json!({})).bearer_auth(token);
        assert_eq!(log_in.send().await.unwrap().status(), 200);
    }
    let used: Vec<_> = gateway.fake.seen().iter().map(|seen| seen.slot().to_owned()).collect();
    assert_eq!(used, ["slot0", "slot1", "slot0", "slot1"]);
}

#[tokio::test]
async fn the_limiters_refusal_becomes_a_problem_that_says_when_to_come_again() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::ListProducts, |_| async {
        let headers = [("ratelimit-limit", "5"), ("ratelimit-reset", "1"), ("x-rate-limit-limit", "5.00")];
        (StatusCode::TOO_MANY_REQUESTS, headers, "You have reached maximum request limit.").into_response()
    });
    for _ in 0..30 {
        let answer = gateway.get("/v1/products").send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["retry-after"], "1");
        assert_eq!(headers["ratelimit"], "\"list_products\";r=0;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"list_products\";q=50;w=1");
        assert!(!headers.contains_key("ratelimit-limit") && !headers.contains_key("x-rate-limit-limit"));
        assert_eq!(problem(answer).await, (429, "rate-limited".into()));
    }
    assert_eq!(gateway.fake.seen().len(), 30, "a refused client does not open the breaker for the others");
}

/// Sends bytes as they stand and reads the status line of the answer.
async fn raw(gateway: &Gateway, bytes: &[u8]) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    let line = String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned();
    (stream, line)
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let gateway = Gateway::start().await;
    let too_much = Pace::Credentials.largest_body() + 1;
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {too_much}\r\n\r\n"
    );
    let (_stream, line) = raw(&gateway, head.as_bytes()).await;
    assert_eq!(line, "HTTP/1.1 413 Payload Too Large");
    assert!(gateway.fake.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused_while_it_comes() {
    let gateway = Gateway::start().await;
    let too_much = Pace::Credentials.largest_body() + 1;
    let mut request = b"POST /v1/sessions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    request.extend_from_slice(format!("{too_much:x}\r\n{}\r\n", " ".repeat(too_much)).as_bytes());
    // The end never comes, and is not waited for.
    let (_stream, line) = raw(&gateway, &request).await;
    assert_eq!(line, "HTTP/1.1 413 Payload Too Large");
    assert!(gateway.fake.asked().is_empty());
}

#[tokio::test]
async fn a_body_without_a_length_gets_one_and_is_otherwise_untouched() {
    let gateway = Gateway::start().await;
    let parts = ["{\"a\" :", " 1.50,\"a\":2", "}"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
    let body = reqwest::Body::wrap_stream(stream::iter(parts));
    let place = gateway.request(http::Method::POST, "/v1/orders").bearer_auth(gateway.customer(1));
    assert_eq!(place.body(body).send().await.unwrap().status(), 200);
    let seen = gateway.fake.only();
    assert_eq!(seen.body, "{\"a\" : 1.50,\"a\":2}");
    assert_eq!(seen.header("content-length"), Some("18"));
    assert_eq!(seen.header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_large_import_goes_through_whole_and_one_byte_more_does_not() {
    let gateway = Gateway::start().await;
    let largest = Pace::Bulk.largest_body();
    let import = |size: usize| {
        let request = gateway.request(http::Method::POST, "/v1/products/import").bearer_auth(gateway.admin());
        request.body(vec![b' '; size]).send()
    };
    assert_eq!(import(largest).await.unwrap().status(), 200);
    let seen = gateway.fake.only();
    assert_eq!(seen.body.len(), largest);
    assert_eq!(seen.header("content-length"), Some(largest.to_string().as_str()));
    // The connection may break before the refusal is read: nobody reads the rest.
    if let Ok(answer) = import(largest + 1).await {
        assert_eq!(problem(answer).await, (413, "body-too-large".into()));
    }
    assert_eq!(gateway.fake.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused_by_name() {
    let gateway = Gateway::behind(Edge { body_within: Duration::from_millis(200), ..Edge::default() }).await;
    let head = b"POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{";
    let (mut stream, line) = raw(&gateway, head).await;
    assert_eq!(line, "HTTP/1.1 408 Request Timeout");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(gateway.fake.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_is_compressed_is_refused_by_name() {
    let gateway = Gateway::start().await;
    let log_in = gateway.post("/v1/sessions", json!({}));
    let answer = log_in.header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(problem(answer).await, (415, "unsupported-media-type".into()));
    let log_in = gateway.post("/v1/sessions", json!({}));
    assert_eq!(log_in.header("content-encoding", "identity").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_without_an_end_fill_the_strangers_room_and_no_more() {
    let gateway = Gateway::start().await;
    let half = vec![b' '; 200 * 1024];
    let head = "POST /v1/webhooks/card-processor HTTP/1.1\r\nhost: a\r\ncontent-length: 250000\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..90 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may be refused while it is sent.
        let _ = stream.write_all(&half).await;
        open.push(stream);
    }
    eventually("the room is full", async || {
        let large = gateway.post("/v1/webhooks/card-processor", json!({"data": " ".repeat(220_000)}));
        large.send().await.unwrap().status() == 503
    })
    .await;
    let order = gateway.post("/v1/orders", json!({"data": " ".repeat(100_000)}));
    assert_eq!(order.bearer_auth(gateway.customer(1)).send().await.unwrap().status(), 200);
    assert_eq!(gateway.post("/v1/sessions", json!({})).send().await.unwrap().status(), 200);
}
