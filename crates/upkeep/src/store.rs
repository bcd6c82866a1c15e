//! SQL over the events that failed. It decides nothing.

pub(crate) mod audit;
pub(crate) mod redrive;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::failed::{FailedCount, FailedEvent, Reason, State};

/// Begins a transaction in which all statements see the same.
pub(crate) const SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// Which rows are meant; what is absent does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chosen<'a> {
    pub topic: Option<&'a str>,
    pub event_type: Option<&'a str>,
    pub reason: Option<Reason>,
    pub state: Option<State>,
}

struct FailedRow {
    id: Uuid,
    topic: String,
    event_id: Option<Uuid>,
    event_type: Option<String>,
    subject: Option<Uuid>,
    sequence: Option<i64>,
    partition: Option<i32>,
    kafka_offset: Option<i64>,
    reason: String,
    error: String,
    attempts: i32,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    handled_at: Option<DateTime<Utc>>,
    discarded_at: Option<DateTime<Utc>>,
}

/// The newest first, from below the one named.
pub(crate) async fn list_failed(
    tx: &mut PgConnection,
    chosen: &Chosen<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<FailedEvent>, sqlx::Error> {
    let rows = sqlx::query_as!(
        FailedRow,
        r#"
        select id, topic, event_id, type as event_type, subject, sequence, partition, kafka_offset, reason, error,
               attempts, first_at, last_at, handled_at, discarded_at
        from failed_event
        where ($1::text is null or topic = $1)
          and ($2::text is null or type = $2)
          and ($3::text is null or reason = $3)
          and case $4::text
                when 'open' then handled_at is null and discarded_at is null
                when 'handled' then handled_at is not null
                when 'discarded' then discarded_at is not null and handled_at is null
                else true
              end
          and ($5::uuid is null or id < $5)
        order by id desc
        limit $6
        "#,
        chosen.topic,
        chosen.event_type,
        chosen.reason.map(Reason::name),
        chosen.state.map(State::name),
        before,
        limit,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(FailedEvent::try_from).collect()
}

/// One with its payload.
pub(crate) async fn find_failed(
    tx: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(FailedEvent, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query_as!(
        FailedRow,
        r#"
        select id, topic, event_id, type as event_type, subject, sequence, partition, kafka_offset, reason, error,
               attempts, first_at, last_at, handled_at, discarded_at
        from failed_event where id = $1
        "#,
        id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((row.try_into()?, find_payload(tx, id).await?)))
}

async fn find_payload(tx: &mut PgConnection, id: Uuid) -> Result<Vec<u8>, sqlx::Error> {
    sqlx::query_scalar!("select payload from failed_event where id = $1", id).fetch_one(tx).await
}

struct CountRow {
    topic: String,
    event_type: Option<String>,
    reason: String,
    open: i64,
    handled: i64,
    discarded: i64,
}

/// How many of each kind are in each state, whichever state was asked for.
pub(crate) async fn count_failed(
    tx: &mut PgConnection,
    chosen: &Chosen<'_>,
) -> Result<Vec<FailedCount>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CountRow,
        r#"
        select topic, type as event_type, reason,
               count(*) filter (where handled_at is null and discarded_at is null) as "open!",
               count(*) filter (where handled_at is not null) as "handled!",
               count(*) filter (where handled_at is null and discarded_at is not null) as "discarded!"
        from failed_event
        where ($1::text is null or topic = $1)
          and ($2::text is null or type = $2)
          and ($3::text is null or reason = $3)
        group by topic, type, reason
        order by topic, type, reason
        "#,
        chosen.topic,
        chosen.event_type,
        chosen.reason.map(Reason::name),
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(FailedCount {
                reason: reason(&row.reason)?,
                topic: row.topic,
                event_type: row.event_type,
                open: row.open,
                handled: row.handled,
                discarded: row.discarded,
            })
        })
        .collect()
}

impl TryFrom<FailedRow> for FailedEvent {
    type Error = sqlx::Error;

    fn try_from(row: FailedRow) -> Result<FailedEvent, sqlx::Error> {
        let state = match (row.handled_at, row.discarded_at) {
            (Some(_), _) => State::Handled,
            (None, Some(_)) => State::Discarded,
            (None, None) => State::Open,
        };
        Ok(FailedEvent {
            id: row.id,
            topic: row.topic,
            event_id: row.event_id.map(Into::into),
            event_type: row.event_type,
            subject: row.subject,
            sequence: row.sequence,
            partition: row.partition,
            offset: row.kafka_offset,
            reason: reason(&row.reason)?,
            error: row.error,
            attempts: row.attempts,
            state,
            first_at: row.first_at,
            last_at: row.last_at,
            handled_at: row.handled_at,
            discarded_at: row.discarded_at,
        })
    }
}

fn reason(name: &str) -> Result<Reason, sqlx::Error> {
    Reason::from_name(name)
        .ok_or_else(|| sqlx::Error::Decode(format!("a failed event has the reason {name:?}").into()))
}
