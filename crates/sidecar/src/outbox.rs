//! Events that are facts as soon as their transaction commits. The relay publishes them; here they are written.

pub mod published;
pub mod relay;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use contracts::{Event, EventId};
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

pub use relay::relay;

/// How many parts the keys are spread over; relays hold parts, not keys.
const SHARDS: u64 = 16;

/// An event that is about to be a fact. Its sequence is given when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub id: EventId,
    /// The key: the aggregate's id; in the saga the order's.
    pub subject: Uuid,
    pub time: DateTime<Utc>,
    pub correlation_id: Option<Uuid>,
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
    pub event: Event,
}

/// Wakes this process's relay. Without it an event waits for the next poll.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    woken: Arc<Notify>,
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// To be called right after a commit that enqueued something.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// Writes the event and gives it the next sequence of its subject.
///
/// The row of `outbox_head` stays locked until commit: a second transaction waits, a rolled back one leaves no gap,
/// and no later event of the subject can be seen before this one.
pub async fn enqueue(tx: &mut PgConnection, new: &NewEvent) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with head as (
            insert into outbox_head as head (subject, sequence) values ($3, 1)
            on conflict (subject) do update set sequence = head.sequence + 1
            returning sequence
        )
        insert into outbox
            (id, shard, subject, sequence, type, data, time, correlation_id, causation_id, traceparent)
        select $1, $2, $3, head.sequence, $4, $5, $6, $7, $8, $9 from head
        returning sequence as "sequence!"
        "#,
        new.id.0,
        shard(new.subject),
        new.subject,
        new.event.event_type().name(),
        new.event.data(),
        new.time,
        new.correlation_id,
        new.causation_id,
        new.traceparent,
    )
    .fetch_one(tx)
    .await
}

/// How many events wait to be published.
pub async fn pending(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from outbox where published_at is null"#)
        .fetch_one(tx)
        .await
}

/// Deletes what was published before `before`; until then it can be sent again.
pub async fn prune(tx: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let mut pruned = 0;
    loop {
        let deleted = delete_some(tx, before).await?;
        pruned += deleted;
        if deleted == 0 {
            return Ok(pruned);
        }
    }
}

/// A part at a time, so that no statement runs into its time limit.
async fn delete_some(tx: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from outbox where id in (select id from outbox where published_at < $1 limit 10000)",
        before,
    )
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}

/// FNV-1a over the id: the same in every process and every release, unlike the standard library's hashers.
fn shard(subject: Uuid) -> i16 {
    let hash = subject.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i16::try_from(hash % SHARDS).expect("invariant: a shard is below 16")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_key_keeps_its_shard_for_ever_and_keys_use_every_shard() {
        assert_eq!(shard(Uuid::nil()), 5);
        assert_eq!(shard(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)), 7);
        let used: HashSet<i16> = (0..1000).map(|_| shard(Uuid::now_v7())).collect();
        assert_eq!(used, (0..16).collect());
    }
}
