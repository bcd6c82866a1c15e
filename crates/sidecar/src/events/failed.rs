//! The rows of `failed_event`: one for each event that was refused or did not arrive, however often it fails.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{App, EventId};
use sqlx::PgPool;
use uuid::Uuid;

use super::Position;

/// The longest error text and name kept.
const LONGEST_TEXT: usize = 2000;

/// An event that failed, and why.
pub(super) struct Failure<'a> {
    pub topic: App,
    pub position: Position,
    pub payload: Payload<'a>,
    pub error: &'a str,
    pub at: DateTime<Utc>,
}

/// Bytes that should be an event, with what can be read of it.
pub(super) struct Payload<'a> {
    pub bytes: &'a [u8],
    pub event_id: Option<EventId>,
    event_type: Option<String>,
    subject: Option<Uuid>,
    sequence: Option<i64>,
}

impl Payload<'_> {
    pub(super) fn read(bytes: &[u8]) -> Payload<'_> {
        let json: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        let uuid = |name: &str| json[name].as_str().and_then(|text| Uuid::parse_str(text).ok());
        Payload {
            bytes,
            event_id: uuid("id").map(EventId),
            event_type: json["type"].as_str().map(storable),
            subject: uuid("subject"),
            sequence: json["sequence"].as_i64(),
        }
    }
}

impl Failure<'_> {
    /// What makes two failures the same one, as far as it can be told without the payload's hash.
    fn identity(&self) -> Option<String> {
        let position = self.position.partition.zip(self.position.offset);
        let id = self.payload.event_id.map(|id| id.to_string());
        id.or_else(|| position.map(|(partition, offset)| format!("{partition}/{offset}")))
    }
}

/// Records that the handler refuses it; one more attempt when that is known.
pub(super) async fn upsert_refused(pool: &PgPool, failure: &Failure<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into failed_event as failed
            (id, topic, identity, event_id, type, subject, sequence, partition, kafka_offset, payload,
             reason, error, attempts, first_at, last_at, next_at)
        values ($1, $2, coalesce($3, encode(sha256($10), 'hex')), $4, $5, $6, $7, $8, $9, $10,
                'refused', $11, 1, $12, $12, $12)
        on conflict on constraint failed_event_identity_key do update
        set reason = 'refused', error = excluded.error, attempts = failed.attempts + 1, last_at = excluded.last_at
        "#,
        Uuid::now_v7(),
        failure.topic.name(),
        failure.identity(),
        failure.payload.event_id.map(|id| id.0),
        failure.payload.event_type,
        failure.payload.subject,
        failure.payload.sequence,
        failure.position.partition,
        failure.position.offset,
        failure.payload.bytes,
        storable(failure.error),
        failure.at,
    )
    .execute(pool)
    .await
    .map(|_| ())
}

/// Records a dead letter unless the event, or a payload that says the same, has a row already; whether it did.
pub(super) async fn insert_undelivered(pool: &PgPool, failure: &Failure<'_>) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        insert into failed_event
            (id, topic, identity, event_id, type, subject, sequence, payload,
             reason, error, attempts, first_at, last_at, next_at)
        select $1, $2, coalesce($3, encode(sha256($8), 'hex')), $4, $5, $6, $7, $8,
               'undelivered', $9, 1, $10, $10, $10
        where not exists (
            select from failed_event where topic = $2 and sha256(payload) = sha256($8::bytea)
        )
        on conflict do nothing
        "#,
        Uuid::now_v7(),
        failure.topic.name(),
        failure.identity(),
        failure.payload.event_id.map(|id| id.0),
        failure.payload.event_type,
        failure.payload.subject,
        failure.payload.sequence,
        failure.payload.bytes,
        storable(failure.error),
        failure.at,
    )
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A row that waits to be handled again.
pub(super) struct UndeliveredRow {
    pub id: Uuid,
    pub topic: String,
    pub payload: Vec<u8>,
    pub attempts: i32,
}

/// The first open row of each key whose time has come: later ones of the key wait for it.
pub(super) async fn list_due(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<UndeliveredRow>, sqlx::Error> {
    sqlx::query_as!(
        UndeliveredRow,
        r#"
        select head.id as "id!", head.topic as "topic!", head.payload as "payload!", head.attempts as "attempts!"
        from (
            select distinct on (topic, coalesce(subject, id)) id, topic, payload, attempts, next_at
            from failed_event
            where reason = 'undelivered' and handled_at is null and discarded_at is null
            order by topic, coalesce(subject, id), sequence nulls first, first_at
        ) as head
        where head.next_at <= $1
        order by head.next_at
        limit 100
        "#,
        now,
    )
    .fetch_all(pool)
    .await
}

pub(super) async fn update_handled(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("update failed_event set handled_at = $2, last_at = $2 where id = $1", id, now)
        .execute(pool)
        .await
        .map(|_| ())
}

/// It was delivered at last, and refused: now a person must look at it.
pub(super) async fn update_refused(
    pool: &PgPool,
    id: Uuid,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update failed_event set reason = 'refused', error = $2, attempts = attempts + 1, last_at = $3 where id = $1",
        id,
        storable(error),
        now,
    )
    .execute(pool)
    .await
    .map(|_| ())
}

pub(super) async fn update_postponed(
    pool: &PgPool,
    id: Uuid,
    error: &str,
    now: DateTime<Utc>,
    pause: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update failed_event set error = $2, attempts = attempts + 1, last_at = $3, next_at = $4 where id = $1",
        id,
        storable(error),
        now,
        now + pause,
    )
    .execute(pool)
    .await
    .map(|_| ())
}

/// PostgreSQL takes no NUL in text, and nobody reads more than a page.
fn storable(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(LONGEST_TEXT).collect()
}
