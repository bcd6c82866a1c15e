//! What staff said or decided, append-only.

use chrono::{DateTime, Utc};
use contracts::{OrderId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::payments::Trail;
use crate::domain::Resolution;

/// A resolution as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolutionShown {
    pub action: String,
    pub cause: Option<String>,
    pub dispute_id: Option<String>,
    pub reason: String,
    pub resolved_by: Uuid,
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
    pub at: DateTime<Utc>,
}

/// Adds a resolution. The lock on the order's payment keeps the numbers in order.
pub async fn insert_resolution(
    tx: &mut PgConnection,
    order_id: OrderId,
    resolution: &Resolution,
    reason: &str,
    by: UserId,
    cause: &Trail,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into payment_resolution (order_id, number, action, cause, dispute_id, reason, resolved_by,
             causation_id, traceparent, at)
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9
         from payment_resolution where order_id = $1",
        order_id.0,
        resolution.name(),
        resolution.cause().map(|cause| cause.to_string()),
        resolution.dispute_id(),
        reason,
        by.0,
        cause.causation_id,
        cause.traceparent,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn list_resolutions(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<ResolutionShown>, sqlx::Error> {
    sqlx::query_as!(
        ResolutionShown,
        "select action, cause, dispute_id, reason, resolved_by, causation_id, traceparent, at
         from payment_resolution where order_id = $1 order by number",
        order_id.0
    )
    .fetch_all(db)
    .await
}
