//! What happened to an order, line by line; only ever added to.

use contracts::{EntryKind, OrderId, TimelineEntry};
use sqlx::PgConnection;

use super::unreadable;

pub async fn insert_entry(
    tx: &mut PgConnection,
    order_id: OrderId,
    entry: &TimelineEntry,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into timeline_entry (order_id, at, kind, name, who, cause, trace_id, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        order_id.0,
        entry.at,
        entry.kind.name(),
        entry.name,
        entry.who,
        entry.cause,
        entry.trace_id,
        entry.detail
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn list_entries(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<TimelineEntry>, sqlx::Error> {
    let rows = sqlx::query!(
        "select at, kind, name, who, cause, trace_id, detail from timeline_entry where order_id = $1 order by id",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(TimelineEntry {
                at: row.at,
                kind: EntryKind::from_name(&row.kind).ok_or_else(|| unreadable("kind of entry"))?,
                name: row.name,
                who: row.who,
                cause: row.cause,
                trace_id: row.trace_id,
                detail: row.detail,
            })
        })
        .collect()
}
