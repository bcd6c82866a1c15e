//! SQL of handling again and of giving up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Chosen;
use crate::failed::Reason;

/// Names the lock of whoever handles failed events again, in each database.
const LOCK: i64 = 0x0b0c_0001;

/// A failed event that may be handled again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub id: Uuid,
    pub topic: String,
    pub subject: Option<Uuid>,
}

/// Takes the lock until the transaction ends; `false` when somebody else holds it.
pub(crate) async fn lock_redrives(tx: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "locked!""#, LOCK).fetch_one(tx).await
}

/// Open ones of these, for each key in the order of its sequence.
pub(crate) async fn list_named(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as!(
        Candidate,
        r#"
        select id, topic, subject from failed_event
        where id = any($1) and handled_at is null and discarded_at is null
        order by topic, coalesce(subject, id), sequence nulls first, first_at
        "#,
        ids,
    )
    .fetch_all(tx)
    .await
}

/// Open ones that were meant, for each key in the order of its sequence. The key that has waited longest comes
/// first, so that some that fail again and again leave room for the others.
pub(crate) async fn list_chosen(
    tx: &mut PgConnection,
    chosen: &Chosen<'_>,
    limit: i64,
) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as!(
        Candidate,
        r#"
        select id as "id!", topic as "topic!", subject
        from (
            select id, topic, subject, sequence, first_at,
                   first_value(last_at) over (
                       partition by topic, coalesce(subject, id) order by sequence nulls first, first_at
                   ) as waits_since
            from failed_event
            where handled_at is null and discarded_at is null
              and ($1::text is null or topic = $1)
              and ($2::text is null or type = $2)
              and ($3::text is null or reason = $3)
        ) as open
        order by waits_since, topic, coalesce(subject, id), sequence nulls first, first_at
        limit $4
        "#,
        chosen.topic,
        chosen.event_type,
        chosen.reason.map(Reason::name),
        limit,
    )
    .fetch_all(tx)
    .await
}

/// What there is of these, open or not.
pub(crate) async fn list_existing(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select id from failed_event where id = any($1)", ids).fetch_all(tx).await
}

/// Marks those of these that the inbox knows to be handled; which.
pub(crate) async fn update_handled_meanwhile(
    tx: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        update failed_event set handled_at = inbox.handled_at
        from inbox
        where inbox.event_id = failed_event.event_id
          and failed_event.handled_at is null and failed_event.discarded_at is null
          and failed_event.id = any($1)
        returning failed_event.id
        "#,
        ids,
    )
    .fetch_all(tx)
    .await
}

/// Counts one more attempt and gives the payload; nothing when it is no longer open.
pub(crate) async fn lock_attempt(
    tx: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        update failed_event set attempts = attempts + 1, last_at = $2
        where id = $1 and handled_at is null and discarded_at is null
        returning payload
        "#,
        id,
        now,
    )
    .fetch_optional(tx)
    .await
}

pub(crate) async fn update_handled(
    tx: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update failed_event set handled_at = $2 where id = $1 and handled_at is null", id, now)
        .execute(tx)
        .await
        .map(|_| ())
}

pub(crate) async fn update_refused(tx: &mut PgConnection, id: Uuid, error: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update failed_event set reason = 'refused', error = $2 where id = $1", id, storable(error))
        .execute(tx)
        .await
        .map(|_| ())
}

/// What could not be handled for want of something is tried again by itself from now on.
pub(crate) async fn update_postponed(
    tx: &mut PgConnection,
    id: Uuid,
    error: &str,
    now: DateTime<Utc>,
    pause: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update failed_event set reason = 'undelivered', error = $2, next_at = $3 where id = $1",
        id,
        storable(error),
        now + pause,
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Gives those of these up that are open; which.
pub(crate) async fn update_discarded(
    tx: &mut PgConnection,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        update failed_event set discarded_at = $2
        where id = any($1) and handled_at is null and discarded_at is null
        returning id
        "#,
        ids,
        now,
    )
    .fetch_all(tx)
    .await
}

/// PostgreSQL takes no NUL in text, and nobody reads more than a page.
fn storable(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(2000).collect()
}
