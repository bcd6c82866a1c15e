//! Rows of the catalogue.

use chrono::{DateTime, Utc};
use contracts::{Currency, Money, ProductId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{exactly, unreadable};
use crate::domain::product::{Product, Sale};
use crate::domain::stock::{Level, Stocked};

/// A product as `order` keeps it, with the sequence of its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub product: Product,
    pub sequence: i64,
}

pub async fn insert_product(tx: &mut PgConnection, product: &Product) -> Result<(), sqlx::Error> {
    insert_products(tx, std::slice::from_ref(product)).await
}

/// Inserts products, and an empty shelf for each that is under stock control. In the order of their skus, so that
/// two imports cannot wait for each other.
pub async fn insert_products(tx: &mut PgConnection, products: &[Product]) -> Result<(), sqlx::Error> {
    let columns = Columns::of(products);
    let inserted = sqlx::query!(
        "with new as (
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[],
                 $7::bigint[], $8::timestamptz[])
             as new (id, sku, name, price_amount, price_currency, stock_controlled, version, created_at)
         ), shelf as (
             insert into stock (product_id, on_hand, reserved, allocated)
             select id, 0, 0, 0 from new where stock_controlled
         )
         insert into product (id, sku, name, price_amount, price_currency, stock_controlled, version, created_at,
             updated_at)
         select id, sku, name, price_amount, price_currency, stock_controlled, version, created_at, created_at
         from new order by sku",
        &columns.ids,
        &columns.skus,
        &columns.names,
        &columns.amounts,
        &columns.currencies,
        &products.iter().map(|product| product.stock_controlled).collect::<Vec<_>>(),
        &columns.versions,
        &products.iter().map(|product| product.created_at).collect::<Vec<_>>()
    )
    .execute(tx)
    .await?;
    exactly(products.len(), inserted.rows_affected(), "product")
}

/// Writes what may change of products that are locked.
pub async fn update_products(tx: &mut PgConnection, products: &[Product]) -> Result<(), sqlx::Error> {
    let columns = Columns::of(products);
    let updated = sqlx::query!(
        "update product
         set name = new.name, price_amount = new.price_amount, price_currency = new.price_currency,
             archived_at = new.archived_at, version = new.version, updated_at = new.updated_at
         from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::bigint[],
             $7::timestamptz[])
             as new (id, name, price_amount, price_currency, archived_at, version, updated_at)
         where product.id = new.id",
        &columns.ids,
        &columns.names,
        &columns.amounts,
        &columns.currencies,
        &products.iter().map(archived_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &columns.versions,
        &products.iter().map(|product| product.updated_at).collect::<Vec<_>>()
    )
    .execute(tx)
    .await?;
    exactly(products.len(), updated.rows_affected(), "product")
}

pub async fn find_product(db: &mut PgConnection, id: ProductId) -> Result<Option<Stocked>, sqlx::Error> {
    sqlx::query_as!(
        ProductRow,
        r#"select id, sku, name, price_amount, price_currency, stock_controlled, archived_at, version, created_at,
               updated_at, on_hand as "on_hand?", reserved as "reserved?", allocated as "allocated?"
           from product left join stock on product_id = id
           where id = $1"#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .map(Stocked::try_from)
    .transpose()
}

/// Locks the product against other changes and against claims; its level is what it was a moment ago.
pub async fn lock_product(tx: &mut PgConnection, id: ProductId) -> Result<Option<Stocked>, sqlx::Error> {
    sqlx::query_as!(
        ProductRow,
        r#"select id, sku, name, price_amount, price_currency, stock_controlled, archived_at, version, created_at,
               updated_at, on_hand as "on_hand?", reserved as "reserved?", allocated as "allocated?"
           from product left join stock on product_id = id
           where id = $1
           for update of product"#,
        id.0
    )
    .fetch_optional(tx)
    .await?
    .map(Stocked::try_from)
    .transpose()
}

/// Locks the products that have one of these skus, in product order.
pub async fn lock_products_by_sku(
    tx: &mut PgConnection,
    skus: &[String],
) -> Result<Vec<Product>, sqlx::Error> {
    sqlx::query_as!(
        ProductRow,
        r#"select id, sku, name, price_amount, price_currency, stock_controlled, archived_at, version, created_at,
               updated_at, null::bigint as on_hand, null::bigint as reserved, null::bigint as allocated
           from product
           where sku = any($1)
           order by id
           for update"#,
        skus
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| Stocked::try_from(row).map(|stocked| stocked.product))
    .collect()
}

/// The products after the one named, oldest first; archived ones only where asked for.
pub async fn list_products(
    db: &mut PgConnection,
    after: Option<ProductId>,
    archived_too: ArchivedToo,
    limit: i64,
) -> Result<Vec<Stocked>, sqlx::Error> {
    sqlx::query_as!(
        ProductRow,
        r#"select id, sku, name, price_amount, price_currency, stock_controlled, archived_at, version, created_at,
               updated_at, on_hand as "on_hand?", reserved as "reserved?", allocated as "allocated?"
           from product left join stock on product_id = id
           where id > $1 and ($2 or archived_at is null)
           order by id
           limit $3"#,
        after.map_or(Uuid::nil(), |id| id.0),
        archived_too == ArchivedToo::Yes,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Stocked::try_from)
    .collect()
}

/// Whether a list shows what is no longer sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedToo {
    Yes,
    No,
}

