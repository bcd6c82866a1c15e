//! The routes that the sidecar delivers events to, and what becomes of those that fail.
//!
//! Every answer is 200 with a verdict: to any other status daprd would react by rules of its own.

mod dead_letters;
mod failed;
mod history;
mod redelivery;
mod run;

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use contracts::{App, Envelope};
use futures::future::BoxFuture;
use http::HeaderMap;
use sqlx::PgPool;

pub use history::list_failures;
pub use redelivery::redeliver_job;
pub use run::run_again;

use crate::guard;

/// The largest event, as daprd's own limit.
const LARGEST_EVENT: usize = 4 * 1024 * 1024;

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Something is away; the same event may succeed later.
    #[error("event cannot be handled now")]
    Retry(#[source] anyhow::Error),
    /// It can never be handled; a person must look at it.
    #[error("{0}")]
    Drop(String),
}

impl From<sqlx::Error> for EventError {
    fn from(error: sqlx::Error) -> EventError {
        EventError::Retry(error.into())
    }
}

/// A service's handler with its state inside.
pub type Handle = Arc<dyn Fn(Envelope) -> BoxFuture<'static, Result<(), EventError>> + Send + Sync>;

/// Mounts `POST /events/<topic>` and `POST /dead/<topic>` for every topic that `subscriber` subscribes to.
///
/// `handle` opens its own transaction and asks the inbox first.
pub fn router<S, F, Fut>(subscriber: App, pool: PgPool, state: S, handle: F) -> Router
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Envelope) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), EventError>> + Send + 'static,
{
    let runner = run::Runner::new(subscriber, pool.clone(), state, handle);
    let mut router = Router::new().route("/dapr/subscribe", get(|| async { Json(serde_json::json!([])) }));
    for topic in contracts::event::subscriptions(subscriber) {
        let runner = runner.clone();
        let attempts = runner.attempts();
        let deliver = move |headers: HeaderMap, body: Result<Bytes, BytesRejection>| {
            let runner = runner.clone();
            async move {
                match body {
                    Ok(payload) => runner.deliver(topic, Position::of(&headers), &payload).await,
                    Err(rejection) => runner.turn_away(topic, Position::of(&headers), rejection).await,
                }
            }
        };
        let pool = pool.clone();
        let bury = move |body: Result<Bytes, BytesRejection>| {
            let (pool, attempts) = (pool.clone(), attempts.clone());
            async move {
                match body {
                    Ok(payload) => dead_letters::record(&pool, &attempts, topic, &payload).await,
                    Err(_) => Verdict::Retry,
                }
            }
        };
        router = router
            .route(&format!("/events/{topic}"), post(deliver))
            .route(&format!("/dead/{topic}"), post(bury));
    }
    router.layer(DefaultBodyLimit::max(LARGEST_EVENT)).layer(guard::never_by_invocation())
}

/// What daprd is told to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Success,
    Retry,
    /// On to the dead-letter topic.
    Drop,
}

impl IntoResponse for Verdict {
    fn into_response(self) -> Response {
        let status = match self {
            Verdict::Success => "SUCCESS",
            Verdict::Retry => "RETRY",
            Verdict::Drop => "DROP",
        };
        Json(serde_json::json!({ "status": status })).into_response()
    }
}

/// Where in its topic an event lies, if daprd says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    partition: Option<i32>,
    offset: Option<i64>,
}

impl Position {
    const UNKNOWN: Position = Position { partition: None, offset: None };

    fn of(headers: &HeaderMap) -> Position {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Position {
            partition: text("__partition").and_then(|text| text.parse().ok()),
            offset: text("__offset").and_then(|text| text.parse().ok()),
        }
    }
}

fn too_large(rejection: &BytesRejection) -> bool {
    matches!(rejection, BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))
}
