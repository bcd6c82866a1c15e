//! Somebody who takes webhooks, and answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use card_sandbox::config::Webhook;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) const SECRET: &str = "whsec_of_the_tests";

#[derive(Clone)]
pub(crate) struct Receiver {
    pub url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    taken: watch::Sender<Vec<Taken>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub signature: String,
    pub body: Vec<u8>,
    pub event: Value,
}

impl Receiver {
    /// Answers with these statuses in turn, and 200 from then on.
    pub(crate) async fn start(answers: &[u16]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let receiver = Receiver { url, answers, taken: watch::Sender::new(Vec::new()) };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn webhook(&self) -> Option<Webhook> {
        let retry_after = Duration::from_millis(1);
        Some(Webhook { url: self.url.clone(), retry_after })
    }

    pub(crate) fn so_far(&self) -> Vec<Taken> {
        self.taken.borrow().clone()
    }

    /// All that has come, once there are so many.
    pub(crate) async fn after(&self, count: usize) -> Vec<Taken> {
        let mut taken = self.taken.subscribe();
        taken.wait_for(|taken| taken.len() >= count).await.unwrap().clone()
    }

    /// The types of the first events, in the order of their names.
    pub(crate) async fn types(&self, count: usize) -> Vec<String> {
        let taken = self.after(count).await;
        let mut types: Vec<_> =
            taken.iter().map(|it| it.event["type"].as_str().unwrap().to_owned()).collect();
        types.sort_unstable();
        types
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
    let event = serde_json::from_slice(&body).unwrap();
    receiver.taken.send_modify(|taken| taken.push(Taken { signature, body: body.to_vec(), event }));
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}
