//! What goes back to the customer: asked of `payment` once for each cause, and what it said about it.

use chrono::{DateTime, Utc};
use contracts::event::OrderRefundRequested;
use contracts::{Event, Money, RefundCause};

use super::Order;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub cause: RefundCause,
    pub amount: Money,
    /// When it was asked for; what goes back by a final end nobody asks for, and it is heard of when it is done.
    pub requested_at: DateTime<Utc>,
    pub state: RefundState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    Requested,
    Made {
        at: DateTime<Utc>,
        sequence: i64,
    },
    /// Waits for staff. One that had been made before may still fail at the customer's bank.
    Failed {
        at: DateTime<Utc>,
        sequence: i64,
        made_at: Option<DateTime<Utc>>,
    },
}

/// What `payment` says became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Made,
    Failed,
}

impl RefundState {
    /// As it stands in the database and in answers.
    pub const fn name(&self) -> &'static str {
        match self {
            RefundState::Requested => "requested",
            RefundState::Made { .. } => "made",
            RefundState::Failed { .. } => "failed",
        }
    }

    /// When the money had first gone back, even if it came again.
    pub const fn made_at(&self) -> Option<DateTime<Utc>> {
        match self {
            RefundState::Requested => None,
            RefundState::Made { at, .. } => Some(*at),
            RefundState::Failed { made_at, .. } => *made_at,
        }
    }

    /// The later said word counts, whichever is heard first.
    fn after(self, outcome: Outcome, said: i64, now: DateTime<Utc>) -> RefundState {
        let known = match self {
            RefundState::Requested => 0,
            RefundState::Made { sequence, .. } | RefundState::Failed { sequence, .. } => sequence,
        };
        match (self, outcome) {
            (RefundState::Failed { at, sequence, made_at }, Outcome::Made) if said < known => {
                RefundState::Failed { at, sequence, made_at: made_at.or(Some(now)) }
            }
            (state, Outcome::Made | Outcome::Failed) if said <= known => state,
            (state, Outcome::Made) => {
                RefundState::Made { at: state.made_at().unwrap_or(now), sequence: said }
            }
            (state, Outcome::Failed) => {
                RefundState::Failed { at: now, sequence: said, made_at: state.made_at() }
            }
        }
    }
}

impl Order {
    pub fn refund_of(&self, cause: RefundCause) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.cause == cause)
    }

    /// The sum of what was asked back part by part; what a final end gives back is not in it.
    pub fn refunds_requested(&self) -> Money {
        let asked = self.refunds.iter().filter(|refund| refund.cause != RefundCause::FinalEnd);
        self.sum(asked.map(|refund| refund.amount))
    }

    /// What has gone back.
    pub fn refunded(&self) -> Money {
        let made = self.refunds.iter().filter(|refund| matches!(refund.state, RefundState::Made { .. }));
        self.sum(made.map(|refund| refund.amount))
    }

    /// What of the captured money may still be asked back.
    pub fn refundable(&self) -> Money {
        let zero = Money::zero(self.saga.total.currency());
        self.capture.captured.unwrap_or(zero).minus(self.refunds_requested()).unwrap_or(zero)
    }

    pub(super) fn request_refund(&mut self, cause: RefundCause, amount: Money, now: DateTime<Utc>) -> Event {
        self.refunds.push(Refund { cause, amount, requested_at: now, state: RefundState::Requested });
        OrderRefundRequested { order_id: self.saga.order_id, cause, amount }.into()
    }

    pub(super) fn note_refund(
        &mut self,
        cause: RefundCause,
        amount: Money,
        outcome: Outcome,
        said: i64,
        now: DateTime<Utc>,
    ) {
        match self.refunds.iter_mut().find(|refund| refund.cause == cause) {
            Some(refund) => refund.state = refund.state.after(outcome, said, now),
            None => {
                let state = RefundState::Requested.after(outcome, said, now);
                self.refunds.push(Refund { cause, amount, requested_at: now, state });
            }
        }
    }

    fn sum(&self, amounts: impl Iterator<Item = Money>) -> Money {
        amounts.fold(Money::zero(self.saga.total.currency()), |sum, amount| {
            sum.plus(amount).expect("invariant: what goes back is at most what was taken")
        })
    }
}
