//! Taking back the whole order, or a part of a confirmed one, before it is shipped.

use chrono::{DateTime, Utc};
use contracts::event::{OrderLinesCancelled, Part};
use contracts::{CancellationId, CaptureMode, Event, Money, RefundCause};

use super::{Exceeded, Order, ParcelState, Pieces};
use crate::domain::End;

/// Pieces that were taken back; of a whole order all that were left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    pub id: CancellationId,
    pub parts: Vec<Part>,
    /// What they cost.
    pub amount: Money,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    #[error("before it is confirmed an order can only be cancelled as a whole")]
    OnlyWhole,
    #[error("a part of it has been shipped")]
    Shipped,
    #[error("it is {}", .end.name())]
    Ended { end: End },
    #[error("no part is named")]
    NoParts,
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
}

impl Order {
    /// Cancels the whole, or these parts. Parts that are all there is, with no parcel yet, are the whole.
    ///
    /// # Errors
    /// [`CancelError`] says what stands against it; nothing has changed then.
    pub fn cancel(
        &mut self,
        id: CancellationId,
        parts: Option<&[Part]>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, CancelError> {
        match (&self.saga.end, parts) {
            (None, None) => Ok(self.cancel_whole(id, now)),
            (None, Some(_)) => Err(CancelError::OnlyWhole),
            (Some(End::Confirmed { .. }), None) if self.shipped().none() => Ok(self.cancel_whole(id, now)),
            (Some(End::Confirmed { .. }), None) => Err(CancelError::Shipped),
            (Some(End::Confirmed { .. }), Some(parts)) => self.cancel_parts(id, parts, now),
            (Some(end @ (End::Rejected { .. } | End::Expired { .. } | End::Cancelled { .. })), _) => {
                Err(CancelError::Ended { end: end.clone() })
            }
        }
    }

    /// Whether the amount to capture can no longer be lowered, so that what is cancelled goes back as a refund.
    fn amount_fixed(&self) -> bool {
        let at_once = match self.terms.capture {
            CaptureMode::AtOnce => true,
            CaptureMode::BeforeShipping => false,
        };
        at_once || self.capture.requested.is_some() || self.capture.captured.is_some()
    }

    fn cancel_parts(
        &mut self,
        id: CancellationId,
        parts: &[Part],
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, CancelError> {
        let (asked, left) = (Pieces::of(parts), self.left());
        if asked.none() {
            return Err(CancelError::NoParts);
        }
        if left.none() && !self.shipped().none() {
            return Err(CancelError::Shipped);
        }
        asked.within(&left)?;
        if asked == left && self.parcels.is_empty() {
            return Ok(self.cancel_whole(id, now));
        }
        let amount = self.price(&asked);
        let cancellation = Cancellation { id, parts: asked.parts(), amount, at: now };
        let mut said: Vec<Event> = vec![
            OrderLinesCancelled {
                order_id: self.saga.order_id,
                number: self.saga.number.clone(),
                customer_id: self.saga.customer_id,
                cancellation_id: id,
                parts: cancellation.parts.clone(),
                amount,
            }
            .into(),
        ];
        self.cancellations.push(cancellation);
        if self.amount_fixed() && !amount.zero_amount() {
            said.push(self.request_refund(RefundCause::Cancellation(id), amount, now));
        }
        Ok(said)
    }

    fn cancel_whole(&mut self, id: CancellationId, now: DateTime<Utc>) -> Vec<Event> {
        for parcel in &mut self.parcels {
            parcel.state = ParcelState::Withdrawn { at: now };
        }
        let left = self.left();
        let amount = self.price(&left);
        self.cancellations.push(Cancellation { id, parts: left.parts(), amount, at: now });
        self.saga.cancel(self.refunds_requested(), now)
    }
}
