//! Publishes what the outbox holds: every committed event at least once, in the order of each key.
//!
//! A relay holds shards by advisory locks of its transaction, and a bulk holds at most the first unpublished event
//! of each key; so nothing overtakes, with any number of relays and wherever one of them dies. What was published
//! but not yet marked is published again under the same id, and the subscribers' inboxes drop it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{App, Envelope, Event, EventId, EventType};
use sqlx::{PgConnection, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Outbox;
use crate::{Sidecar, SidecarError, fail_point};

const POLL: Duration = Duration::from_millis(500);
const REPORT: Duration = Duration::from_secs(5);
const LEAST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const LARGEST_BATCH: usize = 100;
/// The first key of every shard's advisory lock; the second is the shard.
const LOCK_CLASS: i32 = 0x0b0c;
/// A relay that is stopped in the middle of a batch loses its shards after a while. Heads are read in the order of
/// the index: sorting a backlog for each batch would make an outage longer, the longer it was.
const BEGIN: &str =
    "begin; set local idle_in_transaction_session_timeout = '20s'; set local enable_sort = off";

/// Runs until `shutdown`, and then finishes the batch in hand. More than one may run, in one process or several.
pub async fn relay(outbox: Outbox, pool: PgPool, sidecar: Sidecar, topic: App, shutdown: CancellationToken) {
    let mut pause = LEAST_PAUSE;
    let mut reported: Option<Instant> = None;
    while !shutdown.is_cancelled() {
        if reported.is_none_or(|at| at.elapsed() >= REPORT) {
            report(&pool, topic).await;
            reported = Some(Instant::now());
        }
        match publish_batch(&pool, &sidecar, topic).await {
            Ok(0) => {
                pause = LEAST_PAUSE;
                tokio::select! {
                    () = outbox.woken.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = shutdown.cancelled() => {}
                }
            }
            Ok(published) => {
                pause = LEAST_PAUSE;
                metrics::counter!("outbox_published_total", "topic" => topic.name()).increment(published);
            }
            Err(error) => {
                metrics::counter!("outbox_failed_batches_total", "topic" => topic.name()).increment(1);
                let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(topic = topic.name(), error, pause_ms, "events were not published");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = shutdown.cancelled() => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("outbox cannot be read or marked")]
    Database(#[from] sqlx::Error),
    #[error("publishing failed")]
    Publish(#[from] SidecarError),
}

/// Publishes the heads of the free shards; how many. Dropping out anywhere rolls back, and all of it is sent again.
async fn publish_batch(pool: &PgPool, sidecar: &Sidecar, topic: App) -> Result<u64, RelayError> {
    let mut tx = pool.begin_with(BEGIN).await?;
    let shards = lock_pending_shards(&mut tx).await?;
    if shards.is_empty() {
        return Ok(0);
    }
    // A statement of its own: only a snapshot taken after the locks shows what their last holder has marked.
    let heads = list_heads(&mut tx, &shards).await?;
    let events: Vec<Envelope> = heads.into_iter().filter_map(|row| row.into_envelope(topic)).collect();
    if events.is_empty() {
        return Ok(0);
    }
    fail_point(format_args!("{topic}.relay.before_publish"));
    sidecar.bulk_publish(topic, &events).await?;
    fail_point(format_args!("{topic}.relay.after_publish"));
    let published = mark_published(&mut tx, &events).await?;
    tx.commit().await?;
    fail_point(format_args!("{topic}.relay.after_mark"));
    Ok(published)
}

async fn lock_pending_shards(tx: &mut PgConnection) -> Result<Vec<i16>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with pending as materialized (
            select shard::smallint from generate_series(0, 15) as shard
            where exists (select from outbox where outbox.shard = shard.shard and published_at is null)
        )
        select shard as "shard!" from pending where pg_try_advisory_xact_lock($1, shard)
        "#,
        LOCK_CLASS,
    )
    .fetch_all(tx)
    .await
}

struct OutboxRow {
    id: Uuid,
    subject: Uuid,
    sequence: i64,
    event_type: String,
    data: serde_json::Value,
    time: DateTime<Utc>,
    correlation_id: Option<Uuid>,
    causation_id: Option<String>,
    traceparent: Option<String>,
}

/// The first unpublished event of each key. The places of a batch are shared out, so that no shard waits for another.
async fn list_heads(tx: &mut PgConnection, shards: &[i16]) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let places = i64::try_from(LARGEST_BATCH.div_ceil(shards.len())).unwrap_or(1);
    sqlx::query_as!(
        OutboxRow,
        r#"
        select head.id as "id!", head.subject as "subject!", head.sequence as "sequence!",
               head.type as "event_type!", head.data as "data!", head.time as "time!",
               head.correlation_id, head.causation_id, head.traceparent
        from unnest($1::smallint[]) as held (shard)
        cross join lateral (
            select distinct on (outbox.subject) outbox.*
            from outbox
            where outbox.shard = held.shard and outbox.published_at is null
            order by outbox.subject, outbox.sequence
            limit $2
        ) as head
        "#,
        shards,
        places,
    )
    .fetch_all(tx)
    .await
}

impl OutboxRow {
    /// A row of a newer release may hold a type that this one does not know: that release's relay publishes it.
    fn into_envelope(self, source: App) -> Option<Envelope> {
        let event = EventType::from_name(&self.event_type).map(|kind| Event::decode(kind, self.data));
        let Some(Ok(event)) = event else {
            let (id, kind) = (self.id, self.event_type);
            tracing::error!(event.id = %id, event.type = kind, "outbox row cannot be read by this release");
            return None;
        };
        Some(Envelope {
            id: EventId(self.id),
            source,
            subject: self.subject,
            sequence: self.sequence,
            time: self.time,
            traceparent: self.traceparent,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            event,
        })
    }
}

async fn mark_published(tx: &mut PgConnection, events: &[Envelope]) -> Result<u64, sqlx::Error> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
    let marked =
        sqlx::query!("update outbox set published_at = now() where id = any($1)", &ids).execute(tx).await?;
    Ok(marked.rows_affected())
}

async fn report(pool: &PgPool, topic: App) {
    let backlog = sqlx::query!(
        r#"select count(*) as "count!", min(time) as oldest from outbox where published_at is null"#
    )
    .fetch_one(pool)
    .await;
    let Ok(backlog) = backlog else { return };
    let age = backlog.oldest.and_then(|oldest| (Utc::now() - oldest).to_std().ok()).unwrap_or_default();
    metrics::gauge!("outbox_pending", "topic" => topic.name())
        .set(u32::try_from(backlog.count).unwrap_or(u32::MAX));
    metrics::gauge!("outbox_oldest_age_seconds", "topic" => topic.name()).set(age);
}
