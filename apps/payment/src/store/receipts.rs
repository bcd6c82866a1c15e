//! Receipts, each chained to the one before it of the same order.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::illegal;
use crate::domain::effect::Receipt;
use crate::domain::receipt::{Hash, Link};

/// A receipt as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptShown {
    pub sequence: i32,
    pub kind: String,
    pub state: String,
    pub attempt: i32,
    pub at: DateTime<Utc>,
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
    last.map(|last| {
        let hash = Hash::try_from(last.hash).map_err(|_| illegal("receipt", "a hash has another length"))?;
        Ok((last.sequence, hash))
    })
    .transpose()
}

pub async fn insert_receipt(
    tx: &mut PgConnection,
    id: Uuid,
    order_id: OrderId,
    receipt: &Receipt,
    link: &Link,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into receipt (id, order_id, sequence, kind, key, request_hash, state, provider_reference, attempt,
             at, previous_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        id,
        order_id.0,
        link.sequence,
        receipt.kind.name(),
        receipt.key,
        link.request_hash.as_slice(),
        receipt.state.name(),
        receipt.reference,
        i32::try_from(receipt.attempt).unwrap_or(i32::MAX),
        link.at,
        link.previous.as_slice(),
        link.hash.as_slice()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// All receipts of the order, in their order.
pub async fn list_receipts(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<ReceiptShown>, sqlx::Error> {
    sqlx::query_as!(
        ReceiptShown,
        "select sequence, kind, state, attempt, at from receipt where order_id = $1 order by sequence",
        order_id.0
    )
    .fetch_all(db)
    .await
}
