//! Stock levels and their ledger, and what staff change. Each change of a level and its line are one statement, so
//! neither is without the other. Whoever locks several rows locks products before levels, each in product order.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{OrderId, ProductId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::product::money;
use super::{exactly, unreadable};
use crate::domain::stock::{Level, Movement, MovementKind, Offer, Reason, ShelfChange};

/// A level with the product's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLevel {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub level: Level,
}

/// Locks the levels of these products against other changes; products without stock control have none.
pub async fn lock_levels(
    tx: &mut PgConnection,
    products: impl IntoIterator<Item = ProductId>,
) -> Result<HashMap<ProductId, Level>, sqlx::Error> {
    let ids: Vec<Uuid> = products.into_iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "select product_id, on_hand, reserved, allocated from stock
         where product_id = any($1)
         order by product_id
         for update",
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let level = Level { on_hand: row.on_hand, reserved: row.reserved, allocated: row.allocated };
            (ProductId(row.product_id), level)
        })
        .collect())
}

/// Locks these products against a change of price or archive, but not against other claims. Until the levels are
/// locked nothing is available of what is under stock control.
pub async fn lock_offers(
    tx: &mut PgConnection,
    products: impl IntoIterator<Item = ProductId>,
) -> Result<HashMap<ProductId, Offer>, sqlx::Error> {
    let ids: Vec<Uuid> = products.into_iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select id, price_amount, price_currency, stock_controlled, archived_at is not null as "archived!"
           from product
           where id = any($1)
           order by id
           for share"#,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let offer = Offer {
                price: money(row.price_amount, &row.price_currency)?,
                archived: row.archived,
                available: row.stock_controlled.then_some(0),
            };
            Ok((ProductId(row.id), offer))
        })
        .collect()
}

/// Writes a change of the shelf that was decided under the level's lock.
pub async fn change_shelf(
    tx: &mut PgConnection,
    product_id: ProductId,
    change: ShelfChange,
    reason: &Reason,
    now: DateTime<Utc>,
) -> Result<Movement, sqlx::Error> {
    sqlx::query_as!(
        MovementRow,
        "with changed as (
             update stock set on_hand = on_hand + $2 where product_id = $1 returning product_id
         )
         insert into movement (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, reason, at)
         select product_id, $3, $2, 0, 0, $4, $5 from changed
         returning id, product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id, reason,
             at",
        product_id.0,
        change.pieces(),
        change.kind().name(),
        reason.as_str(),
        now
    )
    .fetch_one(tx)
    .await?
    .try_into()
}

/// Receives pieces of several products; the levels are locked.
pub async fn receive(
    tx: &mut PgConnection,
    received: &[(ProductId, i64)],
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (products, pieces): (Vec<Uuid>, Vec<i64>) =
        received.iter().map(|(id, pieces)| (id.0, *pieces)).unzip();
    let written = sqlx::query!(
        "with received as (
             select * from unnest($1::uuid[], $2::bigint[]) as received (product_id, pieces)
         ), changed as (
             update stock set on_hand = stock.on_hand + received.pieces
             from received
             where stock.product_id = received.product_id
             returning stock.product_id, received.pieces
         )
         insert into movement (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, reason, at)
         select product_id, 'received', pieces, 0, 0, $3, $4 from changed",
        &products,
        &pieces,
        reason,
        now
    )
    .execute(tx)
    .await?;
    exactly(received.len(), written.rows_affected(), "stock")
}

/// A product's lines of the ledger, the newest first.
pub async fn list_movements(
    db: &mut PgConnection,
    product_id: ProductId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Movement>, sqlx::Error> {
    sqlx::query_as!(
        MovementRow,
        "select id, product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id, reason, at
         from movement
         where product_id = $1 and id < $2
         order by id desc
         limit $3",
        product_id.0,
        before.unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Movement::try_from)
    .collect()
}

/// The levels after the product named, in product order.
pub async fn list_levels(
    db: &mut PgConnection,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<NamedLevel>, sqlx::Error> {
    let rows = sqlx::query!(
        "select product_id, sku, name, on_hand, reserved, allocated
         from stock join product on id = product_id
         where product_id > $1
         order by product_id
         limit $2",
        after.map_or(Uuid::nil(), |id| id.0),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| NamedLevel {
            product_id: ProductId(row.product_id),
            sku: row.sku,
            name: row.name,
            level: Level { on_hand: row.on_hand, reserved: row.reserved, allocated: row.allocated },
        })
        .collect())
}

struct MovementRow {
    id: i64,
    product_id: Uuid,
    kind: String,
    on_hand_delta: i64,
    reserved_delta: i64,
    allocated_delta: i64,
    order_id: Option<Uuid>,
    cause_id: Option<Uuid>,
    reason: Option<String>,
    at: DateTime<Utc>,
}

impl TryFrom<MovementRow> for Movement {
    type Error = sqlx::Error;

    fn try_from(row: MovementRow) -> Result<Movement, sqlx::Error> {
        Ok(Movement {
            id: row.id,
            product_id: ProductId(row.product_id),
            kind: MovementKind::from_name(&row.kind).ok_or_else(|| unreadable("kind of movement"))?,
            on_hand_delta: row.on_hand_delta,
            reserved_delta: row.reserved_delta,
            allocated_delta: row.allocated_delta,
            order_id: row.order_id.map(OrderId),
            cause_id: row.cause_id,
            reason: row.reason,
            at: row.at,
        })
    }
}
