//! SQL: orders that have come to their end, as the groups of a trial are counted from them.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use futures::stream::{BoxStream, StreamExt};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::groups::{EndKind, Ended};

struct EndedRow {
    id: Uuid,
    placed_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    end_kind: String,
}

impl TryFrom<EndedRow> for Ended {
    type Error = sqlx::Error;

    fn try_from(row: EndedRow) -> Result<Ended, sqlx::Error> {
        let kind = match row.end_kind.as_str() {
            "confirmed" => EndKind::Confirmed,
            "rejected" => EndKind::Rejected,
            "expired" => EndKind::Expired,
            "cancelled" => EndKind::Cancelled,
            _ => return Err(unreadable("end")),
        };
        Ok(Ended { order_id: OrderId(row.id), placed_at: row.placed_at, ended_at: row.ended_at, kind })
    }
}

/// Orders with their end that were placed under this version of the configuration or a later one, as they were
/// placed, up to the first that has none: those that end soonest would speak for those that hang. They come one after
/// another: there may be many, and whoever asks stops when it has enough.
pub fn list_ended(db: &mut PgConnection, version: i64) -> BoxStream<'_, Result<Ended, sqlx::Error>> {
    sqlx::query_as!(
        EndedRow,
        r#"select id, placed_at, ended_at as "ended_at!", end_kind as "end_kind!" from orders
           where configuration_version >= $1 and end_kind is not null
             and placed_at < (select coalesce(min(placed_at), 'infinity') from orders
               where configuration_version >= $1 and end_kind is null)
           order by placed_at, id"#,
        version
    )
    .fetch(db)
    .map(|row| Ended::try_from(row?))
    .boxed()
}
