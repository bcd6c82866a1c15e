//! Answers that go on, and answers that are held back.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use contracts::operation::Pace;
use contracts::{Operation, UserId};
use futures::future::join_all;
use futures::stream;
use gateway::app::Edge;
use gateway::app::gates::width;
use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::rig::{Gateway, eventually, problem};

const EVENTS: &str = "/v1/orders/0193f0a0-0000-7000-8000-00000000000a/events";

/// Notes when the last listener is gone.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The operation answers with one event, and then with nothing for ever.
fn tell_once(gateway: &Gateway) -> Arc<AtomicBool> {
    let gone = Arc::new(AtomicBool::new(false));
    let noted = gone.clone();
    gateway.fake.on(Operation::WatchOrder, move |_| {
        let mut guard = Some(Gone(noted.clone()));
        async move {
            let mut first = Some(Bytes::from_static(b"id: 1\ndata: {}\n\n"));
            let events = stream::poll_fn(move |_| {
                let _held = &mut guard;
                first.take().map_or(std::task::Poll::Pending, |event| {
                    std::task::Poll::Ready(Some(Ok::<_, Infallible>(event)))
                })
            });
            (
                [("content-type", "text/event-stream"), ("cache-control", "no-cache")],
                Body::from_stream(events),
            )
                .into_response()
        }
    });
    gone
}

fn often() -> Edge {
    Edge { asked_again: Duration::from_millis(20), ..Edge::default() }
}

async fn listen(gateway: &Gateway, token: &str) -> reqwest::Response {
    let request = gateway.get(EVENTS).bearer_auth(token);
    let asked = request.header("accept", "text/event-stream").header("last-event-id", "7");
    asked.header("accept-encoding", "gzip").send().await.unwrap()
}

#[tokio::test]
async fn events_pass_as_they_come_and_end_with_their_listener() {
    let gateway = Gateway::start().await;
    let gone = tell_once(&gateway);
    let mut answer = listen(&gateway, &gateway.customer(1)).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    assert!(!answer.headers().contains_key("content-encoding"));
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "id: 1\ndata: {}\n\n");
    let seen = gateway.fake.only();
    assert_eq!((seen.name.as_str(), seen.header("last-event-id")), ("watch_order", Some("7")));
    assert_eq!(seen.header("accept"), Some("*/*"), "or the sidecar loses every refusal");
    drop(answer);
    eventually("the service has noticed", async || gone.load(Ordering::Acquire)).await;
}

#[tokio::test]
async fn a_refusal_is_a_refusal() {
    let gateway = Gateway::start().await;
    gateway.fake.refuse(Operation::WatchOrder, 404, "not-found");
    for _ in 0..20 {
        assert_eq!(problem(listen(&gateway, &gateway.customer(1)).await).await, (404, "not-found".into()));
    }
    assert_eq!(problem(gateway.get(EVENTS).send().await.unwrap()).await, (401, "unauthenticated".into()));
}

#[tokio::test]
async fn who_may_no_longer_listen_hears_no_more() {
    let gateway = Gateway::behind(often()).await;
    let gone = tell_once(&gateway);
    let mut claims = gateway.signer.claims(UserId(Uuid::from_u128(1)), "orders:read");
    // Two clocks may differ by five seconds, so this one has three seconds left.
    claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 2);
    let mut answer = listen(&gateway, &gateway.signer.sign(&claims)).await;
    assert_eq!(answer.status(), 200);
    while answer.chunk().await.unwrap().is_some() {}
    eventually("the service has noticed", async || gone.load(Ordering::Acquire)).await;
}

#[tokio::test]
async fn at_the_end_streams_end_whole() {
    let gateway = Gateway::start().await;
    let _gone = tell_once(&gateway);
    let mut answer = listen(&gateway, &gateway.customer(1)).await;
    answer.chunk().await.unwrap().unwrap();
    gateway.shutdown.cancel();
    assert!(answer.chunk().await.unwrap().is_none());
    gateway.ended().await;
}

#[tokio::test]
async fn streams_are_bounded_and_take_no_place_from_others() {
    let gateway = Gateway::start().await;
    let _gone = tell_once(&gateway);
    let token = gateway.customer(1);
    let mut listening = Vec::new();
    for _ in 0..width(Pace::Stream) / 32 {
        listening.extend(join_all((0..32).map(|_| listen(&gateway, &token))).await);
    }
    assert!(listening.iter().all(|answer| answer.status() == 200));
    let answer = listen(&gateway, &token).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "unavailable".into()));
    let orders = join_all((0..16).map(|_| gateway.get("/v1/orders").bearer_auth(&token).send())).await;
    assert!(orders.into_iter().all(|answer| answer.unwrap().status() == 200));
    listening.truncate(1);
    eventually("a place is free again", async || listen(&gateway, &token).await.status() == 200).await;
}

/// Ordering answers only as `open` gets permits.
fn hold_orders(gateway: &Gateway) -> Arc<Semaphore> {
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    gateway.fake.on(Operation::PlaceOrder, move |seen| {
        let gate = gate.clone();
        async move {
            let Some(applied) = seen.header("prefer").map(str::to_owned) else {
                return axum::Json(json!({})).into_response();
            };
            gate.acquire().await.unwrap().forget();
            ([("preference-applied", applied)], axum::Json(json!({}))).into_response()
        }
    });
    open
}

fn order(gateway: &Gateway, token: &str) -> reqwest::RequestBuilder {
    gateway.post("/v1/orders", json!({})).bearer_auth(token)
}

#[tokio::test]
async fn whoever_waits_takes_no_place_from_those_who_do_not() {
    let gateway = Gateway::start().await;
    let open = hold_orders(&gateway);
    let (token, many) = (gateway.customer(1), width(Pace::Write) + 16);
    let waiting = join_all((0..many).map(|_| order(&gateway, &token).header("prefer", "wait=20").send()));
    let others = async {
        eventually("all of them wait", async || gateway.fake.seen().len() == many).await;
        let answer = order(&gateway, &token).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get("preference-applied")), (200, None));
        open.add_permits(many);
    };
    let (answers, ()) = tokio::join!(waiting, others);
    for answer in answers {
        assert_eq!(answer.unwrap().headers()["preference-applied"], "wait=20");
    }
}

#[tokio::test]
async fn a_wish_to_wait_lengthens_the_deadline_and_only_where_it_means_something() {
    let gateway = Gateway::patient(Duration::from_millis(300)).await;
    let open = hold_orders(&gateway);
    let token = gateway.customer(1);
    let waiting = order(&gateway, &token).header("prefer", "wait=9999, respond-async").send();
    let opening = async {
        eventually("it is asked", async || !gateway.fake.seen().is_empty()).await;
        // Past the deadline that it would have without the wish: another, held as long, is late.
        gateway.fake.on(Operation::ListOrders, |_| std::future::pending());
        let list =
            gateway.get("/v1/orders").bearer_auth(&token).header("prefer", "wait=20").send().await.unwrap();
        assert_eq!(problem(list).await, (504, "deadline-exceeded".into()));
        open.add_permits(1);
    };
    let (answer, ()) = tokio::join!(waiting, opening);
    assert_eq!(answer.unwrap().headers()["preference-applied"], "wait=30");
    let list = gateway.fake.seen().into_iter().find(|seen| seen.name == "list_orders").unwrap();
    assert_eq!(list.header("prefer"), None);
}
