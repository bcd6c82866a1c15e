//! What `product` says.

use serde::{Deserialize, Serialize};

use crate::{Money, OrderId, ProductId, Refusal};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChanged {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub price: Money,
    /// Postage and fees are sold without stock.
    pub stock_controlled: bool,
    pub archived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    pub order_id: OrderId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    pub order_id: OrderId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationOverdue {
    pub order_id: OrderId,
}
