//! One delivery: read the event, run the handler, say what becomes of it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::BytesRejection;
use chrono::Utc;
use contracts::{App, Envelope, EventId, EventType};
use sqlx::PgPool;
use tracing::Instrument;

use super::failed::{self, Failure, Payload};
use super::{EventError, Handle, Position, Verdict, too_large};
use crate::fail_point;

/// Runs the handler; the routes and the redelivery share it.
#[derive(Clone)]
pub(super) struct Runner<S, F> {
    subscriber: App,
    pool: PgPool,
    state: S,
    handle: F,
    attempts: Attempts,
}

impl<S, F, Fut> Runner<S, F>
where
    S: Clone,
    F: Fn(S, Envelope) -> Fut,
    Fut: Future<Output = Result<(), EventError>>,
{
    pub(super) fn new(subscriber: App, pool: PgPool, state: S, handle: F) -> Runner<S, F> {
        Runner { subscriber, pool, state, handle, attempts: Attempts::default() }
    }

    pub(super) fn attempts(&self) -> Attempts {
        self.attempts.clone()
    }

    pub(super) async fn deliver(&self, topic: App, position: Position, payload: &[u8]) -> Verdict {
        let verdict = match self.run(topic, payload).await {
            Ok(handled) => {
                if let Some(event_type) = handled {
                    fail_point(format_args!("{}.{}.before_ack", self.subscriber, event_type.name()));
                }
                Verdict::Success
            }
            Err(EventError::Retry(_)) => Verdict::Retry,
            Err(EventError::Drop(why)) => self.refuse(topic, position, payload, &why).await,
        };
        metrics::counter!("events_total", "topic" => topic.name(), "verdict" => verdict.label()).increment(1);
        verdict
    }

    /// An event that could not be received: too large for ever, or cut off this time.
    pub(super) async fn turn_away(
        &self,
        topic: App,
        position: Position,
        rejection: BytesRejection,
    ) -> Verdict {
        if too_large(&rejection) {
            self.refuse(topic, position, &[], "larger than 4 MiB").await
        } else {
            Verdict::Retry
        }
    }

    /// Runs the handler on these bytes, if it is meant to see them; says what it has handled.
    pub(super) async fn run(&self, topic: App, payload: &[u8]) -> Result<Option<EventType>, EventError> {
        let Some(envelope) = read(self.subscriber, topic, payload)? else { return Ok(None) };
        let (id, event_type) = (envelope.id, envelope.event.event_type());
        let span = span(&envelope);
        let outcome = (self.handle)(self.state.clone(), envelope).instrument(span.clone()).await;
        let _entered = span.enter();
        match &outcome {
            Ok(()) => self.attempts.forget(id),
            Err(EventError::Retry(error)) => {
                let error = format!("{error:#}");
                let attempt = self.attempts.note(id, &error);
                tracing::warn!(attempt, error, "event cannot be handled now");
            }
            Err(EventError::Drop(why)) => tracing::error!(why, "event refused"),
        }
        outcome.map(|()| Some(event_type))
    }

    /// Writes why before it answers: a dead letter carries no reason.
    async fn refuse(&self, topic: App, position: Position, payload: &[u8], why: &str) -> Verdict {
        let failure =
            Failure { topic, position, payload: Payload::read(payload), error: why, at: Utc::now() };
        match failed::upsert_refused(&self.pool, &failure).await {
            Ok(()) => Verdict::Drop,
            Err(error) => {
                tracing::warn!(topic = topic.name(), error = %error, "refused event could not be recorded");
                Verdict::Retry
            }
        }
    }
}

/// Runs a handler on the stored bytes of a failed event, as if they had just come from the topic of this name.
///
/// # Errors
/// What the handler says, or that it is never to see such bytes.
pub async fn run_again(
    subscriber: App,
    topic: &str,
    payload: &[u8],
    handle: &Handle,
) -> Result<(), EventError> {
    let topic =
        App::from_name(topic).ok_or_else(|| EventError::Drop(format!("there is no topic {topic:?}")))?;
    let Some(envelope) = read(subscriber, topic, payload)? else { return Ok(()) };
    let span = span(&envelope);
    handle(envelope).instrument(span).await
}

/// The event in these bytes, if the subscriber is meant to see it.
fn read(subscriber: App, topic: App, payload: &[u8]) -> Result<Option<Envelope>, EventError> {
    let envelope = Envelope::from_slice(payload)
        .map_err(|error| EventError::Drop(format!("{:#}", anyhow::Error::new(error))))?;
    if envelope.source != topic {
        return Err(EventError::Drop(format!("published by {} to the topic of {topic}", envelope.source)));
    }
    let subscribes = envelope.event.event_type().row().subscribers.contains(&subscriber);
    Ok(Some(envelope).filter(|_| subscribes))
}

fn span(envelope: &Envelope) -> tracing::Span {
    tracing::info_span!(
        "event",
        event.id = %envelope.id,
        event.type = envelope.event.event_type().name(),
        event.subject = %envelope.subject,
        event.sequence = envelope.sequence,
    )
}

impl Verdict {
    fn label(self) -> &'static str {
        match self {
            Verdict::Success => "success",
            Verdict::Retry => "retry",
            Verdict::Drop => "drop",
        }
    }
}

/// What was tried in vain, as far as this process remembers: daprd tells neither attempts nor reasons.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<EventId, (u32, String)>>>);

impl Attempts {
    /// More events than are ever on their way at once; beyond it the oldest memories are not worth keeping.
    const MOST: usize = 1024;

    fn note(&self, id: EventId, error: &str) -> u32 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Attempts::MOST {
            known.clear();
        }
        let entry = known.entry(id).or_default();
        *entry = (entry.0 + 1, error.to_owned());
        entry.0
    }

    fn forget(&self, id: EventId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    pub(super) fn last_error(&self, id: EventId) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).map(|(attempts, error)| format!("after {attempts} attempts: {error}"))
    }
}
