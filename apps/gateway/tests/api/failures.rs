//! A slow or dead service costs only its own routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::response::IntoResponse;
use contracts::Operation;
use contracts::operation::{OPERATIONS, Pace};
use futures::future::join_all;
use gateway::app::gates::{Outcome, READS, Shed, width};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::rig::{Gateway, eventually, problem};

/// The operation answers only as `open` gets permits.
fn hold(gateway: &Gateway, operation: Operation) -> Arc<Semaphore> {
    let open = Arc::new(Semaphore::new(0));
    let gate = open.clone();
    gateway.fake.on(operation, move |_| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            axum::Json(json!({})).into_response()
        }
    });
    open
}

async fn products(gateway: &Gateway) -> u16 {
    gateway.get("/v1/products").send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_given_up() {
    let gateway = Gateway::patient(Duration::from_millis(300)).await;
    let _open = hold(&gateway, Operation::ListOrders);
    let begun = Instant::now();
    let answer = gateway.get("/v1/orders").bearer_auth(gateway.customer(1)).send().await.unwrap();
    assert_eq!(problem(answer).await, (504, "deadline-exceeded".into()));
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(products(&gateway).await, 200);
}

#[tokio::test]
async fn a_full_bulkhead_refuses_at_once_and_others_go_on() {
    let gateway = Gateway::start().await;
    let open = hold(&gateway, Operation::LogIn);
    let places = width(Pace::Credentials);
    let waiting = join_all((0..places).map(|_| gateway.post("/v1/sessions", json!({})).send()));
    let others = async {
        eventually("every place is taken", async || gateway.fake.seen().len() == places).await;
        let answer = gateway.post("/v1/sessions", json!({})).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(problem(answer).await, (503, "unavailable".into()));
        assert_eq!(products(&gateway).await, 200);
        open.add_permits(places + 1);
    };
    let (answers, ()) = tokio::join!(waiting, others);
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
    assert_eq!(gateway.post("/v1/sessions", json!({})).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn when_everybody_reads_ordering_goes_on() {
    let gateway = Gateway::start().await;
    let reads =
        OPERATIONS.iter().filter(|row| row.pace == Pace::Read && row.operation != Operation::ListOrders);
    let each = reads.flat_map(|row| std::iter::repeat_n(row, width(Pace::Read)));
    let reading: Vec<_> = each.map_while(|row| gateway.app.gates.enter(row).ok()).collect();
    assert_eq!(
        reading.len(),
        READS,
        "there are enough operations that read, and room for so many and no more"
    );

    let list = async || gateway.get("/v1/orders").bearer_auth(gateway.customer(1)).send().await.unwrap();
    let answer = list().await;
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "unavailable".into()));
    let order = gateway.post("/v1/orders", json!({})).bearer_auth(gateway.customer(1)).send().await.unwrap();
    assert_eq!(order.status(), 200, "ordering has places that no read may take");
    drop(reading);
    assert_eq!(list().await.status(), 200);
}

#[tokio::test]
async fn slow_senders_take_no_place_from_others() {
    let gateway = Gateway::start().await;
    let mut drips = Vec::new();
    for _ in 0..width(Pace::Credentials) + 4 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream
            .write_all(b"POST /v1/sessions HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
            .await
            .unwrap();
        drips.push(stream);
    }
    assert_eq!(gateway.post("/v1/sessions", json!({})).send().await.unwrap().status(), 200);
    assert_eq!(gateway.fake.seen().len(), 1);
}

#[tokio::test]
async fn an_operation_that_keeps_failing_is_left_alone_and_comes_back() {
    let gateway = Gateway::start().await;
    gateway.fake.refuse(Operation::ListProducts, 500, "internal");
    for _ in 0..10 {
        let answer = gateway.get("/v1/products").send().await.unwrap();
        assert_eq!(problem(answer).await, (500, "internal".into()), "a service's own words are passed on");
    }
    let answer = gateway.get("/v1/products").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "unavailable".into()));
    assert_eq!(gateway.fake.seen().len(), 10, "it was not asked");
    assert_eq!(gateway.post("/v1/sessions", json!({})).send().await.unwrap().status(), 200);

    gateway.fake.on(Operation::ListProducts, |_| async { axum::Json(json!({})).into_response() });
    eventually("the operation is back", async || products(&gateway).await == 200).await;
    assert_eq!(products(&gateway).await, 200);
}

