//! What leaves the shop, when the money is taken for it, and when it arrives.

use chrono::{DateTime, Utc};
use contracts::event::{OrderDelivered, OrderShipped, Part};
use contracts::{Event, ParcelId};

use super::{Exceeded, Order, Pieces};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    pub id: ParcelId,
    pub parts: Vec<Part>,
    pub packed_at: DateTime<Utc>,
    pub state: ParcelState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParcelState {
    /// Packed; leaves when the money is captured.
    AwaitingCapture,
    Shipped {
        at: DateTime<Utc>,
    },
    Delivered {
        shipped_at: DateTime<Utc>,
        at: DateTime<Utc>,
    },
    /// The order was cancelled before it could leave.
    Withdrawn {
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShipError {
    #[error("only a confirmed order is shipped")]
    NotConfirmed,
    #[error("nothing is left to ship")]
    NothingLeft,
    #[error("no part is named")]
    NoParts,
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    #[error("the order has no such parcel")]
    UnknownParcel,
    #[error("the parcel is {}", .0.name())]
    NotUnderway(ParcelState),
}

impl ParcelState {
    /// As it stands in the database and in answers.
    pub const fn name(&self) -> &'static str {
        match self {
            ParcelState::AwaitingCapture => "awaiting_capture",
            ParcelState::Shipped { .. } => "shipped",
            ParcelState::Delivered { .. } => "delivered",
            ParcelState::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl Order {
    /// Packs these parts, or all that is left. The parcel leaves at once unless its money is still to be captured.
    ///
    /// # Errors
    /// [`ShipError`] says what stands against it; nothing has changed then.
    pub fn ship(
        &mut self,
        id: ParcelId,
        parts: Option<&[Part]>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Event>, ShipError> {
        if !self.confirmed() {
            return Err(ShipError::NotConfirmed);
        }
        let left = self.left();
        let asked = parts.map_or_else(|| left.clone(), Pieces::of);
        if asked.none() {
            return Err(if parts.is_some() { ShipError::NoParts } else { ShipError::NothingLeft });
        }
        asked.within(&left)?;

        let mut said = Vec::from_iter(self.fix_capture(now));
        self.parcels.push(Parcel {
            id,
            parts: asked.parts(),
            packed_at: now,
            state: ParcelState::AwaitingCapture,
        });
        if !self.money_awaited() {
            said.extend(self.send_waiting(now));
        }
        Ok(said)
    }

    /// Notes that a parcel has arrived.
    ///
    /// # Errors
    /// When there is no such parcel, or it is not on its way.
    pub fn deliver(&mut self, id: ParcelId, now: DateTime<Utc>) -> Result<Vec<Event>, DeliverError> {
        let parcel = self.parcels.iter_mut().find(|parcel| parcel.id == id);
        let parcel = parcel.ok_or(DeliverError::UnknownParcel)?;
        let ParcelState::Shipped { at: shipped_at } = parcel.state else {
            return Err(DeliverError::NotUnderway(parcel.state));
        };
        parcel.state = ParcelState::Delivered { shipped_at, at: now };
        let delivered = OrderDelivered {
            order_id: self.saga.order_id,
            number: self.saga.number.clone(),
            customer_id: self.saga.customer_id,
            parcel_id: id,
        };
        Ok(vec![delivered.into()])
    }

    /// The parcels that waited for their money leave.
    pub(super) fn send_waiting(&mut self, now: DateTime<Utc>) -> Vec<Event> {
        let mut sent = Vec::new();
        for parcel in &mut self.parcels {
            if parcel.state == ParcelState::AwaitingCapture {
                parcel.state = ParcelState::Shipped { at: now };
                sent.push(parcel.clone());
            }
        }
        sent.iter().map(|parcel| self.shipped_event(parcel)).collect()
    }

    fn shipped_event(&self, parcel: &Parcel) -> Event {
        OrderShipped {
            order_id: self.saga.order_id,
            number: self.saga.number.clone(),
            customer_id: self.saga.customer_id,
            parcel_id: parcel.id,
            parts: parcel.parts.clone(),
        }
        .into()
    }
}
