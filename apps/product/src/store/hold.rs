//! What orders do to the stock. Each change of a level, of the order's line and of the ledger is one statement that
//! also checks, so none is without the others; the levels were locked before, in product order.

use contracts::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Occasion, exactly};
use crate::domain::reservation::Promise;
use crate::domain::stock::{Held, MovementKind};

/// What a claim came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    All,
    Nothing,
}

/// A change of what an order holds: how many times its pieces each quantity grows.
#[derive(Debug, Clone, Copy)]
struct Change {
    kind: MovementKind,
    cause_id: Option<Uuid>,
    on_hand: i64,
    reserved: i64,
    allocated: i64,
}

/// Checks that all of it is available and reserves it: all or none.
pub async fn claim(
    tx: &mut PgConnection,
    order_id: OrderId,
    held: &[Held],
    occasion: &Occasion,
) -> Result<Claimed, sqlx::Error> {
    let (products, pieces) = columns(held);
    let claimed = sqlx::query!(
        "with demand as (
             select * from unnest($2::uuid[], $3::bigint[]) as demand (product_id, pieces)
         ), claimed as (
             update stock set reserved = stock.reserved + demand.pieces
             from demand
             where stock.product_id = demand.product_id
                 and not exists (
                     select from demand as wanted left join stock as shelf using (product_id)
                     where coalesce(shelf.on_hand - shelf.reserved - shelf.allocated, -1) < wanted.pieces
                 )
             returning stock.product_id, demand.pieces
         ), line as (
             insert into reservation_line (order_id, product_id, quantity)
             select $1, product_id, pieces from claimed
         )
         insert into movement
             (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, caused_by, trace_id, at)
         select product_id, 'reserved', 0, pieces, 0, $1, $4, $5, $6 from claimed",
        order_id.0,
        &products,
        &pieces,
        occasion.caused_by,
        occasion.trace_id,
        occasion.at
    )
    .execute(tx)
    .await?;
    match claimed.rows_affected() {
        0 if !held.is_empty() => Ok(Claimed::Nothing),
        rows => exactly(held.len(), rows, "stock").map(|()| Claimed::All),
    }
}

/// Turns reserved into allocated.
pub async fn allocate(
    tx: &mut PgConnection,
    order_id: OrderId,
    held: &[Held],
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let change =
        Change { kind: MovementKind::Allocated, cause_id: None, on_hand: 0, reserved: -1, allocated: 1 };
    change_held(tx, order_id, held, change, occasion).await
}

/// Makes what is promised available again.
pub async fn release(
    tx: &mut PgConnection,
    order_id: OrderId,
    held: &[Held],
    (from, cause_id): (Promise, Option<Uuid>),
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let (reserved, allocated) = match from {
        Promise::Reserved => (-1, 0),
        Promise::Allocated => (0, -1),
    };
    let change = Change { kind: MovementKind::Released, cause_id, on_hand: 0, reserved, allocated };
    change_held(tx, order_id, held, change, occasion).await
}

/// Takes what is allocated off the shelf.
pub async fn ship(
    tx: &mut PgConnection,
    order_id: OrderId,
    held: &[Held],
    parcel_id: Uuid,
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let cause_id = Some(parcel_id);
    let change = Change { kind: MovementKind::Shipped, cause_id, on_hand: -1, reserved: 0, allocated: -1 };
    change_held(tx, order_id, held, change, occasion).await
}

/// Puts what was sent back on the shelf again.
pub async fn restock(
    tx: &mut PgConnection,
    order_id: OrderId,
    parts: &[Held],
    return_id: Uuid,
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let cause_id = Some(return_id);
    let change = Change { kind: MovementKind::Returned, cause_id, on_hand: 1, reserved: 0, allocated: 0 };
    change_held(tx, order_id, parts, change, occasion).await
}

/// A line that has less left than is asked for is not changed, and then nothing is.
async fn change_held(
    tx: &mut PgConnection,
    order_id: OrderId,
    held: &[Held],
    change: Change,
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let (products, pieces) = columns(held);
    let changed = sqlx::query!(
        "with held as (
             select * from unnest($2::uuid[], $3::bigint[]) as held (product_id, pieces)
         ), line as (
             update reservation_line set
                 released = released + case $4::text when 'released' then pieces else 0 end,
                 shipped = shipped + case $4::text when 'shipped' then pieces else 0 end,
                 restocked = restocked + case $4::text when 'returned' then pieces else 0 end
             from held
             where order_id = $1 and reservation_line.product_id = held.product_id
                 and case $4::text
                     when 'allocated' then released + shipped = 0
                     when 'returned' then released + restocked + pieces <= quantity
                     else released + shipped + pieces <= quantity end
             returning reservation_line.product_id, held.pieces
         ), level as (
             update stock set
                 on_hand = stock.on_hand + $6 * line.pieces,
                 reserved = stock.reserved + $7 * line.pieces,
                 allocated = stock.allocated + $8 * line.pieces
             from line
             where stock.product_id = line.product_id
             returning stock.product_id, line.pieces
         )
         insert into movement (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id,
             caused_by, trace_id, at)
         select product_id, $4, $6 * pieces, $7 * pieces, $8 * pieces, $1, $5, $9, $10, $11 from level",
        order_id.0,
        &products,
        &pieces,
        change.kind.name(),
        change.cause_id,
        change.on_hand,
        change.reserved,
        change.allocated,
        occasion.caused_by,
        occasion.trace_id,
        occasion.at
    )
    .execute(tx)
    .await?;
    exactly(held.len(), changed.rows_affected(), "an order's lines")
}

fn columns(held: &[Held]) -> (Vec<Uuid>, Vec<i64>) {
    held.iter().map(|held| (held.product_id.0, held.pieces)).unzip()
}
