//! Answers pass through as they come, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use contracts::Operation;
use futures::StreamExt;
use futures::stream;
use tokio::sync::{mpsc, oneshot};

use crate::rig::Gateway;

#[tokio::test]
async fn the_first_part_of_an_answer_is_there_before_the_last_is_made() {
    let gateway = Gateway::start().await;
    let (parts, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    gateway.fake.on(Operation::ListProducts, move |_| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        async move {
            let parts = stream::unfold(receiver, |mut receiver| async move {
                let part = receiver.recv().await?;
                Some((Ok::<_, Infallible>(part), receiver))
            });
            Body::from_stream(parts).into_response()
        }
    });
    parts.send(Bytes::from_static(b"first")).await.unwrap();
    let mut answer = gateway.get("/v1/products").send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    parts.send(Bytes::from_static(b"last")).await.unwrap();
    drop(parts);
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "last");
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn a_large_answer_comes_whole() {
    let gateway = Gateway::start().await;
    const PART: usize = 256 * 1024;
    gateway.fake.on(Operation::ListProducts, |_| async {
        let parts =
            stream::iter((0..128u8).map(|number| Ok::<_, Infallible>(Bytes::from(vec![number; PART]))));
        Body::from_stream(parts).into_response()
    });
    let answer = gateway.get("/v1/products").send().await.unwrap();
    let mut received = answer.bytes_stream();
    let mut at = 0;
    while let Some(part) = received.next().await {
        for byte in part.unwrap() {
            assert_eq!(usize::from(byte), at / PART);
            at += 1;
        }
    }
    assert_eq!(at, 128 * PART);
}

#[tokio::test]
async fn an_answer_that_breaks_off_inside_breaks_off_outside() {
    let gateway = Gateway::start().await;
    let (broken, breaks) = oneshot::channel::<()>();
    let breaks = Arc::new(Mutex::new(Some(breaks)));
    gateway.fake.on(Operation::ListProducts, move |_| {
        let breaks = breaks.lock().unwrap().take().unwrap();
        async move {
            let half = stream::once(async { Ok(Bytes::from_static(b"half")) });
            let end = stream::once(async {
                breaks.await.unwrap();
                Err(std::io::Error::other("gone"))
            });
            Body::from_stream(half.chain(end)).into_response()
        }
    });
    let mut answer = gateway.get("/v1/products").send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "half");
    broken.send(()).unwrap();
    assert!(answer.chunk().await.is_err(), "a client must not take half an answer for the whole");
}

#[tokio::test]
async fn http_2_in_clear_text_is_spoken_too() {
    let gateway = Gateway::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let asked = (0..40).map(|_| client.get(gateway.url("/v1/products")).send());
    for answer in futures::future::join_all(asked).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status(), answer.version()), (http::StatusCode::OK, http::Version::HTTP_2));
    }
    let order = client.post(gateway.url("/v1/orders")).bearer_auth(gateway.customer(1)).body("{}");
    assert_eq!(order.send().await.unwrap().status(), 200);
    assert_eq!(gateway.fake.seen().last().unwrap().header("content-length"), Some("2"));
}