#[tokio::test]
async fn what_a_client_does_wrong_never_closes_an_operation() {
    let gateway = Gateway::start().await;
    gateway.fake.refuse(Operation::PlaceOrder, 422, "invalid-field");
    let token = gateway.customer(1);
    for _ in 0..30 {
        let answer = gateway.post("/v1/orders", json!({})).bearer_auth(&token).send().await.unwrap();
        assert_eq!(problem(answer).await, (422, "invalid-field".into()));
    }
    assert_eq!(gateway.fake.seen().len(), 30);
}

#[tokio::test]
async fn the_sidecars_own_errors_are_no_answers_of_a_service() {
    let gateway = Gateway::start().await;
    for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
        gateway.fake.on(Operation::ListProducts, move |_| async move {
            let body = json!({"errorCode": "ERR_DIRECT_INVOKE", "message": "failed to invoke, id: product"});
            (status, axum::Json(body)).into_response()
        });
        let answer = gateway.get("/v1/products").send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["type"], "/problems/unavailable");
        assert!(!body.to_string().contains("ERR_DIRECT_INVOKE"), "nothing from inside: {body}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_problem_is_our_fault_and_still_closes_nothing() {
    let gateway = Gateway::start().await;
    gateway
        .fake
        .on(Operation::ListProducts, |_| async { (StatusCode::BAD_REQUEST, "inside words").into_response() });
    for _ in 0..20 {
        let answer = gateway.get("/v1/products").send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["type"], "/problems/internal");
        assert!(!body.to_string().contains("inside"), "{body}");
    }
    assert_eq!(gateway.fake.seen().len(), 20);
}

#[tokio::test]
async fn without_a_sidecar_every_operation_is_unavailable_and_the_pages_stay() {
    let gateway = Gateway::start().await;
    gateway.sidecar_gone.cancel();
    eventually("the sidecar is gone", async || products(&gateway).await == 503).await;
    let answer = gateway.get("/v1/products").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await, (503, "unavailable".into()));
    assert_eq!(gateway.get("/problems").send().await.unwrap().status(), 200);
}

/// Notes when it is dropped before its time.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_work() {
    let gateway = Gateway::start().await;
    let gone = Arc::new(AtomicBool::new(false));
    let noted = gone.clone();
    gateway.fake.on(Operation::ListProducts, move |_| {
        let guard = Gone(noted.clone());
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    for _ in 0..15 {
        gone.store(false, Ordering::Release);
        let before = gateway.fake.seen().len();
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(b"GET /v1/products HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        eventually("it is asked", async || gateway.fake.seen().len() == before + 1).await;
        drop(stream);
        eventually("the work has ended", async || gone.load(Ordering::Acquire)).await;
    }
    gateway.fake.on(Operation::ListProducts, |_| async { axum::Json(json!({})).into_response() });
    assert_eq!(products(&gateway).await, 200, "going away is no failure of the service");
}

#[tokio::test]
async fn a_request_in_hand_is_finished_at_the_end() {
    let gateway = Gateway::start().await;
    let open = hold(&gateway, Operation::ListProducts);
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"GET /v1/products HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    eventually("it is asked", async || gateway.fake.seen().len() == 1).await;
    gateway.shutdown.cancel();
    eventually("nobody is let in", async || TcpStream::connect(gateway.address).await.is_err()).await;
    open.add_permits(1);
    gateway.ended().await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_trial_whose_client_goes_away_is_followed_by_the_next() {
    let gateway = Gateway::start().await;
    let row = Operation::ListProducts.row();
    let enter = || gateway.app.gates.enter(row);
    for _ in 0..10 {
        enter().unwrap().note(Outcome::Failed);
    }
    assert_eq!(enter().unwrap_err(), Shed::Broken);
    let mut trial = None;
    eventually("there is a trial", async || {
        trial = enter().ok();
        trial.is_some()
    })
    .await;
    assert_eq!(enter().unwrap_err(), Shed::Broken);
    drop(trial);
    let mut next = enter().expect("the trial told nothing");
    next.note(Outcome::Answered);
    assert!(enter().is_ok() && enter().is_ok());
}

/// Begins an import and says of it what comes first.
async fn begin_import(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "POST /v1/products/import HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-length: 9\r\n\r\n{{",
        gateway.admin()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_streamed_body_that_does_not_come_is_its_senders_fault() {
    let gateway = Gateway::patient(Duration::from_millis(200)).await;
    for _ in 0..12 {
        let mut stream = begin_import(&gateway).await;
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        let said = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
    for _ in 0..12 {
        let mut stream = begin_import(&gateway).await;
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let import = gateway.request(http::Method::POST, "/v1/products/import").bearer_auth(gateway.admin());
    let answer = import.body("0123456789").send().await.unwrap();
    assert_eq!(answer.status(), 200, "and no failure of the service");
}
