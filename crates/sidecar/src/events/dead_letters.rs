//! Dead letters: events of a topic that ended where nobody handles them. Each gets a row, unless it has one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use contracts::App;
use serde::Deserialize;
use sqlx::PgPool;

use super::failed::{self, Failure, Payload};
use super::run::Attempts;
use super::{Position, Verdict};

/// Records the dead letter. Where it lies in the dead-letter topic says nothing, so no position is kept.
pub(super) async fn record(pool: &PgPool, attempts: &Attempts, topic: App, body: &[u8]) -> Verdict {
    let original = unwrap(body);
    let payload = Payload::read(original.as_deref().unwrap_or(body));
    let known = payload.event_id.and_then(|id| attempts.last_error(id));
    let error = known.as_deref().unwrap_or("no answer of the handler is known");
    let failure = Failure { topic, position: Position::UNKNOWN, payload, error, at: Utc::now() };
    let event_id = failure.payload.event_id.map(|id| id.to_string());
    match failed::insert_undelivered(pool, &failure).await {
        Ok(true) => {
            metrics::counter!("dead_letters_total", "topic" => topic.name()).increment(1);
            tracing::error!(topic = topic.name(), event.id = event_id, error, "event was not delivered");
            Verdict::Success
        }
        Ok(false) => Verdict::Success,
        Err(error) => {
            tracing::warn!(topic = topic.name(), event.id = event_id, %error, "dead letter could not be recorded");
            Verdict::Retry
        }
    }
}

/// The bytes as they were published. A subscription with raw payloads wraps them, so that anything can be delivered.
fn unwrap(body: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Wrapped {
        data_base64: String,
    }
    let wrapped: Wrapped = serde_json::from_slice(body).ok()?;
    STANDARD.decode(wrapped.data_base64).ok()
}
