//! The lines of orders, as they were placed.

use std::collections::HashMap;

use contracts::{ProductId, Quantity};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::TakenOrder;

/// A line without its currency, which is its order's.
pub struct LineRow {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub quantity: Quantity,
    pub unit_price: i64,
}

pub async fn insert_lines(tx: &mut PgConnection, order: &TakenOrder) -> Result<(), sqlx::Error> {
    let (mut products, mut skus, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quantities, mut prices) = (Vec::new(), Vec::new());
    for line in &order.lines {
        products.push(line.product_id.0);
        skus.push(line.sku.clone());
        names.push(line.name.clone());
        quantities.push(i32::try_from(line.quantity.get()).map_err(|_| unreadable("quantity"))?);
        prices.push(line.unit_price.amount());
    }
    sqlx::query!(
        "insert into order_line (order_id, position, product_id, sku, name, quantity, unit_price)
         select $1, line.position::int, line.product_id, line.sku, line.name, line.quantity, line.unit_price
         from unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::bigint[]) with ordinality
             as line (product_id, sku, name, quantity, unit_price, position)",
        order.placed.order_id.0,
        &products,
        &skus,
        &names,
        &quantities,
        &prices
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The lines of these orders, in their order.
pub async fn list_lines(
    db: &mut PgConnection,
    order_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<LineRow>>, sqlx::Error> {
    let rows = sqlx::query!(
        "select order_id, product_id, sku, name, quantity, unit_price from order_line
         where order_id = any($1) order by order_id, position",
        order_ids
    )
    .fetch_all(db)
    .await?;
    let mut lines: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
    for row in rows {
        lines.entry(row.order_id).or_default().push(LineRow {
            product_id: ProductId(row.product_id),
            sku: row.sku,
            name: row.name,
            quantity: Quantity::new(row.quantity.into()).map_err(|_| unreadable("quantity"))?,
            unit_price: row.unit_price,
        });
    }
    Ok(lines)
}
