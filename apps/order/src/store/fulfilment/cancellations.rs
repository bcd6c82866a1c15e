//! Cancellations and what they took back; only ever added to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{CancellationId, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{columns, money, parts};
use crate::domain::order::Cancellation;

/// A cancellation without its currency, which is its order's.
pub struct CancellationRow {
    id: Uuid,
    order_id: Uuid,
    amount: i64,
    cancelled_at: DateTime<Utc>,
    products: Vec<Uuid>,
    quantities: Vec<i32>,
}

pub async fn list_cancellations(
    db: &mut PgConnection,
    order_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<CancellationRow>>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CancellationRow,
        r#"select cancellation.id, cancellation.order_id, amount, cancelled_at,
             array_agg(line.product_id order by line.product_id) as "products!",
             array_agg(line.quantity order by line.product_id) as "quantities!"
         from cancellation join cancellation_line line on line.cancellation_id = cancellation.id
         where cancellation.order_id = any($1) group by cancellation.id order by cancelled_at, cancellation.id"#,
        order_ids
    )
    .fetch_all(db)
    .await?;
    let mut cancellations: HashMap<Uuid, Vec<CancellationRow>> = HashMap::new();
    for row in rows {
        cancellations.entry(row.order_id).or_default().push(row);
    }
    Ok(cancellations)
}

pub async fn insert_cancellation(
    tx: &mut PgConnection,
    order_id: OrderId,
    cancellation: &Cancellation,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into cancellation (id, order_id, amount, cancelled_at) values ($1, $2, $3, $4)",
        cancellation.id.0,
        order_id.0,
        cancellation.amount.amount(),
        cancellation.at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_lines(
    tx: &mut PgConnection,
    order_id: OrderId,
    cancellation: &Cancellation,
) -> Result<(), sqlx::Error> {
    let (products, quantities) = columns(&cancellation.parts)?;
    sqlx::query!(
        "insert into cancellation_line (cancellation_id, order_id, product_id, quantity)
         select $1, $2, part.product_id, part.quantity
         from unnest($3::uuid[], $4::int[]) as part (product_id, quantity)",
        cancellation.id.0,
        order_id.0,
        &products,
        &quantities
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl CancellationRow {
    pub fn cancellation(self, currency: &str) -> Result<Cancellation, sqlx::Error> {
        Ok(Cancellation {
            id: CancellationId(self.id),
            parts: parts(&self.products, &self.quantities)?,
            amount: money(self.amount, currency)?,
            at: self.cancelled_at,
        })
    }
}
