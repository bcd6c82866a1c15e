//! A sandbox of its own for each test, with a clock that stands still until it is told to move.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use card_sandbox::api;
use card_sandbox::app::{App, Clock};
use card_sandbox::config::{ApiKey, Config, Secrets, Webhook};
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::receiver::SECRET;

pub(crate) const API_KEY: &str = "sk_test_sandbox";

pub(crate) struct Sandbox {
    pub app: App,
    pub folder: Arc<TempDir>,
    router: Router,
    clock: Arc<Mutex<DateTime<Utc>>>,
    webhook: Option<Webhook>,
    secrets: Secrets,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Sandbox {
    pub(crate) fn start() -> Sandbox {
        Sandbox::telling(None)
    }

    /// Sends webhooks to somebody.
    pub(crate) fn telling(webhook: Option<Webhook>) -> Sandbox {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let folder = Arc::new(TempDir::new().unwrap());
        Sandbox::open(folder, Arc::new(Mutex::new(now)), webhook, &fixed())
    }

    /// The same with keys and secrets from a file.
    pub(crate) fn with_secrets(file: &std::path::Path, webhook: Option<Webhook>) -> Sandbox {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let secrets = Secrets::File(file.to_owned());
        Sandbox::open(Arc::new(TempDir::new().unwrap()), Arc::new(Mutex::new(now)), webhook, &secrets)
    }

    /// Ends, and starts again from the log alone.
    pub(crate) fn restart(self) -> Sandbox {
        let Sandbox { app, folder, router, clock, webhook, secrets } = self;
        drop((app, router));
        Sandbox::open(folder, clock, webhook, &secrets)
    }

    /// The same, with somebody else to tell; what was left undone is taken up.
    pub(crate) async fn restart_telling(self, webhook: Option<Webhook>) -> Sandbox {
        let Sandbox { app, folder, router, clock, secrets, .. } = self;
        app.stop();
        drop((app, router));
        // Whoever was in the middle of something lets go of the log when they see that it is over.
        let sandbox = loop {
            match Sandbox::try_open(folder.clone(), clock.clone(), webhook.clone(), &secrets) {
                Ok(sandbox) => break sandbox,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        card_sandbox::jobs::resume(&sandbox.app).await.unwrap();
        sandbox
    }

    pub(crate) fn log_path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.jsonl")
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        let mut now = self.clock.lock().unwrap();
        *now += time;
    }

    pub(crate) async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answered {
        self.send(post(path, parameters)).await
    }

    pub(crate) async fn post_keyed(&self, key: &str, path: &str, parameters: &[(&str, &str)]) -> Answered {
        self.send(keyed(key, post(path, parameters))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(get(path)).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        // Whoever asks again and again leaves room for what they wait for.
        tokio::task::yield_now().await;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Whether the connection ends without an answer.
    pub(crate) async fn hangs_up(&self, request: Request<Body>) -> bool {
        let response = self.router.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.is_err()
    }

    /// Creates an intent of £19.99 for order `o-1` and gives back its id.
    pub(crate) async fn created(&self, card: &str, capture: &str) -> String {
        let created = self.post("/v1/payment_intents", &intent("o-1", card, capture)).await;
        assert_eq!(created.status, 200, "{created:?}");
        created.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn status_of(&self, id: &str) -> String {
        let read = self.get(&format!("/v1/payment_intents/{id}")).await;
        read.body["status"].as_str().unwrap().to_owned()
    }

    /// The log's records.
    pub(crate) async fn log(&self) -> Vec<Value> {
        let answered = self.get("/_sandbox/log").await;
        let text = match answered.body {
            Value::String(text) => text,
            one_line => one_line.to_string(),
        };
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The types of all entries, in order.
    pub(crate) async fn happened(&self) -> Vec<String> {
        let log = self.log().await;
        let entries = log.iter().flat_map(|record| record["entries"].as_array().unwrap());
        entries.map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn effective_charges(&self, order: &str) -> u64 {
        let summary = self.get(&format!("/_sandbox/summary?order_id={order}")).await;
        summary.body["total"]["effective_charges"].as_u64().unwrap()
    }

    /// Sends, waits until a fault was written, and checks that there is no answer; then the caller hangs up,
    /// after `meanwhile`.
    pub(crate) async fn unanswered<T>(
        &self,
        request: Request<Body>,
        meanwhile: impl Future<Output = T>,
    ) -> T {
        let mut sent = pin!(self.send(request));
        let struck = async {
            while self.happened().await.last().map(String::as_str) != Some("faulted") {}
            meanwhile.await
        };
        tokio::select! {
            answered = &mut sent => panic!("answered: {answered:?}"),
            result = struck => result,
        }
    }

    fn open(
        folder: Arc<TempDir>,
        clock: Arc<Mutex<DateTime<Utc>>>,
        webhook: Option<Webhook>,
        secrets: &Secrets,
    ) -> Sandbox {
        Sandbox::try_open(folder, clock, webhook, secrets).unwrap()
    }

    fn try_open(
        folder: Arc<TempDir>,
        clock: Arc<Mutex<DateTime<Utc>>>,
        webhook: Option<Webhook>,
        secrets: &Secrets,
    ) -> anyhow::Result<Sandbox> {
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            log: folder.path().join("log.jsonl"),
            secrets: secrets.clone(),
            late_after: Duration::from_secs(1),
            public_url: Some("http://sandbox.example".to_owned()),
            webhook: webhook.clone(),
            verbosity: "info".to_owned(),
        };
        let app = App::open(&config, Clock::Fixed(clock.clone()))?;
        Ok(Sandbox {
            router: api::router(app.clone()),
            app,
            folder,
            clock,
            webhook,
            secrets: secrets.clone(),
        })
    }
}

fn fixed() -> Secrets {
    Secrets::Fixed { api_key: ApiKey::of(API_KEY), webhook: Some(SECRET.into()) }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {API_KEY}")).body(Body::empty()).unwrap()
}

pub(crate) fn post(path: &str, parameters: &[(&str, &str)]) -> Request<Body> {
    Request::post(path)
        .header("authorization", format!("Bearer {API_KEY}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("stripe-version", "2026-09-30.endive")
        .body(Body::from(serde_urlencoded::to_string(parameters).unwrap()))
        .unwrap()
}

pub(crate) fn keyed(key: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

pub(crate) fn intent<'a>(order: &'a str, card: &'a str, capture: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("amount", "1999"),
        ("currency", "gbp"),
        ("capture_method", capture),
        ("payment_method", card),
        ("metadata[order_id]", order),
    ]
}

/// The path of one of the sandbox's own controls.
pub(crate) fn control(id: &str, act: &str) -> String {
    format!("/_sandbox/payment_intents/{id}/{act}")
}

pub(crate) fn confirm(id: &str) -> String {
    format!("/v1/payment_intents/{id}/confirm")
}

pub(crate) fn capture(id: &str) -> String {
    format!("/v1/payment_intents/{id}/capture")
}

pub(crate) fn cancel(id: &str) -> String {
    format!("/v1/payment_intents/{id}/cancel")
}
