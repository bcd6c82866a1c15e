//! Clients that connect and say nothing, or a byte now and then, stop nobody.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use contracts::Operation;
use futures::{StreamExt, stream};
use gateway::app::Edge;
use http::{Method, Version};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Gateway, eventually};

/// More than there are places, and they would keep them for a minute.
const CROWD: usize = 400;

async fn crowded() -> Gateway {
    Gateway::behind(Edge { connections: 100, head_within: Duration::from_secs(60), ..Edge::default() }).await
}

/// Somebody new, with a connection of their own.
async fn asks(gateway: &Gateway) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(gateway.url("/v1/products")).send().await.unwrap().status().as_u16()
}

async fn connect(gateway: &Gateway, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

#[tokio::test]
async fn more_silent_connections_than_there_are_places_stop_nobody() {
    let gateway = crowded().await;
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        crowd.push(connect(&gateway, b"").await);
        if number % 100 == 99 {
            assert_eq!(asks(&gateway).await, 200);
        }
    }
    assert_eq!(asks(&gateway).await, 200);
    let mut first = crowd.remove(0);
    assert_eq!(first.read(&mut [0; 1]).await.unwrap_or_default(), 0, "the longest silent gave way");
}

#[tokio::test]
async fn drips_of_heads_and_bodies_stop_nobody() {
    let gateway = crowded().await;
    let head: &[u8] = b"GET /v1/products HTTP/1.1\r\nhost: a\r\nx-drip: ";
    let body: &[u8] = b"POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{";
    let http2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        crowd.push(connect(&gateway, [head, body, http2][number % 3]).await);
        // Those before go on dripping, and still give way.
        if let Some(drip) = crowd.get_mut(number / 2) {
            let _ = drip.write_all(b"a").await;
        }
        if number % 100 == 99 {
            assert_eq!(asks(&gateway).await, 200);
        }
    }
    assert_eq!(asks(&gateway).await, 200);
    assert_eq!(gateway.post("/v1/sessions", json!({})).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_that_waits_for_its_answer_is_never_cut() {
    let gateway = crowded().await;
    let open = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = open.clone();
    gateway.fake.on(Operation::ReadMe, move |_| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            axum::Json(json!({})).into_response()
        }
    });
    let request = gateway.get("/v1/me").bearer_auth(gateway.customer(1)).send();
    let crowding = async {
        eventually("it is asked", async || !gateway.fake.seen().is_empty()).await;
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(connect(&gateway, b"G").await);
        }
        assert_eq!(asks(&gateway).await, 200);
        open.add_permits(1);
    };
    let (answer, ()) = tokio::join!(request, crowding);
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_its_connection() {
    let gateway = Gateway::behind(Edge { head_within: Duration::from_millis(200), ..Edge::default() }).await;
    for begun in [&b""[..], b"G", b"GET /v1/products HTTP/1.1\r\nhost: a\r\nx-drip: a"] {
        let mut stream = connect(&gateway, begun).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap_or_default();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    assert!(gateway.fake.asked().is_empty());
}

/// A client that speaks HTTP/2 over a connection of its own, and takes so much of each answer without looking at it.
fn http2(window: u32) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
    client.http2_initial_stream_window_size(window).build().unwrap()
}

/// The operation answers with one part, and holds what is returned until nobody waits for the next any more.
fn answer_in_parts(gateway: &Gateway, operation: Operation) -> Arc<()> {
    let held = Arc::new(());
    let hold = held.clone();
    gateway.fake.on(operation, move |_| {
        let hold = hold.clone();
        async move {
            let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"first")) });
            let rest = stream::poll_fn(move |_| {
                let _held = &hold;
                std::task::Poll::Pending
            });
            Body::from_stream(first.chain(rest)).into_response()
        }
    });
    held
}

#[tokio::test]
async fn an_answer_that_nobody_takes_keeps_no_place() {
    let gateway = Gateway::behind(Edge { connections: 1, ..Edge::default() }).await;
    let held = answer_in_parts(&gateway, Operation::ListOrders);
    let client = http2(0);
    let untaken =
        client.get(gateway.url("/v1/orders")).bearer_auth(gateway.customer(1)).send().await.unwrap();
    assert_eq!((untaken.status().as_u16(), untaken.version()), (200, Version::HTTP_2));
    let next = tokio::time::timeout(Duration::from_secs(10), asks(&gateway)).await;
    assert_eq!(next.expect("it gives way to the next"), 200);
    eventually("the service is let go", async || Arc::strong_count(&held) == 2).await;
}

#[tokio::test]
async fn an_answer_of_which_nothing_moves_is_given_up() {
    let edge = Edge { moved_within: Duration::from_millis(200), ..Edge::default() };
    let gateway = Gateway::behind(edge).await;
    let held = answer_in_parts(&gateway, Operation::WatchOrder);
    let path = "/v1/orders/0193f0a0-0000-7000-8000-00000000000a/events";
    let listen =
        |client: &reqwest::Client| client.get(gateway.url(path)).bearer_auth(gateway.customer(1)).send();
    let (stuck, moving) = (http2(0), http2(65_535));
    let _untaken = listen(&stuck).await.unwrap();
    eventually("the service is let go", async || Arc::strong_count(&held) == 2).await;

    let mut silent = listen(&moving).await.unwrap();
    assert_eq!(silent.chunk().await.unwrap().unwrap(), "first");
    assert!(silent.chunk().await.is_err(), "its service has fallen silent");
    eventually("the service is let go", async || Arc::strong_count(&held) == 2).await;
    assert_eq!(moving.get(gateway.url("/v1/products")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn one_connection_has_few_bodies_waited_for_and_asks_on_beside_them() {
    let gateway = Gateway::start().await;
    let client = http2(65_535);
    let (parts, bodies): (Vec<_>, Vec<_>) = (0..5)
        .map(|_| {
            let (part, parts) = tokio::sync::mpsc::channel::<Bytes>(1);
            let parts = stream::unfold(parts, |mut parts| async move {
                Some((Ok::<_, Infallible>(parts.recv().await?), parts))
            });
            (part, reqwest::Body::wrap_stream(parts))
        })
        .unzip();
    let log_in = |body| client.post(gateway.url("/v1/sessions")).body(body).send();
    let mut asking: Vec<_> = bodies.into_iter().map(|body| tokio::spawn(log_in(body))).collect();
    for part in &parts {
        part.send(Bytes::from_static(b"{}")).await.unwrap();
    }
    let ready = tokio::spawn(log_in(reqwest::Body::from("{}")));
    let asks = async || client.get(gateway.url("/v1/products")).send().await.unwrap().status();
    for _ in 0..20 {
        assert_eq!(asks().await, 200, "without a body nobody waits");
    }
    assert!(gateway.fake.asked_for(Operation::LogIn).is_empty(), "it was read before its turn");
    drop(parts);
    asking.push(ready);
    for answer in asking {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_method_that_begins_as_http_2_does_is_none_of_it() {
    let gateway = Gateway::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for method in ["PROPFIND", "PUT", "P"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = client.request(method, gateway.url("/v1/products")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (405, Version::HTTP_11));
    }
}
