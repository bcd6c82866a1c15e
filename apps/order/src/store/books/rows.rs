//! What was cancelled, packed and sent back, line by line, put together for each order.

use chrono::{DateTime, Utc};
use contracts::ProductId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::books::OrderFacts;
use crate::domain::books::facts::{
    CancellationFacts, ParcelFacts, ParcelStage, Pieces, Received, ReturnFacts,
};
use crate::store::unreadable;

pub struct CancellationLine {
    order_id: Uuid,
    id: Uuid,
    amount: i64,
    cancelled_at: DateTime<Utc>,
    product_id: Option<Uuid>,
    quantity: Option<i32>,
}

pub struct ParcelLine {
    order_id: Uuid,
    id: Uuid,
    state: String,
    changed_at: DateTime<Utc>,
    product_id: Option<Uuid>,
    quantity: Option<i32>,
}

pub struct ReturnLine {
    order_id: Uuid,
    id: Uuid,
    changed_at: DateTime<Utc>,
    received: bool,
    product_id: Option<Uuid>,
    quantity: Option<i32>,
    restocked: Option<i32>,
    unusable: Option<i32>,
}

/// A cancellation before the order was confirmed may have no lines.
pub async fn list_cancellation_lines(
    tx: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<CancellationLine>, sqlx::Error> {
    sqlx::query_as!(
        CancellationLine,
        r#"
        select whole.order_id, whole.id, whole.amount, whole.cancelled_at, line.product_id as "product_id?",
            line.quantity as "quantity?"
        from cancellation whole left join cancellation_line line on line.cancellation_id = whole.id
        where whole.order_id = any($1) order by whole.order_id, whole.id
        "#,
        ids
    )
    .fetch_all(tx)
    .await
}

pub async fn list_parcel_lines(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<ParcelLine>, sqlx::Error> {
    sqlx::query_as!(
        ParcelLine,
        r#"
        select parcel.order_id, parcel.id, parcel.state,
            greatest(packed_at, shipped_at, delivered_at, withdrawn_at) as "changed_at!",
            line.product_id as "product_id?", line.quantity as "quantity?"
        from parcel left join parcel_line line on line.parcel_id = parcel.id
        where parcel.order_id = any($1) order by parcel.order_id, parcel.id
        "#,
        ids
    )
    .fetch_all(tx)
    .await
}

pub async fn list_return_lines(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<ReturnLine>, sqlx::Error> {
    sqlx::query_as!(
        ReturnLine,
        r#"
        select request.order_id, request.id, greatest(requested_at, received_at) as "changed_at!",
            received_at is not null as "received!", line.product_id as "product_id?", line.quantity as "quantity?",
            receipt.restocked as "restocked?", receipt.unusable as "unusable?"
        from return_request request
        left join return_line line on line.return_id = request.id
        left join return_receipt_line receipt
            on receipt.return_id = line.return_id and receipt.product_id = line.product_id
        where request.order_id = any($1) order by request.order_id, request.id
        "#,
        ids
    )
    .fetch_all(tx)
    .await
}

pub fn add_cancellations(orders: &mut [OrderFacts], lines: Vec<CancellationLine>) -> Result<(), sqlx::Error> {
    for line in lines {
        let order = of(orders, line.order_id)?;
        order.changed_at = order.changed_at.max(line.cancelled_at);
        if order.cancellations.last().is_none_or(|last| last.id != line.id) {
            let (id, at, amount) = (line.id, line.cancelled_at, line.amount);
            order.cancellations.push(CancellationFacts { id, at, amount, parts: Pieces::new() });
        }
        if let Some(cancellation) = order.cancellations.last_mut() {
            add(&mut cancellation.parts, line.product_id, line.quantity);
        }
    }
    Ok(())
}

pub fn add_parcels(orders: &mut [OrderFacts], lines: Vec<ParcelLine>) -> Result<(), sqlx::Error> {
    for line in lines {
        let order = of(orders, line.order_id)?;
        order.changed_at = order.changed_at.max(line.changed_at);
        if order.parcels.last().is_none_or(|last| last.id != line.id) {
            let stage = match line.state.as_str() {
                "awaiting_capture" => ParcelStage::AwaitingCapture,
                "withdrawn" => ParcelStage::Withdrawn,
                "shipped" => ParcelStage::Shipped,
                "delivered" => ParcelStage::Delivered,
                _ => return Err(unreadable("parcel")),
            };
            order.parcels.push(ParcelFacts { id: line.id, stage, parts: Pieces::new() });
        }
        if let Some(parcel) = order.parcels.last_mut() {
            add(&mut parcel.parts, line.product_id, line.quantity);
        }
    }
    Ok(())
}

pub fn add_returns(orders: &mut [OrderFacts], lines: Vec<ReturnLine>) -> Result<(), sqlx::Error> {
    for line in lines {
        let order = of(orders, line.order_id)?;
        order.changed_at = order.changed_at.max(line.changed_at);
        if order.returns.last().is_none_or(|last| last.id != line.id) {
            let received =
                line.received.then(|| Received { restocked: Pieces::new(), unusable: Pieces::new() });
            order.returns.push(ReturnFacts { id: line.id, requested: Pieces::new(), received });
        }
        if let Some(given) = order.returns.last_mut() {
            add(&mut given.requested, line.product_id, line.quantity);
            if let Some(received) = &mut given.received {
                add(&mut received.restocked, line.product_id, line.restocked);
                add(&mut received.unusable, line.product_id, line.unusable);
            }
        }
    }
    Ok(())
}

fn add(pieces: &mut Pieces, product_id: Option<Uuid>, quantity: Option<i32>) {
    if let Some((product_id, quantity)) = product_id.zip(quantity) {
        *pieces.entry(ProductId(product_id)).or_default() += i64::from(quantity);
    }
}

/// The order of a row that was read in the same snapshot; the orders are sorted by their ids.
pub fn of(orders: &mut [OrderFacts], order_id: Uuid) -> Result<&mut OrderFacts, sqlx::Error> {
    let at = orders.binary_search_by_key(&order_id, |order| order.order_id.0);
    at.map(|at| &mut orders[at]).map_err(|_| unreadable("row of an order"))
}
