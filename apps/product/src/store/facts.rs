//! What product's tables say, for the books and for an order's timeline. Nothing here is checked: a wrong row is
//! told as it is.

use chrono::{DateTime, Utc};
use contracts::facts::{Deltas, LevelFacts, ReservedLine};
use contracts::{OrderId, ProductId, Refusal};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::stock::MovementKind;

/// Begins a transaction in which all that is read is of one moment.
pub const SNAPSHOT: &str = "begin isolation level repeatable read, read only";

/// A reservation without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationHead {
    pub order_id: OrderId,
    pub state: String,
    pub changed_at: DateTime<Utc>,
}

/// One line of the ledger that an order led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderMovement {
    pub product_id: ProductId,
    pub kind: MovementKind,
    pub moved: Deltas,
    pub cause_id: Option<Uuid>,
    pub caused_by: Option<String>,
    pub trace_id: Option<String>,
    pub at: DateTime<Utc>,
}

/// What was answered to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub at: DateTime<Utc>,
    pub caused_by: Option<String>,
    pub trace_id: Option<String>,
    /// None when all of it is reserved.
    pub refusal: Option<Refusal>,
}

/// What an order's row tells beside its movements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub answer: Option<Answer>,
    /// When `order` was last reminded of it.
    pub reminded_at: Option<DateTime<Utc>>,
}

/// The reservations of these orders, as far as there are any.
pub async fn list_reservations(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<ReservationHead>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        HeadRow,
        "select order_id, state, changed_at from reservation where order_id = any($1) order by order_id",
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(ReservationHead::from).collect())
}

/// A page of the reservations that hold something, in the order of their orders' ids.
pub async fn list_reservations_after(
    tx: &mut PgConnection,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<ReservationHead>, sqlx::Error> {
    let rows = sqlx::query_as!(
        HeadRow,
        "select order_id, state, changed_at from reservation
         where order_id > $1 and state in ('reserved', 'allocated')
         order by order_id
         limit $2",
        after.map_or(Uuid::nil(), |id| id.0),
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(ReservationHead::from).collect())
}

/// What these orders hold of each product and what was moved for it; either may be without the other.
pub async fn list_lines(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, ReservedLine)>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        LineRow,
        r#"with line as (
             select order_id, product_id, quantity, released, shipped, restocked from reservation_line
             where order_id = any($1)
         ), moved as (
             select order_id, product_id, sum(on_hand_delta)::bigint as on_hand,
                 sum(reserved_delta)::bigint as reserved, sum(allocated_delta)::bigint as allocated
             from movement
             where order_id = any($1)
             group by order_id, product_id
         )
         select order_id as "order_id!", product_id as "product_id!", coalesce(quantity, 0) as "claimed!",
             coalesce(released, 0) as "released!", coalesce(shipped, 0) as "shipped!",
             coalesce(restocked, 0) as "restocked!", coalesce(on_hand, 0) as "on_hand!",
             coalesce(reserved, 0) as "reserved!", coalesce(allocated, 0) as "allocated!"
         from line full join moved using (order_id, product_id)
         order by order_id, product_id"#,
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (OrderId(row.order_id), row.into())).collect())
}

/// A page of the products under stock control.
pub async fn list_products_after(
    tx: &mut PgConnection,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<ProductId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select product_id from stock where product_id > $1 order by product_id limit $2",
        after.map_or(Uuid::nil(), |id| id.0),
        limit
    )
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().map(ProductId).collect())
}

