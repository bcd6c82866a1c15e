//! When and how often a request is sent again.

use std::time::Duration;

use replay::client::{CallError, Client, Registered};

use crate::gateway::{Gateway, Turned, credentials};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_rate_limited_request_waits_as_long_as_it_is_told() {
    let (gateway, options) = Gateway::start().await;
    let client = Client::new(&options.gateway, PATIENCE).unwrap();
    gateway.kept().turn_away = vec![Turned { status: 429, retry_after: Some("1") }];
    let registered = client.register(&credentials("a@example.com"), "A").await.unwrap();
    assert_eq!(registered, Registered::Now);
    let arrivals = gateway.kept().arrivals.clone();
    assert_eq!(arrivals.len(), 2);
    assert!(arrivals[1] - arrivals[0] >= Duration::from_secs(1));
    assert_eq!((client.pauses().rate_limited, client.pauses().unavailable), (1, 0));
}

#[tokio::test]
async fn what_is_away_is_asked_again_with_a_back_off() {
    let (gateway, options) = Gateway::start().await;
    let client = Client::new(&options.gateway, PATIENCE).unwrap();
    gateway.kept().turn_away = vec![
        Turned { status: 503, retry_after: Some("0") },
        Turned { status: 504, retry_after: None },
        Turned { status: 500, retry_after: None },
    ];
    client.register(&credentials("a@example.com"), "A").await.unwrap();
    assert_eq!(gateway.kept().arrivals.len(), 4);
    assert_eq!(client.pauses().unavailable, 3);
}

#[tokio::test]
async fn patience_ends_before_a_wait_that_is_longer() {
    let (gateway, options) = Gateway::start().await;
    let client = Client::new(&options.gateway, PATIENCE).unwrap();
    gateway.kept().turn_away = vec![Turned { status: 429, retry_after: Some("3600") }];
    let error = client.register(&credentials("a@example.com"), "A").await.unwrap_err();
    assert_eq!(error.to_string(), "register_user was not answered within 0 s: 429 rate-limited");
    assert_eq!(gateway.kept().arrivals.len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_said_when_patience_ends() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, Duration::from_millis(300)).unwrap();
    let error = client.register(&credentials("a@example.com"), "A").await.unwrap_err();
    assert!(matches!(&error, CallError::GaveUp { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let (gateway, options) = Gateway::start().await;
    let client = Client::new(&options.gateway, PATIENCE).unwrap();
    assert_eq!(client.register(&credentials("a@example.com"), "A").await.unwrap(), Registered::Now);
    assert_eq!(client.register(&credentials("a@example.com"), "A").await.unwrap(), Registered::Before);
    let error = client.log_in(credentials("nobody@example.com")).await.err().unwrap();
    assert_eq!(error.to_string(), "log_in was refused: 401 wrong-credentials");
    assert_eq!(gateway.kept().arrivals.len(), 3);
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_renewed_once() {
    let (gateway, options) = Gateway::start().await;
    let client = Client::new(&options.gateway, PATIENCE).unwrap();
    let session = client.log_in(options.administrator).await.unwrap();
    session.list_stock().await.unwrap();
    gateway.expire_tokens();
    session.list_stock().await.unwrap();
    session.list_stock().await.unwrap();
    assert_eq!(gateway.kept().log_ins, 2);
}
