//! The read model of products.

use contracts::ProductId;
use contracts::event::ProductChanged;
use sqlx::PgConnection;
use uuid::Uuid;

use super::money;
use crate::domain::Product;

/// What is known of the products named; those never heard of are missing.
pub async fn list_products(db: &mut PgConnection, ids: &[ProductId]) -> Result<Vec<Product>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "select product_id, sku, name, price, currency, archived from known_product where product_id = any($1)",
        &ids
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(|row| {
        Ok(Product {
            product_id: ProductId(row.product_id),
            price: money(row.price, &row.currency)?,
            sku: row.sku,
            name: row.name,
            archived: row.archived,
        })
    })
    .collect()
}

/// Keeps what a product's event tells, unless a later one is known already.
pub async fn upsert_product(
    db: &mut PgConnection,
    product: &ProductChanged,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into known_product (product_id, sku, name, price, currency, stock_controlled, archived, sequence)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint known_product_pkey do update
         set sku = excluded.sku, name = excluded.name, price = excluded.price, currency = excluded.currency,
             stock_controlled = excluded.stock_controlled, archived = excluded.archived,
             sequence = excluded.sequence
         where known_product.sequence < excluded.sequence",
        product.product_id.0,
        product.sku,
        product.name,
        product.price.amount(),
        product.price.currency().code(),
        product.stock_controlled,
        product.archived,
        sequence
    )
    .execute(db)
    .await?;
    Ok(())
}
