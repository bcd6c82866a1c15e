//! What `user` says to the others. It hears nothing.

use chrono::{DateTime, Utc};
use contracts::{Event, EventId, UserId};
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

/// Says something about a user, in the transaction that makes it so. `cause` is the request that led to it.
pub async fn say(
    tx: &mut PgConnection,
    user_id: UserId,
    event: impl Into<Event>,
    cause: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        subject: user_id.0,
        time: now,
        correlation_id: None,
        causation_id: cause,
        traceparent: traceparent(),
        event: event.into(),
    };
    outbox::enqueue(tx, &event).await?;
    Ok(())
}
