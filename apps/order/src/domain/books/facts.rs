//! What the checks look at: `order`'s own facts of an order, and what the others told.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use contracts::facts::{PaymentFacts, PublishedEvent, RepeatedMessage, ReservationFacts};
use contracts::{App, Currency, EventId, EventType, OrderId, ProductId, RefundCause};
use uuid::Uuid;

/// An order with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub order: OrderFacts,
    pub stock: Told<ReservationFacts>,
    pub payment: Told<PaymentFacts>,
    pub messages: Told<Messages>,
    /// `order`'s own events, and those of each service that was reached.
    pub said: Vec<Said>,
    /// `order` itself, and each subscriber that was reached.
    pub handling: Vec<Handling>,
}

/// What a service told of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Told<T> {
    /// The service could not be asked; nothing follows.
    Unreached,
    /// It has never heard of the order.
    Nothing,
    Facts(T),
}

impl<T> Told<T> {
    pub const fn facts(&self) -> Option<&T> {
        match self {
            Told::Facts(facts) => Some(facts),
            Told::Unreached | Told::Nothing => None,
        }
    }
}

/// A time in which `order` and its database were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awake {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// What `order` itself has written down of an order, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFacts {
    pub order_id: OrderId,
    pub placed_at: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub currency: Option<Currency>,
    pub total: i64,
    /// As the order's row says.
    pub end: Option<Ended>,
    pub ended_at: Option<DateTime<Utc>>,
    /// When one of these facts last changed; that an end was said again is no change.
    pub changed_at: DateTime<Utc>,
    /// Other orders of the same caller and idempotency key.
    pub twins: i64,
    pub answer: Option<StoredAnswer>,
    pub lines: Vec<LineFacts>,
    pub cancellations: Vec<CancellationFacts>,
    pub parcels: Vec<ParcelFacts>,
    pub returns: Vec<ReturnFacts>,
    pub refunds: Vec<RefundAsked>,
    /// What payment was asked to capture before the first parcel leaves.
    pub to_capture: Option<i64>,
    /// What the timeline says was decided, in its order.
    pub decided: Vec<Decided>,
    /// The events that the timeline says were heard.
    pub heard: Vec<Heard>,
    pub events: Vec<OwnEvent>,
    /// The last sequence that was given to the order.
    pub head: i64,
}

/// How the saga has ended, as it stands in the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    Confirmed,
    Rejected,
    Cancelled,
    Expired,
}

/// The answer that is kept for the order's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The order that it answers with.
    pub order_id: Option<Uuid>,
    /// Whether it was given to the request that the order was placed with.
    pub same_request: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFacts {
    pub product_id: ProductId,
    pub quantity: i64,
    pub unit_price: i64,
    /// None when no event of the product was heard so far.
    pub stock_controlled: Option<bool>,
}

/// Pieces by product.
pub type Pieces = BTreeMap<ProductId, i64>;

/// What was cancelled: a part, or at the order's end all that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancellationFacts {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub amount: i64,
    pub parts: Pieces,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelFacts {
    pub id: Uuid,
    pub stage: ParcelStage,
    pub parts: Pieces,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParcelStage {
    /// Waits for its money.
    AwaitingCapture,
    /// Taken back before it left.
    Withdrawn,
    Shipped,
    Delivered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnFacts {
    pub id: Uuid,
    pub requested: Pieces,
    pub received: Option<Received>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub restocked: Pieces,
    pub unusable: Pieces,
}

/// A refund that payment was asked for, or has told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAsked {
    /// As `RefundCause` writes it.
    pub cause: String,
    pub amount: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub at: DateTime<Utc>,
    pub event_type: String,
    pub event_id: Option<EventId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub at: DateTime<Utc>,
    pub event_type: String,
    pub event_id: EventId,
}

/// An event in `order`'s outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEvent {
    pub published: PublishedEvent,
    /// What it is of: a cancellation, a parcel, a return, or a refund's cause.
    pub cause: Option<String>,
}

/// What a publisher has said of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub publisher: App,
    pub events: Vec<PublishedEvent>,
    pub head: i64,
}

/// What customers were told of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    pub repeated: Vec<RepeatedMessage>,
    pub ends: Vec<String>,
}

