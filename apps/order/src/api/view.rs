//! Orders as clients see them.

use chrono::{DateTime, Utc};
use contracts::{Money, OrderId, PaymentMethodId, Refusal, Terms, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Address, End, PlacedLine};
use crate::store::orders::StoredOrder;

/// An order with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    #[serde(flatten)]
    pub summary: OrderSummary,
    pub lines: Vec<PlacedLine>,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    pub terms: Terms,
}

/// An order as it stands in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    pub id: OrderId,
    /// What people call it.
    #[schema(example = "7K3M-9QXT")]
    pub number: String,
    pub customer_id: UserId,
    pub status: OrderStatus,
    /// Why it was rejected, when it was.
    pub rejection: Option<Refusal>,
    pub stock_status: StockStatus,
    pub payment_status: PaymentStatus,
    pub total: Money,
    /// The client's own words for it.
    pub reference: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waits for stock and payment.
    Placed,
    Confirmed,
    Rejected,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    Awaited,
    Reserved,
    Rejected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Awaited,
    Authorised,
    Captured,
    Declined,
    Refunded,
}

impl From<&StoredOrder> for OrderSummary {
    fn from(order: &StoredOrder) -> OrderSummary {
        let saga = &order.saga;
        let (status, rejection) = match &saga.end {
            None => (OrderStatus::Placed, None),
            Some(End::Confirmed { .. }) => (OrderStatus::Confirmed, None),
            Some(End::Rejected { refusal, .. }) => (OrderStatus::Rejected, Some(refusal.clone())),
            Some(End::Expired { .. }) => (OrderStatus::Expired, None),
        };
        OrderSummary {
            id: saga.order_id,
            number: saga.number.clone(),
            customer_id: saga.customer_id,
            status,
            rejection,
            stock_status: stock_status(order),
            payment_status: payment_status(order),
            total: saga.total,
            reference: order.reference.clone(),
            placed_at: order.placed_at,
            ended_at: saga.end.as_ref().map(End::at),
        }
    }
}

impl OrderView {
    pub fn new(order: &StoredOrder, lines: Vec<PlacedLine>) -> OrderView {
        OrderView {
            summary: OrderSummary::from(order),
            lines,
            payment_method_id: order.payment_method_id,
            delivery_address: order.delivery_address.clone(),
            terms: order.terms.clone(),
        }
    }
}

fn stock_status(order: &StoredOrder) -> StockStatus {
    let facts = &order.saga.facts;
    if facts.stock_refusal.is_some() {
        StockStatus::Rejected
    } else if facts.stock_reserved.is_some() {
        StockStatus::Reserved
    } else {
        StockStatus::Awaited
    }
}

fn payment_status(order: &StoredOrder) -> PaymentStatus {
    let facts = &order.saga.facts;
    if facts.payment_refunded.is_some() {
        PaymentStatus::Refunded
    } else if facts.payment_captured.is_some() {
        PaymentStatus::Captured
    } else if facts.payment_refusal.is_some() {
        PaymentStatus::Declined
    } else if facts.payment_authorised.is_some() {
        PaymentStatus::Authorised
    } else {
        PaymentStatus::Awaited
    }
}
