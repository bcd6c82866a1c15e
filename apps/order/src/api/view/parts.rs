//! What belongs to an order, as clients see it.

use chrono::{DateTime, Utc};
use contracts::event::Part;
use contracts::{CancellationId, Money, ParcelId, RefundCause, ReturnId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::order::{
    Cancellation, Due, Parcel, ParcelState, Refund, RefundState, Return, ReturnState,
};
use crate::domain::{Order, PlacedLine};

/// A line as it was taken, with what has become of its pieces since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    #[serde(flatten)]
    pub line: PlacedLine,
    pub cancelled_quantity: u32,
    pub shipped_quantity: u32,
    pub delivered_quantity: u32,
    pub returned_quantity: u32,
}

/// A capture that has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DueView {
    pub round: u32,
    /// The card processor's code.
    pub reason: String,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParcelView {
    pub id: ParcelId,
    pub parts: Vec<Part>,
    /// `awaiting_capture`, `shipped`, `delivered` or `withdrawn`.
    pub status: String,
    pub packed_at: DateTime<Utc>,
    pub shipped_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CancellationView {
    pub id: CancellationId,
    pub parts: Vec<Part>,
    /// What they cost.
    pub amount: Money,
    pub cancelled_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReturnView {
    pub id: ReturnId,
    /// What is to come back.
    pub parts: Vec<Part>,
    pub requested_at: DateTime<Utc>,
    pub received_at: Option<DateTime<Utc>>,
    /// What came and can be sold again.
    pub restocked: Vec<Part>,
    /// What came and cannot.
    pub unusable: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RefundView {
    #[schema(value_type = String, example = "final_end")]
    pub cause: RefundCause,
    pub amount: Money,
    /// `requested`, `made` or `failed`.
    pub status: String,
    pub requested_at: DateTime<Utc>,
    pub made_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
}

impl LineView {
    pub fn new(line: &PlacedLine, order: &Order) -> LineView {
        let product_id = line.product_id;
        LineView {
            line: line.clone(),
            cancelled_quantity: order.cancelled().get(product_id),
            shipped_quantity: order.shipped().get(product_id),
            delivered_quantity: order.delivered().get(product_id),
            returned_quantity: order.received().get(product_id),
        }
    }
}

impl From<&Due> for DueView {
    fn from(due: &Due) -> DueView {
        DueView { round: due.round, reason: due.reason.clone(), since: due.at }
    }
}

impl From<&Parcel> for ParcelView {
    fn from(parcel: &Parcel) -> ParcelView {
        let (shipped_at, delivered_at) = match parcel.state {
            ParcelState::AwaitingCapture | ParcelState::Withdrawn { .. } => (None, None),
            ParcelState::Shipped { at } => (Some(at), None),
            ParcelState::Delivered { shipped_at, at } => (Some(shipped_at), Some(at)),
        };
        ParcelView {
            id: parcel.id,
            parts: parcel.parts.clone(),
            status: parcel.state.name().to_owned(),
            packed_at: parcel.packed_at,
            shipped_at,
            delivered_at,
        }
    }
}

impl From<&Cancellation> for CancellationView {
    fn from(cancellation: &Cancellation) -> CancellationView {
        CancellationView {
            id: cancellation.id,
            parts: cancellation.parts.clone(),
            amount: cancellation.amount,
            cancelled_at: cancellation.at,
        }
    }
}

impl From<&Return> for ReturnView {
    fn from(asked: &Return) -> ReturnView {
        let (received_at, restocked, unusable) = match &asked.state {
            ReturnState::Requested => (None, Vec::new(), Vec::new()),
            ReturnState::Received { at, restocked, unusable } => {
                (Some(*at), restocked.clone(), unusable.clone())
            }
        };
        ReturnView {
            id: asked.id,
            parts: asked.parts.clone(),
            requested_at: asked.requested_at,
            received_at,
            restocked,
            unusable,
        }
    }
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> RefundView {
        let failed_at = match refund.state {
            RefundState::Requested | RefundState::Made { .. } => None,
            RefundState::Failed { at, .. } => Some(at),
        };
        RefundView {
            cause: refund.cause,
            amount: refund.amount,
            status: refund.state.name().to_owned(),
            requested_at: refund.requested_at,
            made_at: refund.state.made_at(),
            failed_at,
        }
    }
}