/// What became of an order's events at one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handling {
    pub subscriber: App,
    /// Handled, failed or discarded.
    pub known: HashSet<EventId>,
}

impl Case {
    /// When anything of the order last changed anywhere.
    pub fn changed_at(&self) -> DateTime<Utc> {
        let others = [
            self.stock.facts().map(|reservation| reservation.changed_at),
            self.payment.facts().map(|payment| payment.changed_at),
        ];
        others.into_iter().flatten().fold(self.order.changed_at, DateTime::max)
    }
}

impl OrderFacts {
    /// What the parts that were cancelled cost.
    pub fn cancelled(&self) -> i64 {
        self.cancellations.iter().map(|cancellation| cancellation.amount).sum()
    }

    /// The parts that were cancelled, without all that was left when the order was cancelled.
    pub fn cancelled_parts(&self) -> impl Iterator<Item = &CancellationFacts> {
        let whole = |at| self.end == Some(Ended::Cancelled) && self.ended_at == Some(at);
        // Of two at the same moment the whole is the last: nothing is cancelled after it.
        let whole = self.cancellations.iter().rposition(|cancellation| whole(cancellation.at));
        let all = self.cancellations.iter().enumerate();
        all.filter(move |(place, _)| whole != Some(*place)).map(|(_, cancellation)| cancellation)
    }

    /// The refunds that it asked for; that of a final end follows from the end itself.
    pub fn refunds_asked(&self) -> impl Iterator<Item = &RefundAsked> {
        let final_end = RefundCause::FinalEnd.to_string();
        self.refunds.iter().filter(move |refund| refund.cause != final_end)
    }

    /// What returns were accepted for.
    pub fn accepted_returns(&self) -> i64 {
        let returned = |refund: &&RefundAsked| matches!(refund.cause.parse(), Ok(RefundCause::Return(_)));
        self.refunds.iter().filter(returned).map(|refund| refund.amount).sum()
    }

    pub fn cancelled_pieces(&self, product_id: ProductId) -> i64 {
        sum(self.cancellations.iter().map(|cancellation| &cancellation.parts), product_id)
    }

    /// Pieces in parcels of these stages.
    pub fn pieces_in(&self, stages: &[ParcelStage], product_id: ProductId) -> i64 {
        let parcels = self.parcels.iter().filter(|parcel| stages.contains(&parcel.stage));
        sum(parcels.map(|parcel| &parcel.parts), product_id)
    }

    pub fn restocked_pieces(&self, product_id: ProductId) -> i64 {
        let received = self.returns.iter().filter_map(|given| given.received.as_ref());
        sum(received.map(|received| &received.restocked), product_id)
    }

    pub fn returned_pieces(&self, product_id: ProductId) -> i64 {
        sum(self.returns.iter().map(|given| &given.requested), product_id)
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a Pieces>, product_id: ProductId) -> i64 {
    parts.filter_map(|pieces| pieces.get(&product_id)).sum()
}

impl Ended {
    pub const ALL: [Ended; 4] = [Ended::Confirmed, Ended::Rejected, Ended::Cancelled, Ended::Expired];

    /// As it stands in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Ended::Confirmed => "confirmed",
            Ended::Rejected => "rejected",
            Ended::Cancelled => "cancelled",
            Ended::Expired => "expired",
        }
    }

    pub const fn event_type(self) -> EventType {
        match self {
            Ended::Confirmed => EventType::OrderConfirmed,
            Ended::Rejected => EventType::OrderRejected,
            Ended::Cancelled => EventType::OrderCancelled,
            Ended::Expired => EventType::OrderExpired,
        }
    }

    /// Never left again.
    pub const fn final_end(self) -> bool {
        match self {
            Ended::Confirmed => false,
            Ended::Rejected | Ended::Cancelled | Ended::Expired => true,
        }
    }

    pub fn from_name(name: &str) -> Option<Ended> {
        Ended::ALL.into_iter().find(|end| end.name() == name)
    }

    /// The end that an event of this type says.
    pub fn said_by(event_type: &str) -> Option<Ended> {
        Ended::ALL.into_iter().find(|end| end.event_type().name() == event_type)
    }
}
