//! What happened to an order, line by line; only ever added to.

use contracts::{EntryKind, OrderId, TimelineEntry};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;

/// How an order stands, as far as those who watch it must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The last line of its timeline.
    pub last: i64,
    pub version: i64,
    /// It has ended, or waits for its customer.
    pub settled: bool,
}

/// Takes the order's lock. Whoever writes lines under it writes them in the order of their ids, also as others read
/// them.
pub async fn lock(tx: &mut PgConnection, order_id: OrderId) -> Result<(), sqlx::Error> {
    sqlx::query!("select id from orders where id = $1 for update", order_id.0).fetch_one(tx).await?;
    Ok(())
}

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

pub async fn count_entries(db: &mut PgConnection, order_id: OrderId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from timeline_entry where order_id = $1"#, order_id.0)
        .fetch_one(db)
        .await
}

/// The lines behind this one, without the first `skip` of them, each with its id.
pub async fn list_after(
    db: &mut PgConnection,
    order_id: OrderId,
    after: i64,
    skip: i64,
    limit: i64,
) -> Result<Vec<(i64, TimelineEntry)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select id, at, kind, name, who, cause, trace_id, detail from timeline_entry
         where order_id = $1 and id > $2 order by id offset $3 limit $4",
        order_id.0,
        after,
        skip,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let entry = TimelineEntry {
                at: row.at,
                kind: EntryKind::from_name(&row.kind).ok_or_else(|| unreadable("kind of entry"))?,
                name: row.name,
                who: row.who,
                cause: row.cause,
                trace_id: row.trace_id,
                detail: row.detail,
            };
            Ok((row.id, entry))
        })
        .collect()
}

/// How these orders stand.
pub async fn list_standings(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Standing)>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|order| order.0).collect();
    let rows = sqlx::query!(
        r#"select orders.id, version,
             coalesce((select max(entry.id) from timeline_entry entry where entry.order_id = orders.id), 0) as "last!",
             (end_kind is not null or payment_action_required_at is not null) as "settled!"
         from orders where id = any($1)"#,
        &ids
    )
    .fetch_all(db)
    .await?;
    let standing = |last, version, settled| Standing { last, version, settled };
    Ok(rows.into_iter().map(|row| (OrderId(row.id), standing(row.last, row.version, row.settled))).collect())
}
