//! What notification's table says, for the books and for an order's timeline.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use contracts::facts::RepeatedMessage;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Kind;

/// A message without its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldMessage {
    pub kind: String,
    pub cause: String,
    pub channel: String,
    pub created_at: DateTime<Utc>,
    pub caused_by: Option<String>,
    pub trace_id: Option<String>,
}

/// What these orders' customers were told more than once. The table's key forbids it; this does not rely on it.
pub async fn list_repeated(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<RepeatedMessage>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select order_id, kind, cause, channel, count(*) as "count!" from message
           where order_id = any($1)
           group by order_id, kind, cause, channel
           having count(*) > 1
           order by order_id, kind, cause, channel"#,
        &ids
    )
    .fetch_all(db)
    .await?;
    let repeated = rows.into_iter().map(|row| RepeatedMessage {
        order_id: OrderId(row.order_id),
        kind: row.kind,
        cause: row.cause,
        channel: row.channel,
        count: row.count,
    });
    Ok(repeated.collect())
}

/// Of which orders' ends customers were told, by the kind of the message.
pub async fn list_told_ends(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Kind)>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "select distinct order_id, kind from message
         where order_id = any($1) and cause = 'end'
         order by order_id, kind",
        &ids
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind = Kind::from_name(&row.kind)
                .ok_or_else(|| sqlx::Error::Decode(format!("message of kind {}", row.kind).into()))?;
            Ok((OrderId(row.order_id), kind))
        })
        .collect()
}

/// What an order's customer was told, the oldest first.
pub async fn list_told(db: &mut PgConnection, order_id: OrderId) -> Result<Vec<ToldMessage>, sqlx::Error> {
    sqlx::query_as!(
        ToldMessage,
        "select kind, cause, channel, created_at, caused_by, trace_id from message
         where order_id = $1
         order by created_at, id",
        order_id.0
    )
    .fetch_all(db)
    .await
}
