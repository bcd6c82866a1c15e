//! What was asked back for each cause, and what became of it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{money, unreadable};
use crate::domain::order::{Refund, RefundState};

pub struct RefundRow {
    order_id: Uuid,
    cause: String,
    amount: i64,
    requested_at: DateTime<Utc>,
    state: String,
    made_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    sequence: Option<i64>,
}

/// The refunds of these orders, the oldest first.
pub async fn list_refunds(
    db: &mut PgConnection,
    order_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<RefundRow>>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RefundRow,
        "select order_id, cause, amount, requested_at, state, made_at, failed_at, sequence from refund_request
         where order_id = any($1) order by order_id, requested_at, cause",
        order_ids
    )
    .fetch_all(db)
    .await?;
    let mut refunds: HashMap<Uuid, Vec<RefundRow>> = HashMap::new();
    for row in rows {
        refunds.entry(row.order_id).or_default().push(row);
    }
    Ok(refunds)
}

/// Keeps a refund as it now stands; its cause and amount never change.
pub async fn upsert_refund(
    tx: &mut PgConnection,
    order_id: OrderId,
    refund: &Refund,
) -> Result<(), sqlx::Error> {
    let (failed_at, sequence) = match refund.state {
        RefundState::Requested => (None, None),
        RefundState::Made { sequence, .. } => (None, Some(sequence)),
        RefundState::Failed { at, sequence, .. } => (Some(at), Some(sequence)),
    };
    sqlx::query!(
        "insert into refund_request (order_id, cause, amount, requested_at, state, made_at, failed_at, sequence)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint refund_request_pkey do update
         set state = excluded.state, made_at = excluded.made_at, failed_at = excluded.failed_at,
             sequence = excluded.sequence",
        order_id.0,
        refund.cause.to_string(),
        refund.amount.amount(),
        refund.requested_at,
        refund.state.name(),
        refund.state.made_at(),
        failed_at,
        sequence
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl RefundRow {
    pub fn refund(self, currency: &str) -> Result<Refund, sqlx::Error> {
        let state = match (self.state.as_str(), self.sequence, self.made_at, self.failed_at) {
            ("requested", None, None, None) => RefundState::Requested,
            ("made", Some(sequence), Some(at), None) => RefundState::Made { at, sequence },
            ("failed", Some(sequence), made_at, Some(at)) => RefundState::Failed { at, sequence, made_at },
            (_, _, _, _) => return Err(unreadable("refund")),
        };
        Ok(Refund {
            cause: self.cause.parse().map_err(|_| unreadable("cause of a refund"))?,
            amount: money(self.amount, currency)?,
            requested_at: self.requested_at,
            state,
        })
    }
}
