//! What an order hears from `product` and `payment`, and from the clock.

use contracts::event::DisputeStatus;
use contracts::{Event, Money, OrderId, RefundCause, Refusal};

/// What the arbiter hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    StockReserved,
    StockRejected(Refusal),
    PaymentActionRequired,
    PaymentAuthorised {
        amount: Money,
    },
    PaymentCaptured {
        amount: Money,
    },
    PaymentDeclined(Refusal),
    PaymentVoided,
    /// The capture asked for in this round has failed.
    PaymentDue {
        round: u32,
        reason: String,
    },
    /// `sequence` is the event's: of two words about one refund the later said counts.
    PaymentRefunded {
        cause: RefundCause,
        amount: Money,
        sequence: i64,
    },
    PaymentRefundFailed {
        cause: RefundCause,
        amount: Money,
        sequence: i64,
    },
    PaymentDisputed {
        dispute_id: String,
        amount: Money,
        status: DisputeStatus,
    },
    /// A service has heard of no end and asks for it.
    Overdue,
    /// The sweep looks whether the deadline has passed.
    Sweep,
}

impl Input {
    /// What an event with this sequence tells of which order; none for an event that is not about an order, or is
    /// this service's own.
    pub fn of(event: &Event, sequence: i64) -> Option<(OrderId, Input)> {
        let heard = match event {
            Event::StockReserved(said) => (said.order_id, Input::StockReserved),
            Event::StockRejected(said) => (said.order_id, Input::StockRejected(said.refusal.clone())),
            Event::ReservationOverdue(said) => (said.order_id, Input::Overdue),
            Event::PaymentActionRequired(said) => (said.order_id, Input::PaymentActionRequired),
            Event::PaymentAuthorised(said) => {
                (said.order_id, Input::PaymentAuthorised { amount: said.amount })
            }
            Event::PaymentCaptured(said) => (said.order_id, Input::PaymentCaptured { amount: said.amount }),
            Event::PaymentDeclined(said) => (said.order_id, Input::PaymentDeclined(said.refusal.clone())),
            Event::PaymentVoided(said) => (said.order_id, Input::PaymentVoided),
            Event::PaymentDue(said) => {
                (said.order_id, Input::PaymentDue { round: said.round, reason: said.reason.clone() })
            }
            Event::PaymentRefunded(said) => {
                let (cause, amount) = (said.cause, said.amount);
                (said.order_id, Input::PaymentRefunded { cause, amount, sequence })
            }
            Event::PaymentRefundFailed(said) => {
                let (cause, amount) = (said.cause, said.amount);
                (said.order_id, Input::PaymentRefundFailed { cause, amount, sequence })
            }
            Event::PaymentDisputed(said) => {
                let (dispute_id, amount, status) = (said.dispute_id.clone(), said.amount, said.status);
                (said.order_id, Input::PaymentDisputed { dispute_id, amount, status })
            }
            Event::PaymentOverdue(said) => (said.order_id, Input::Overdue),
            Event::ProductChanged(_)
            | Event::OrderPlaced(_)
            | Event::OrderConfirmed(_)
            | Event::OrderRejected(_)
            | Event::OrderExpired(_)
            | Event::OrderCancelled(_)
            | Event::OrderLinesCancelled(_)
            | Event::OrderCaptureRequested(_)
            | Event::OrderRefundRequested(_)
            | Event::OrderShipped(_)
            | Event::OrderDelivered(_)
            | Event::OrderReturnRequested(_)
            | Event::OrderReturnReceived(_)
            | Event::UserVerificationRequested(_)
            | Event::UserResetRequested(_)
            | Event::UserPasswordChanged(_)
            | Event::UserTokenReused(_)
            | Event::UserDeleted(_) => return None,
        };
        Some(heard)
    }
}
