//! An order for its whole life: its saga, and after it was confirmed its parcels, cancellations, returns and money.
//!
//! What others say goes through [`Order::react`] and never fails; what somebody asks for is a command, and may.

mod cancellation;
mod capture;
mod parcel;
mod pieces;
mod refund;
mod returns;
mod status;

use chrono::{DateTime, Utc};
use contracts::event::{DisputeStatus, OrderLine, OrderPlaced};
use contracts::{Event, Money, RefundCause, Terms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{End, Facts, Input, Saga};

pub use cancellation::{CancelError, Cancellation};
pub use capture::{Capture, CaptureRequest, Due, RequestCaptureError};
pub use parcel::{DeliverError, Parcel, ParcelState, ShipError};
pub use pieces::{Exceeded, Pieces};
pub use refund::{Refund, RefundState};
pub use returns::{ReceiveReturnError, RefundReturnError, RequestReturnError, Return, ReturnState};
pub use status::{Action, Fulfilment, OrderStatus, PaymentStatus};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub saga: Saga,
    /// One for each product, in the products' order. Never changed.
    pub lines: Vec<OrderLine>,
    /// Never changed.
    pub terms: Terms,
    pub capture: Capture,
    pub parcels: Vec<Parcel>,
    pub cancellations: Vec<Cancellation>,
    pub returns: Vec<Return>,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
}

/// The customer's bank doubts the charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dispute {
    /// The card processor's name for it.
    pub dispute_id: String,
    pub amount: Money,
    pub status: DisputeStatus,
}

/// An amount that cannot be this order's; a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("{told} was paid, the total is {total}")]
    Total { told: Money, total: Money },
    #[error("{told} was captured, {requested} was to be")]
    Captured { told: Money, requested: Money },
    #[error("{0} was captured before it was asked for")]
    NotYetCaptured(Money),
    #[error("{told} was to go back for {cause}, {requested} was asked for")]
    Refunded { cause: RefundCause, told: Money, requested: Money },
    #[error("no refund was asked for {0}")]
    NoSuchRefund(RefundCause),
}

