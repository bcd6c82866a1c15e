//! What follows a confirmed order: what of it was packed, cancelled, sent back.

mod cancellations;
mod parcels;
mod returns;

use std::collections::HashMap;

use contracts::event::Part;
use contracts::{ProductId, Quantity};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{money, unreadable};
use crate::domain::Order;
use crate::domain::order::{Cancellation, Parcel, Return};
use cancellations::CancellationRow;

/// What belongs to some orders, by order.
#[derive(Default)]
pub struct Kept {
    pub parcels: HashMap<Uuid, Vec<Parcel>>,
    pub returns: HashMap<Uuid, Vec<Return>>,
    cancellations: HashMap<Uuid, Vec<CancellationRow>>,
}

/// Everything of these orders.
pub async fn list(db: &mut PgConnection, order_ids: &[Uuid]) -> Result<Kept, sqlx::Error> {
    Ok(Kept {
        parcels: parcels::list_parcels(db, order_ids).await?,
        returns: returns::list_returns(db, order_ids).await?,
        cancellations: cancellations::list_cancellations(db, order_ids).await?,
    })
}

/// Keeps what is new or has changed.
pub async fn save(tx: &mut PgConnection, before: &Order, after: &Order) -> Result<(), sqlx::Error> {
    let order_id = after.saga.order_id;
    for parcel in after.parcels.iter().filter(|parcel| !before.parcels.contains(parcel)) {
        if before.parcels.iter().any(|known| known.id == parcel.id) {
            parcels::update_parcel(tx, parcel).await?;
        } else {
            parcels::insert_parcel(tx, order_id, parcel).await?;
            parcels::insert_lines(tx, order_id, parcel).await?;
        }
    }
    for cancellation in after.cancellations.iter().skip(before.cancellations.len()) {
        cancellations::insert_cancellation(tx, order_id, cancellation).await?;
        cancellations::insert_lines(tx, order_id, cancellation).await?;
    }
    for found in after.returns.iter().filter(|found| !before.returns.contains(found)) {
        if before.returns.iter().any(|known| known.id == found.id) {
            returns::update_return(tx, found).await?;
            returns::insert_receipt_lines(tx, found).await?;
        } else {
            returns::insert_return(tx, order_id, found).await?;
            returns::insert_lines(tx, order_id, found).await?;
        }
    }
    Ok(())
}

impl Kept {
    /// An order's cancellations, with the currency that their amounts are in.
    pub fn cancellations(
        &mut self,
        order_id: Uuid,
        currency: &str,
    ) -> Result<Vec<Cancellation>, sqlx::Error> {
        self.cancellations
            .remove(&order_id)
            .unwrap_or_default()
            .into_iter()
            .map(|row| row.cancellation(currency))
            .collect()
    }
}

/// Parts as two columns.
fn columns(parts: &[Part]) -> Result<(Vec<Uuid>, Vec<i32>), sqlx::Error> {
    let quantity = |part: &Part| i32::try_from(part.quantity.get()).map_err(|_| unreadable("quantity"));
    let products = parts.iter().map(|part| part.product_id.0).collect();
    Ok((products, parts.iter().map(quantity).collect::<Result<_, _>>()?))
}

fn parts(products: &[Uuid], quantities: &[i32]) -> Result<Vec<Part>, sqlx::Error> {
    products
        .iter()
        .zip(quantities)
        .map(|(product, quantity)| {
            let quantity = Quantity::new((*quantity).into()).map_err(|_| unreadable("quantity"))?;
            Ok(Part { product_id: ProductId(*product), quantity })
        })
        .collect()
}
