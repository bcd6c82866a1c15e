//! Taking the money: with the authorisation, or once before the first parcel leaves.

use chrono::{DateTime, Utc};
use contracts::event::OrderCaptureRequested;
use contracts::{CaptureMode, Event, Money};

use super::Order;

/// How far the taking of the money is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// What `payment` was asked to capture; never for an order whose money is taken with the authorisation.
    pub requested: Option<CaptureRequest>,
    pub captured: Option<Money>,
    /// The last round of which it is known that it failed.
    pub due: Option<Due>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRequest {
    /// The same in every round.
    pub amount: Money,
    /// From 1; a later one is staff's wish to try again.
    pub round: u32,
    /// Of the first round.
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// 0 when the authorisation was gone before capture was asked for.
    pub round: u32,
    /// The card processor's code.
    pub reason: String,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestCaptureError {
    #[error("only a confirmed order's money is taken")]
    NotConfirmed,
    #[error("no capture has failed")]
    NotDue,
}

impl Capture {
    pub(super) fn note_due(&mut self, round: u32, reason: &str, at: DateTime<Utc>) {
        if self.due.as_ref().is_none_or(|known| known.round < round) {
            self.due = Some(Due { round, reason: reason.to_owned(), at });
        }
    }
}

impl Order {
    /// Asks for the capture once more after it has failed.
    ///
    /// # Errors
    /// When nothing is due.
    pub fn request_capture(&mut self) -> Result<Vec<Event>, RequestCaptureError> {
        if !self.confirmed() {
            return Err(RequestCaptureError::NotConfirmed);
        }
        let failed = self.payment_due().map(|due| due.round);
        let (Some(requested), Some(failed)) = (self.capture.requested.as_mut(), failed) else {
            return Err(RequestCaptureError::NotDue);
        };
        requested.round = failed + 1;
        let (amount, round) = (requested.amount, requested.round);
        Ok(vec![OrderCaptureRequested { order_id: self.saga.order_id, amount, round }.into()])
    }

    /// The failed round that waits for staff, unless the money came after all, was asked for again or is not wanted.
    pub fn payment_due(&self) -> Option<&Due> {
        let round = self.capture.requested.as_ref().map_or(0, |requested| requested.round);
        let waits = self.confirmed() && self.capture.captured.is_none();
        self.capture.due.as_ref().filter(|due| waits && due.round >= round)
    }

    /// What `payment` is to capture, as far as that is known: the total, or what was left of it when it was asked for.
    pub fn to_capture(&self) -> Option<Money> {
        match (&self.capture.requested, self.terms.capture) {
            (Some(requested), CaptureMode::AtOnce | CaptureMode::BeforeShipping) => Some(requested.amount),
            (None, CaptureMode::AtOnce) => Some(self.saga.total),
            // Where nothing is to be paid nothing has to be asked for.
            (None, CaptureMode::BeforeShipping) => Some(self.saga.total).filter(|total| total.zero_amount()),
        }
    }

    /// Fixes the amount with the first parcel. An amount of nothing is asked for too: it lets the authorisation go.
    pub(super) fn fix_capture(&mut self, now: DateTime<Utc>) -> Option<Event> {
        if self.capture.captured.is_some() || self.to_capture().is_some() {
            return None;
        }
        let amount = self.price(&super::Pieces::ordered(&self.lines).minus(&self.cancelled()));
        self.capture.requested = Some(CaptureRequest { amount, round: 1, at: now });
        Some(OrderCaptureRequested { order_id: self.saga.order_id, amount, round: 1 }.into())
    }

    /// Whether a parcel that is packed has to wait for its money.
    pub(super) fn money_awaited(&self) -> bool {
        let requested =
            self.capture.requested.as_ref().is_some_and(|requested| !requested.amount.zero_amount());
        requested && self.capture.captured.is_none()
    }
}