impl Order {
    /// As it stands right after it was taken.
    pub fn placed(placed: &OrderPlaced) -> Order {
        Order {
            saga: Saga {
                order_id: placed.order_id,
                number: placed.number.clone(),
                customer_id: placed.customer_id,
                total: placed.total,
                deadline: placed.terms.deadline,
                facts: Facts::default(),
                end: None,
            },
            lines: placed.lines.clone(),
            terms: placed.terms.clone(),
            capture: Capture::default(),
            parcels: Vec::new(),
            cancellations: Vec::new(),
            returns: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// Adds what was heard and says what follows. Whoever calls has asked [`Order::fits`] before.
    pub fn react(self, input: &Input, now: DateTime<Utc>) -> (Order, Vec<Event>) {
        let (saga, mut said) = self.saga.react(input, now);
        let mut order = Order { saga, ..self };
        match input {
            Input::PaymentCaptured { amount } => {
                order.capture.captured.get_or_insert(*amount);
                said.extend(order.send_waiting(now));
            }
            Input::PaymentDue { round, reason } => order.capture.note_due(*round, reason, now),
            Input::PaymentRefunded { cause, amount, sequence } => {
                order.note_refund(*cause, *amount, refund::Outcome::Made, *sequence, now);
            }
            Input::PaymentRefundFailed { cause, amount, sequence } => {
                order.note_refund(*cause, *amount, refund::Outcome::Failed, *sequence, now);
            }
            Input::PaymentDisputed { dispute_id, amount, status } => {
                order.note_dispute(dispute_id, *amount, *status);
            }
            Input::StockReserved
            | Input::StockRejected(_)
            | Input::PaymentActionRequired
            | Input::PaymentAuthorised { .. }
            | Input::PaymentDeclined(_)
            | Input::PaymentVoided
            | Input::Overdue
            | Input::Sweep => {}
        }
        (order, said)
    }

    /// Whether an amount can be this order's.
    ///
    /// # Errors
    /// [`Misfit`] says what it should have been.
    pub fn fits(&self, input: &Input) -> Result<(), Misfit> {
        match input {
            Input::PaymentAuthorised { amount } if *amount != self.saga.total => {
                Err(Misfit::Total { told: *amount, total: self.saga.total })
            }
            Input::PaymentCaptured { amount } => match self.to_capture() {
                None => Err(Misfit::NotYetCaptured(*amount)),
                Some(total) if self.capture.requested.is_none() && total != *amount => {
                    Err(Misfit::Total { told: *amount, total })
                }
                Some(requested) if requested != *amount => Err(Misfit::Captured { told: *amount, requested }),
                Some(_) => Ok(()),
            },
            Input::PaymentRefunded { cause, amount, .. }
            | Input::PaymentRefundFailed { cause, amount, .. } => self.fits_refund(*cause, *amount),
            Input::StockReserved
            | Input::StockRejected(_)
            | Input::PaymentActionRequired
            | Input::PaymentAuthorised { .. }
            | Input::PaymentDeclined(_)
            | Input::PaymentVoided
            | Input::PaymentDue { .. }
            | Input::PaymentDisputed { .. }
            | Input::Overdue
            | Input::Sweep => Ok(()),
        }
    }

    fn fits_refund(&self, cause: RefundCause, told: Money) -> Result<(), Misfit> {
        let requested = match (self.refund_of(cause), cause) {
            (Some(refund), _) => refund.amount,
            (None, RefundCause::FinalEnd) if !self.confirmed() => {
                // Neither the end nor what was captured may be heard of yet.
                let most = self.capture.captured.unwrap_or(self.saga.total);
                let most = most.minus(self.refunds_requested()).unwrap_or(Money::zero(most.currency()));
                if told.currency() == most.currency() && told.amount() <= most.amount() { told } else { most }
            }
            (None, RefundCause::FinalEnd | RefundCause::Cancellation(_) | RefundCause::Return(_)) => {
                return Err(Misfit::NoSuchRefund(cause));
            }
        };
        if requested == told { Ok(()) } else { Err(Misfit::Refunded { cause, told, requested }) }
    }

    /// Whether it goes on to shipping.
    pub fn confirmed(&self) -> bool {
        match &self.saga.end {
            Some(End::Confirmed { .. }) => true,
            None | Some(End::Rejected { .. } | End::Expired { .. } | End::Cancelled { .. }) => false,
        }
    }

    /// A dispute that was closed stays closed, whichever word is heard first.
    fn note_dispute(&mut self, dispute_id: &str, amount: Money, status: DisputeStatus) {
        match self.disputes.iter_mut().find(|dispute| dispute.dispute_id == dispute_id) {
            None => self.disputes.push(Dispute { dispute_id: dispute_id.to_owned(), amount, status }),
            Some(known) => match status {
                DisputeStatus::Open => {}
                DisputeStatus::Won | DisputeStatus::Lost => known.status = status,
            },
        }
    }

    /// What has been cancelled, piece by piece.
    pub fn cancelled(&self) -> Pieces {
        Pieces::of(self.cancellations.iter().flat_map(|cancellation| &cancellation.parts))
    }

    /// What is neither cancelled nor in a parcel.
    pub fn left(&self) -> Pieces {
        let packed = self.parcels_with(|state| !matches!(state, ParcelState::Withdrawn { .. }));
        Pieces::ordered(&self.lines).minus(&self.cancelled()).minus(&packed)
    }

    /// What has left the shop.
    pub fn shipped(&self) -> Pieces {
        self.parcels_with(|state| {
            matches!(state, ParcelState::Shipped { .. } | ParcelState::Delivered { .. })
        })
    }

    pub fn delivered(&self) -> Pieces {
        self.parcels_with(|state| matches!(state, ParcelState::Delivered { .. }))
    }

    /// What came back.
    pub fn received(&self) -> Pieces {
        self.returns.iter().fold(Pieces::default(), |sum, found| sum.plus(&found.received()))
    }

    fn parcels_with(&self, state: impl Fn(&ParcelState) -> bool) -> Pieces {
        let parcels = self.parcels.iter().filter(|parcel| state(&parcel.state));
        Pieces::of(parcels.flat_map(|parcel| &parcel.parts))
    }

    /// What these pieces cost, at the prices they were ordered at.
    pub fn price(&self, pieces: &Pieces) -> Money {
        let zero = Money::zero(self.saga.total.currency());
        self.lines.iter().fold(zero, |sum, line| {
            line.unit_price
                .times(pieces.get(line.product_id))
                .and_then(|price| sum.plus(price))
                .expect("invariant: pieces of an order cost at most its total")
        })
    }
}

#[cfg(test)]
mod tests;
