//! What callers see of products and stock.

use chrono::{DateTime, Utc};
use contracts::{Money, OrderId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::product::{ProductName, Sku};
use crate::domain::stock::{Level, Movement, MovementKind, Stocked};
use crate::store::stock::NamedLevel;

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductView {
    pub id: ProductId,
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    pub stock_controlled: bool,
    /// No longer sold.
    pub archived: bool,
    /// Pieces that can be ordered; null when the product is not under stock control.
    pub available: Option<i64>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The stock of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockView {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub stock_controlled: bool,
    /// What a picker can count.
    pub on_hand: i64,
    /// Promised to orders that have no end yet.
    pub reserved: i64,
    /// Promised to confirmed orders.
    pub allocated: i64,
    /// What is left.
    pub available: i64,
}

/// One line of the stock ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovementView {
    pub id: i64,
    pub product_id: ProductId,
    pub kind: MovementKind,
    pub on_hand_delta: i64,
    pub reserved_delta: i64,
    pub allocated_delta: i64,
    /// The order that it was for.
    pub order_id: Option<OrderId>,
    /// The cancellation, parcel or return of the order that it was for.
    pub cause_id: Option<Uuid>,
    /// What staff said about it.
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

impl From<Stocked> for ProductView {
    fn from(stocked: Stocked) -> ProductView {
        let Stocked { product, level } = stocked;
        ProductView {
            archived: product.archived(),
            available: level.map(Level::available),
            id: product.id,
            sku: product.sku,
            name: product.name,
            price: product.price,
            stock_controlled: product.stock_controlled,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

impl From<NamedLevel> for StockView {
    fn from(named: NamedLevel) -> StockView {
        StockView {
            product_id: named.product_id,
            sku: named.sku,
            name: named.name,
            stock_controlled: true,
            on_hand: named.level.on_hand,
            reserved: named.level.reserved,
            allocated: named.level.allocated,
            available: named.level.available(),
        }
    }
}

impl From<Movement> for MovementView {
    fn from(movement: Movement) -> MovementView {
        MovementView {
            id: movement.id,
            product_id: movement.product_id,
            kind: movement.kind,
            on_hand_delta: movement.on_hand_delta,
            reserved_delta: movement.reserved_delta,
            allocated_delta: movement.allocated_delta,
            order_id: movement.order_id,
            cause_id: movement.cause_id,
            reason: movement.reason,
            at: movement.at,
        }
    }
}
