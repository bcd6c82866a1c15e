//! Receipts, each chained to the one before it of the same order.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use contracts::receipt::{Hash, ReceiptLine};
use sqlx::PgConnection;
use uuid::Uuid;

use super::illegal;
use super::payments::Trail;
use super::row::{count, number};

#[derive(Debug)]
struct ReceiptRow {
    order_id: Uuid,
    sequence: i32,
    kind: String,
    key: String,
    state: String,
    provider_reference: Option<String>,
    attempt: i32,
    at: DateTime<Utc>,
    request_hash: Vec<u8>,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

/// The end of the order's chain. The lock on the order's payment keeps others from adding to it.
pub async fn find_last_receipt(
    tx: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<(i32, Hash)>, sqlx::Error> {
    let last = sqlx::query!(
        "select sequence, hash from receipt where order_id = $1 order by sequence desc limit 1",
        order_id.0
    )
    .fetch_optional(tx)
    .await?;
    last.map(|last| Ok((last.sequence, hash(last.hash)?))).transpose()
}

pub async fn insert_receipt(
    tx: &mut PgConnection,
    id: Uuid,
    order_id: OrderId,
    line: &ReceiptLine,
    trail: &Trail,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into receipt (id, order_id, sequence, kind, key, request_hash, state, provider_reference, attempt,
             at, previous_hash, hash, causation_id, traceparent)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        id,
        order_id.0,
        line.sequence,
        line.kind,
        line.key,
        line.request_hash.as_slice(),
        line.state,
        line.provider_reference,
        number(line.attempt),
        line.at,
        line.previous_hash.as_slice(),
        line.hash.as_slice(),
        trail.causation_id,
        trail.traceparent
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// All receipts of these orders, in their order.
pub async fn list_receipts(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, ReceiptLine)>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        ReceiptRow,
        "select order_id, sequence, kind, key, state, provider_reference, attempt, at, request_hash, previous_hash,
             hash
         from receipt where order_id = any($1) order by order_id, sequence",
        &ids
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Ok((OrderId(row.order_id), ReceiptLine::try_from(row)?))).collect()
}

/// An order's receipts with what each was written for.
pub async fn list_traced_receipts(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<(ReceiptLine, Trail)>, sqlx::Error> {
    let lines = list_receipts(&mut *db, &[order_id]).await?;
    let trails = sqlx::query_as!(
        Trail,
        "select causation_id, traceparent from receipt where order_id = $1 order by sequence",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    Ok(lines.into_iter().map(|(_, line)| line).zip(trails).collect())
}

impl TryFrom<ReceiptRow> for ReceiptLine {
    type Error = sqlx::Error;

    fn try_from(row: ReceiptRow) -> Result<ReceiptLine, sqlx::Error> {
        Ok(ReceiptLine {
            sequence: row.sequence,
            kind: row.kind,
            key: row.key,
            state: row.state,
            provider_reference: row.provider_reference,
            attempt: count(row.attempt)?,
            at: row.at,
            request_hash: hash(row.request_hash)?,
            previous_hash: hash(row.previous_hash)?,
            hash: hash(row.hash)?,
        })
    }
}

fn hash(bytes: Vec<u8>) -> Result<Hash, sqlx::Error> {
    Hash::try_from(bytes).map_err(|_| illegal("receipt", "a hash has another length"))
}
