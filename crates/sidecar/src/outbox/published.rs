//! What was published, for those who ask whether it has reached them; and sending it once more.

use chrono::{DateTime, Utc};
use contracts::EventId;
use contracts::facts::{Head, PublishedEvent};
use sqlx::PgConnection;
use uuid::Uuid;

/// A span of time, and the event in it after which to go on.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub after: Option<(DateTime<Utc>, EventId)>,
}

/// Every event of these subjects, published or not.
pub async fn list_of_subjects(
    tx: &mut PgConnection,
    subjects: &[Uuid],
) -> Result<Vec<PublishedEvent>, sqlx::Error> {
    sqlx::query_as!(
        PublishedEvent,
        r#"
        select id, type as event_type, subject, sequence, time, published_at
        from outbox where subject = any($1) order by subject, sequence
        "#,
        subjects,
    )
    .fetch_all(tx)
    .await
}

/// The last sequence given to each of these subjects.
pub async fn list_heads(tx: &mut PgConnection, subjects: &[Uuid]) -> Result<Vec<Head>, sqlx::Error> {
    sqlx::query_as!(Head, "select subject, sequence from outbox_head where subject = any($1)", subjects)
        .fetch_all(tx)
        .await
}

/// At most `limit` events of these types that were published in the span, the oldest first.
///
/// The index on `published_at` holds ranges of pages; the span's beginning moves with each page of the list, so that
/// none is read again.
pub async fn list_span(
    tx: &mut PgConnection,
    types: &[String],
    span: Span,
    limit: i64,
) -> Result<Vec<PublishedEvent>, sqlx::Error> {
    let (from, id) = match span.after {
        Some((at, id)) if at >= span.from => (at, id.0),
        Some(_) | None => (span.from, Uuid::nil()),
    };
    sqlx::query_as!(
        PublishedEvent,
        r#"
        select id, type as event_type, subject, sequence, time, published_at
        from outbox
        where published_at >= $1 and published_at < $2 and (published_at, id) > ($1, $3) and type = any($4)
        order by published_at, id
        limit $5
        "#,
        from,
        span.until,
        id,
        types,
        limit,
    )
    .fetch_all(tx)
    .await
}

/// Has the relay send those of these events that were published, and are of these types, once more; how many.
pub async fn resend(tx: &mut PgConnection, ids: &[Uuid], types: &[String]) -> Result<u64, sqlx::Error> {
    let marked = sqlx::query!(
        r#"
        update outbox set published_at = null
        where id = any($1) and type = any($2) and published_at is not null
        "#,
        ids,
        types,
    )
    .execute(tx)
    .await?;
    Ok(marked.rows_affected())
}
