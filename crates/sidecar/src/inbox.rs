//! Which events were handled: written in the transaction that handles them, so that each has its effect once.

use chrono::{DateTime, Utc};
use contracts::Envelope;
use sqlx::PgConnection;

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