/// Each level beside the sums that it should be.
pub async fn list_levels(
    tx: &mut PgConnection,
    products: &[ProductId],
) -> Result<Vec<LevelFacts>, sqlx::Error> {
    let ids: Vec<Uuid> = products.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select product_id, version, stock.on_hand, stock.reserved, stock.allocated,
             coalesce(moved.on_hand, 0) as "moved_on_hand!", coalesce(moved.reserved, 0) as "moved_reserved!",
             coalesce(moved.allocated, 0) as "moved_allocated!",
             coalesce(held.reserved, 0) as "held_reserved!", coalesce(held.allocated, 0) as "held_allocated!"
         from stock
         join product on product.id = product_id
         cross join lateral (
             select sum(on_hand_delta)::bigint as on_hand, sum(reserved_delta)::bigint as reserved,
                 sum(allocated_delta)::bigint as allocated
             from movement where movement.product_id = stock.product_id
         ) as moved
         cross join lateral (
             select sum(quantity - released - shipped) filter (where state = 'reserved')::bigint as reserved,
                 sum(quantity - released - shipped) filter (where state = 'allocated')::bigint as allocated
             from reservation_line join reservation using (order_id)
             where reservation_line.product_id = stock.product_id and released + shipped < quantity
         ) as held
         where product_id = any($1)
         order by product_id"#,
        &ids
    )
    .fetch_all(tx)
    .await?;
    let facts = rows.into_iter().map(|row| LevelFacts {
        product_id: ProductId(row.product_id),
        version: row.version,
        level: Deltas { on_hand: row.on_hand, reserved: row.reserved, allocated: row.allocated },
        moved: Deltas {
            on_hand: row.moved_on_hand,
            reserved: row.moved_reserved,
            allocated: row.moved_allocated,
        },
        held: Deltas { on_hand: 0, reserved: row.held_reserved, allocated: row.held_allocated },
    });
    Ok(facts.collect())
}

/// What was moved for an order, in the order in which it was done.
pub async fn list_order_movements(
    tx: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<OrderMovement>, sqlx::Error> {
    let rows = sqlx::query_as!(
        MovementRow,
        "select product_id, kind, on_hand_delta, reserved_delta, allocated_delta, cause_id, caused_by, trace_id, at
         from movement
         where order_id = $1
         order by id",
        order_id.0
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(OrderMovement::try_from).collect()
}

/// What was said of an order.
pub async fn find_told(tx: &mut PgConnection, order_id: OrderId) -> Result<Option<Told>, sqlx::Error> {
    let row = sqlx::query!(
        "select answered_at, answered_for, answered_trace, answered_refusal, reported_at from reservation
         where order_id = $1",
        order_id.0
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let refusal = row.answered_refusal.map(refusal).transpose()?;
    let answer = row.answered_at.map(|at| Answer {
        at,
        caused_by: row.answered_for,
        trace_id: row.answered_trace,
        refusal,
    });
    Ok(Some(Told { answer, reminded_at: row.reported_at }))
}

struct HeadRow {
    order_id: Uuid,
    state: String,
    changed_at: DateTime<Utc>,
}

impl From<HeadRow> for ReservationHead {
    fn from(row: HeadRow) -> ReservationHead {
        let HeadRow { order_id, state, changed_at } = row;
        ReservationHead { order_id: OrderId(order_id), state, changed_at }
    }
}

struct LineRow {
    order_id: Uuid,
    product_id: Uuid,
    claimed: i64,
    released: i64,
    shipped: i64,
    restocked: i64,
    on_hand: i64,
    reserved: i64,
    allocated: i64,
}

impl From<LineRow> for ReservedLine {
    fn from(row: LineRow) -> ReservedLine {
        ReservedLine {
            product_id: ProductId(row.product_id),
            claimed: row.claimed,
            released: row.released,
            shipped: row.shipped,
            restocked: row.restocked,
            moved: Deltas { on_hand: row.on_hand, reserved: row.reserved, allocated: row.allocated },
        }
    }
}

struct MovementRow {
    product_id: Uuid,
    kind: String,
    on_hand_delta: i64,
    reserved_delta: i64,
    allocated_delta: i64,
    cause_id: Option<Uuid>,
    caused_by: Option<String>,
    trace_id: Option<String>,
    at: DateTime<Utc>,
}

impl TryFrom<MovementRow> for OrderMovement {
    type Error = sqlx::Error;

    fn try_from(row: MovementRow) -> Result<OrderMovement, sqlx::Error> {
        Ok(OrderMovement {
            product_id: ProductId(row.product_id),
            kind: MovementKind::from_name(&row.kind).ok_or_else(|| unreadable("kind of movement"))?,
            moved: Deltas {
                on_hand: row.on_hand_delta,
                reserved: row.reserved_delta,
                allocated: row.allocated_delta,
            },
            cause_id: row.cause_id,
            caused_by: row.caused_by,
            trace_id: row.trace_id,
            at: row.at,
        })
    }
}

fn refusal(stored: Value) -> Result<Refusal, sqlx::Error> {
    serde_json::from_value(stored).map_err(|_| unreadable("refusal"))
}
