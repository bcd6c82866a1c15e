//! What happened to an order, line by line; only ever added to.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    pub at: DateTime<Utc>,
    /// `command` (someone asked), `heard` (another service said) or `decided` (this service said).
    pub kind: String,
    /// The operation or the event's type.
    pub name: String,
    /// A user's id or a service.
    pub who: String,
    /// The request's or event's id that led to it.
    pub cause: Option<String>,
    pub trace_id: Option<String>,
    #[schema(value_type = Object)]
    pub detail: Value,
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
        entry.kind,
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
    sqlx::query_as!(
        TimelineEntry,
        "select at, kind, name, who, cause, trace_id, detail from timeline_entry where order_id = $1 order by id",
        order_id.0
    )
    .fetch_all(db)
    .await
}
