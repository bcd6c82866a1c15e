//! Which events were handled: written in the transaction that handles them, so that each has its effect once.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use contracts::facts::HandledEvents;
use contracts::{App, Envelope, EventId};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::fail_points;

/// Notes the event; `false` when it was handled before. A second delivery at the same time waits here for the
/// first one's end.
pub async fn first_time(tx: &mut PgConnection, envelope: &Envelope) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query!(
        "insert into inbox (event_id, type, handled_at) values ($1, $2, now()) on conflict do nothing",
        envelope.id.0,
        envelope.event.event_type().name(),
    )
    .execute(tx)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Commits what `app` did about the event: how every handler ends.
pub async fn commit(tx: Transaction<'_, Postgres>, app: App, envelope: &Envelope) -> Result<(), sqlx::Error> {
    fail_points::commit(tx, app, envelope.event.event_type().name()).await
}

/// What became of these events here, in one snapshot if `tx` reads repeatably; what is in none of the lists never arrived.
pub async fn check(tx: &mut PgConnection, ids: &[EventId]) -> Result<HandledEvents, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let handled = list_handled(tx, &ids).await?;
    let mut known =
        HandledEvents { handled: handled.iter().copied().map(EventId).collect(), ..HandledEvents::default() };
    let handled: HashSet<Uuid> = handled.into_iter().collect();
    let failed = list_failed(tx, &ids).await?;
    for row in failed.into_iter().filter(|row| !handled.contains(&row.event_id.0)) {
        match (row.handled, row.discarded) {
            // What was handled so long ago that the inbox has forgotten it.
            (true, _) => known.handled.push(row.event_id),
            (false, true) => known.discarded.push(row.event_id),
            (false, false) => known.failed.push(row.event_id),
        }
    }
    Ok(known)
}

async fn list_handled(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("select event_id from inbox where event_id = any($1)", ids).fetch_all(tx).await
}

struct FailedRow {
    event_id: EventId,
    handled: bool,
    discarded: bool,
}

/// Two rows tell of the same event only when it was said to be of two topics; what was handled counts.
async fn list_failed(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<FailedRow>, sqlx::Error> {
    sqlx::query_as!(
        FailedRow,
        r#"
        select event_id as "event_id!", bool_or(handled_at is not null) as "handled!",
               bool_and(discarded_at is not null) as "discarded!"
        from failed_event where event_id = any($1) group by event_id
        "#,
        ids,
    )
    .fetch_all(tx)
    .await
}

/// Forgets what was handled before `before`, which must lie further back than anything is ever sent again.
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
        "delete from inbox where event_id in (select event_id from inbox where handled_at < $1 limit 10000)",
        before,
    )
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}
