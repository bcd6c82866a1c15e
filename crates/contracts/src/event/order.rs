//! What `order` says. Of the saga's ends each order has one; only a confirmed order may still be cancelled.

use serde::{Deserialize, Serialize};

use crate::{
    CancellationId, Money, OrderId, ParcelId, PaymentMethodId, ProductId, Quantity, RefundCause, Refusal,
    ReturnId, Terms, UserId,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order_id: OrderId,
    /// What people call it.
    pub number: String,
    pub customer_id: UserId,
    pub payment_method_id: PaymentMethodId,
    /// One line for each product, in the products' order.
    pub lines: Vec<OrderLine>,
    pub total: Money,
    pub terms: Terms,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub unit_price: Money,
}

/// Pieces of one product of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Part {
    pub product_id: ProductId,
    pub quantity: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRejected {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExpired {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    /// The sum of what goes back by order.refund_requested; the rest of what was captured goes back by this.
    pub refunds_requested: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLinesCancelled {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub cancellation_id: CancellationId,
    /// In the products' order.
    pub parts: Vec<Part>,
    /// What they cost.
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCaptureRequested {
    pub order_id: OrderId,
    /// The total less what was cancelled; the same in every round.
    pub amount: Money,
    /// From 1; a later one is staff's wish to try again.
    pub round: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefundRequested {
    pub order_id: OrderId,
    /// Never the final end: that follows from the end itself.
    pub cause: RefundCause,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShipped {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub parcel_id: ParcelId,
    /// In the products' order.
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDelivered {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub parcel_id: ParcelId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnRequested {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub return_id: ReturnId,
    /// In the products' order.
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturnReceived {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub return_id: ReturnId,
    /// On the shelf again.
    pub restocked: Vec<Part>,
    /// Never sold again.
    pub unusable: Vec<Part>,
}
