//! What customers send back: asked for, received, refunded.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{OrderReturnReceived, OrderReturnRequested, Part};
use contracts::{Currency, Event, Money, RefundCause, ReturnId};

use super::{Exceeded, Order, ParcelState, Pieces};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    pub id: ReturnId,
    /// What is to come back.
    pub parts: Vec<Part>,
    pub requested_at: DateTime<Utc>,
    pub state: ReturnState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnState {
    Requested,
    /// What came back may be less than what was to come.
    Received {
        at: DateTime<Utc>,
        restocked: Vec<Part>,
        unusable: Vec<Part>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestReturnError {
    #[error("only what was delivered can be sent back")]
    NotConfirmed,
    #[error("no part is named")]
    NoParts,
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    #[error("the time for returns ended at {closed_at}")]
    WindowClosed { closed_at: DateTime<Utc> },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveReturnError {
    #[error("the order has no such return")]
    UnknownReturn,
    #[error("the return was received before")]
    AlreadyReceived,
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundReturnError {
    #[error("the order has no such return")]
    UnknownReturn,
    #[error("the return has not been received")]
    NotReceived,
    #[error("the return was refunded before")]
    AlreadyRefunded,
    #[error("the order is paid in {}, not in {}", .expected.code(), .given.code())]
    OtherCurrency { expected: Currency, given: Currency },
    #[error("there is nothing to refund")]
    Nothing,
    #[error("{amount} is more than the {most} that can be refunded")]
    TooMuch { amount: Money, most: Money },
}

impl Return {
    /// Where its pieces are counted: what is to come, or what came.
    pub fn pieces(&self) -> Pieces {
        match &self.state {
            ReturnState::Requested => Pieces::of(&self.parts),
            ReturnState::Received { .. } => self.received(),
        }
    }

    /// What came, whatever its state.
    pub fn received(&self) -> Pieces {
        match &self.state {
            ReturnState::Requested => Pieces::default(),
            ReturnState::Received { restocked, unusable, .. } => Pieces::of(restocked.iter().chain(unusable)),
        }
    }
}

impl Order {
    /// Asks to send delivered pieces back.
    ///
    /// # Errors
    /// [`RequestReturnError`] says what stands against it; nothing has changed then.
    pub fn request_return(
        &mut self,
        id: ReturnId,
        parts: &[Part],
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, RequestReturnError> {
        if !self.confirmed() {
            return Err(RequestReturnError::NotConfirmed);
        }
        let asked = Pieces::of(parts);
        if asked.none() {
            return Err(RequestReturnError::NoParts);
        }
        asked.within(&self.delivered().minus(&self.coming_back()))?;
        if asked.within(&self.returnable(now)).is_err() {
            let closed_at = self.window_closes().unwrap_or(now);
            return Err(RequestReturnError::WindowClosed { closed_at });
        }
        let parts = asked.parts();
        let requested = OrderReturnRequested {
            order_id: self.saga.order_id,
            number: self.saga.number.clone(),
            customer_id: self.saga.customer_id,
            return_id: id,
            parts: parts.clone(),
        };
        self.returns.push(Return { id, parts, requested_at: now, state: ReturnState::Requested });
        Ok(vec![requested.into()])
    }

    /// What may still be sent back now.
    pub fn returnable(&self, now: DateTime<Utc>) -> Pieces {
        let mut in_time = Pieces::default();
        for parcel in &self.parcels {
            if let ParcelState::Delivered { at, .. } = parcel.state
                && now < self.closes(at)
            {
                in_time = in_time.plus(&Pieces::of(&parcel.parts));
            }
        }
        // Which parcel a piece came in cannot be told when it comes back; in doubt it was an older one.
        self.delivered().minus(&self.coming_back()).at_most(&in_time)
    }

    /// Notes what of a return arrived, and in which state.
    ///
    /// # Errors
    /// [`ReceiveReturnError`] says what stands against it; nothing has changed then.
    pub fn receive_return(
        &mut self,
        id: ReturnId,
        restocked: &[Part],
        unusable: &[Part],
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, ReceiveReturnError> {
        let found = self.returns.iter_mut().find(|found| found.id == id);
        let found = found.ok_or(ReceiveReturnError::UnknownReturn)?;
        if found.state != ReturnState::Requested {
            return Err(ReceiveReturnError::AlreadyReceived);
        }
        Pieces::of(restocked.iter().chain(unusable)).within(&Pieces::of(&found.parts))?;
        let (restocked, unusable) = (Pieces::of(restocked).parts(), Pieces::of(unusable).parts());
        found.state =
            ReturnState::Received { at: now, restocked: restocked.clone(), unusable: unusable.clone() };
        let received = OrderReturnReceived {
            order_id: self.saga.order_id,
            number: self.saga.number.clone(),
            customer_id: self.saga.customer_id,
            return_id: id,
            restocked,
            unusable,
        };
        Ok(vec![received.into()])
    }

    /// Gives back what was received of a return, in full or this much of it; once.
    ///
    /// # Errors
    /// [`RefundReturnError`] says what stands against it; nothing has changed then.
    pub fn refund_return(
        &mut self,
        id: ReturnId,
        amount: Option<Money>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, RefundReturnError> {
        let found = self.returns.iter().find(|found| found.id == id);
        let found = found.ok_or(RefundReturnError::UnknownReturn)?;
        if found.state == ReturnState::Requested {
            return Err(RefundReturnError::NotReceived);
        }
        if self.refund_of(RefundCause::Return(id)).is_some() {
            return Err(RefundReturnError::AlreadyRefunded);
        }
        let value = self.price(&found.received());
        let amount = amount.unwrap_or(value);
        if amount.currency() != value.currency() {
            let (expected, given) = (value.currency(), amount.currency());
            return Err(RefundReturnError::OtherCurrency { expected, given });
        }
        if amount.zero_amount() {
            return Err(RefundReturnError::Nothing);
        }
        let refundable = self.refundable();
        let most = if value.amount() < refundable.amount() { value } else { refundable };
        if amount.amount() > most.amount() {
            return Err(RefundReturnError::TooMuch { amount, most });
        }
        Ok(vec![self.request_refund(RefundCause::Return(id), amount, now)])
    }

    /// What is coming back or has come.
    fn coming_back(&self) -> Pieces {
        self.returns.iter().fold(Pieces::default(), |sum, found| sum.plus(&found.pieces()))
    }

    /// When the last delivered parcel's time for returns is over.
    fn window_closes(&self) -> Option<DateTime<Utc>> {
        self.parcels
            .iter()
            .filter_map(|parcel| match parcel.state {
                ParcelState::Delivered { at, .. } => Some(self.closes(at)),
                ParcelState::AwaitingCapture
                | ParcelState::Shipped { .. }
                | ParcelState::Withdrawn { .. } => None,
            })
            .max()
    }

    fn closes(&self, delivered_at: DateTime<Utc>) -> DateTime<Utc> {
        delivered_at
            .checked_add_signed(TimeDelta::days(self.terms.return_window_days.into()))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
