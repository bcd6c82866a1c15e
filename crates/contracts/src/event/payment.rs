//! What `payment` says. Only the card processor's word is told, never a guess.

use serde::{Deserialize, Serialize};

use crate::{Money, OrderId, PaymentId, RefundCause, Refusal, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentActionRequired {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub number: String,
    pub customer_id: UserId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorised {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDue {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
    /// The round of order.capture_requested that has failed.
    pub round: u32,
    /// The card processor's code, e.g. `authorisation_lapsed`.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub number: String,
    pub customer_id: UserId,
    pub cause: RefundCause,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefundFailed {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub cause: RefundCause,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDisputed {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    /// The card processor's name for it.
    pub dispute_id: String,
    pub amount: Money,
    pub status: DisputeStatus,
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    Open,
    Won,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentOverdue {
    pub order_id: OrderId,
}