/// The products named, in one statement with the sequence of their last event: neither is newer than the other.
pub async fn list_told(db: &mut PgConnection, ids: &[ProductId]) -> Result<Vec<Told>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "select id, sku, name, price_amount, price_currency, stock_controlled, archived_at, version, created_at,
             updated_at, sequence
         from product join outbox_head on subject = id
         where id = any($1)
         order by id",
        &ids
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let sequence = row.sequence;
            let row = ProductRow {
                id: row.id,
                sku: row.sku,
                name: row.name,
                price_amount: row.price_amount,
                price_currency: row.price_currency,
                stock_controlled: row.stock_controlled,
                archived_at: row.archived_at,
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
                on_hand: None,
                reserved: None,
                allocated: None,
            };
            Ok(Told { product: Stocked::try_from(row)?.product, sequence })
        })
        .collect()
}

struct ProductRow {
    id: Uuid,
    sku: String,
    name: String,
    price_amount: i64,
    price_currency: String,
    stock_controlled: bool,
    archived_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    on_hand: Option<i64>,
    reserved: Option<i64>,
    allocated: Option<i64>,
}

impl TryFrom<ProductRow> for Stocked {
    type Error = sqlx::Error;

    fn try_from(row: ProductRow) -> Result<Stocked, sqlx::Error> {
        let product = Product {
            id: ProductId(row.id),
            sku: row.sku.try_into().map_err(|_| unreadable("sku"))?,
            name: row.name.try_into().map_err(|_| unreadable("name"))?,
            price: money(row.price_amount, &row.price_currency)?,
            stock_controlled: row.stock_controlled,
            sale: row.archived_at.map_or(Sale::Open, |at| Sale::Archived { at }),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        };
        let level = match (row.on_hand, row.reserved, row.allocated) {
            (Some(on_hand), Some(reserved), Some(allocated)) => Some(Level { on_hand, reserved, allocated }),
            (_, _, _) => None,
        };
        Ok(Stocked { product, level })
    }
}

/// Reads a stored price.
pub(super) fn money(amount: i64, currency: &str) -> Result<Money, sqlx::Error> {
    Currency::from_code(currency)
        .and_then(|currency| Money::new(amount, currency).ok())
        .ok_or_else(|| unreadable("price"))
}

fn archived_at(product: &Product) -> Option<DateTime<Utc>> {
    match product.sale {
        Sale::Open => None,
        Sale::Archived { at } => Some(at),
    }
}

/// The columns that inserting and updating share.
struct Columns {
    ids: Vec<Uuid>,
    skus: Vec<String>,
    names: Vec<String>,
    amounts: Vec<i64>,
    currencies: Vec<String>,
    versions: Vec<i64>,
}

impl Columns {
    fn of(products: &[Product]) -> Columns {
        Columns {
            ids: products.iter().map(|product| product.id.0).collect(),
            skus: products.iter().map(|product| product.sku.as_str().to_owned()).collect(),
            names: products.iter().map(|product| product.name.as_str().to_owned()).collect(),
            amounts: products.iter().map(|product| product.price.amount()).collect(),
            currencies: products.iter().map(|product| product.price.currency().code().to_owned()).collect(),
            versions: products.iter().map(|product| product.version).collect(),
        }
    }
}
