//! Read-only facts that the services give `order` for the books. Amounts are minor units, so that a wrong one can
//! still be told: facts are what is written, whether or not it could be.
//!
//! Each answer is read in one snapshot (one statement, or one transaction that reads repeatably): two sums that
//! belong together must never come from before and after a change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{App, Currency, EventId, OrderId, ProductId};

/// The most orders or subjects in one request, and the most rows on one page.
pub const MOST: usize = 500;
/// The most event ids in one request.
pub const MOST_EVENTS: usize = 5_000;

/// Asks about these orders; those that a service never heard of are missing from its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersQuery {
    pub order_ids: Vec<OrderId>,
}

/// Asks about payments. Every page has at most [`MOST`] rows; an empty one is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentsQuery {
    Orders(Vec<OrderId>),
    /// The payments in which money moved or may move (anything but nothing captured and closed) after this order, in
    /// the order of their orders' ids. `order` looks for those that it does not know.
    After(Option<OrderId>),
}

/// Asks about the stock. Every page has at most [`MOST`] rows; an empty one is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockQuery {
    /// These orders' reservations, with the levels of every product that they name.
    Orders(Vec<OrderId>),
    /// The levels of the products after this one, in the order of their ids; no reservations.
    ProductsAfter(Option<ProductId>),
    /// The reservations that hold something (reserved or allocated, whatever is left of them) after this order, in
    /// the order of their orders' ids; no levels. `order` looks for those that it does not know.
    ReservationsAfter(Option<OrderId>),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockFacts {
    pub reservations: Vec<ReservationFacts>,
    pub levels: Vec<LevelFacts>,
}

/// What is held for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationFacts {
    pub order_id: OrderId,
    /// As in product's table: `unheard`, `awaited`, `refused`, `reserved`, `allocated` or `ended`. Only `reserved`
    /// and `allocated` hold something.
    pub state: String,
    /// One for each product that was claimed, or that the order has a movement of.
    pub lines: Vec<ReservedLine>,
    /// When one of these facts last changed; that an overdue end was reported is no change.
    pub changed_at: DateTime<Utc>,
}

/// One product of a reservation, in pieces: what its row says, and what the ledger says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    pub product_id: ProductId,
    pub claimed: i64,
    pub released: i64,
    pub shipped: i64,
    pub restocked: i64,
    /// Sums of the order's movements of this product.
    pub moved: Deltas,
}

/// Pieces of one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deltas {
    pub on_hand: i64,
    pub reserved: i64,
    pub allocated: i64,
}

/// A stock row beside what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelFacts {
    pub product_id: ProductId,
    /// The product's version: how often it was changed, each time with one product.changed.
    pub version: i64,
    /// As the stock row says.
    pub level: Deltas,
    /// Sums of all its movements.
    pub moved: Deltas,
    /// Sums of its open reservations; `on_hand` is not used.
    pub held: Deltas,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsFacts {
    pub payments: Vec<PaymentFacts>,
    /// When the card processor's list was last compared with ours.
    pub compared_at: Option<DateTime<Utc>>,
}

/// What became of an order's money, in minor units of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    pub order_id: OrderId,
    /// As in payment's table: `captured`, `authorised`, `due`, `closed`, …; shown, never decided by.
    pub stage: String,
    pub currency: Option<Currency>,
    /// Whether it is not known what became of a charge, a capture or a void (a refund says so itself).
    pub unknown: bool,
    /// Whether money is held at the provider that can be captured still: authorised, being captured, or due.
    pub authorised_open: bool,
    /// Whether the capture was refused or the authorisation has lapsed, and staff have to decide.
    pub due: bool,
    /// Whether a dispute is open, for which refunds wait.
    pub dispute_open: bool,
    /// Folds over the payment's records: how many captures, what they took (of an order for nothing one of 0),
    /// and what went back through the provider; a refund that turned out to have failed has not gone back, nor has
    /// one that staff settled otherwise.
    pub captures: i64,
    pub captured: i64,
    pub refunded: i64,
    /// One for each cause.
    pub refunds: Vec<RefundFacts>,
    /// Sums of the order's postings on the side that was sold: what its capture entries took and what its refund
    /// entries (less those taken back) gave; disputes apart.
    pub ledger_captured: i64,
    pub ledger_refunded: i64,
    /// Currencies in which an entry of the order does not sum to zero.
    pub unbalanced: Vec<Currency>,
    /// None when the payment was not compared, or has changed since.
    pub provider: Option<ProviderFacts>,
    /// The sequence of the first receipt at which the order's chain breaks, by `contracts::receipt::verify`.
    pub broken_receipt: Option<i32>,
    /// When one of these facts last changed. Asking the provider again is no change, nor is a receipt that says
    /// `unknown` once more.
    pub changed_at: DateTime<Utc>,
}

/// What the card processor's own list says of an order, as it was last compared with ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFacts {
    /// Intents of this order that took money, or hold it authorised; those that were cancelled or declined do not
    /// count.
    pub charges: i64,
    pub captured: i64,
    pub refunded: i64,
    pub compared_at: DateTime<Utc>,
}

/// One refund; its cause as `RefundCause` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundFacts {
    pub cause: String,
    pub amount: i64,
    /// `waiting`, `in_hand` (also unknown), `made`, `failed`, `settled` (otherwise, by staff) or `moot` (nothing was
    /// captured, so nothing goes back).
    pub state: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageFacts {
    /// Messages of these orders of which there is more than one for one kind, cause and channel.
    pub repeated: Vec<RepeatedMessage>,
    /// Which ends of these orders customers were told of.
    pub ends: Vec<ToldEnd>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEnd {
    pub order_id: OrderId,
    /// `confirmed`, `rejected`, `cancelled` or `expired`.
    pub end: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedMessage {
    pub order_id: OrderId,
    pub kind: String,
    pub cause: String,
    pub channel: String,
    pub count: i64,
}

/// Asks a publisher for its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedQuery {
    /// Those of these subjects (orders, or products), published or not, with the subjects' heads.
    Subjects(Vec<Uuid>),
    /// Those published in a span of time that `subscriber` handles, after the event named, oldest first.
    Span {
        subscriber: App,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        after: Option<(DateTime<Utc>, EventId)>,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedEvents {
    /// At most [`MOST`] for a span; of subjects all that retention has left, by subject and sequence.
    pub events: Vec<PublishedEvent>,
    /// The last sequence that was given to each subject asked for; none of a span.
    pub heads: Vec<Head>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub subject: Uuid,
    pub sequence: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedEvent {
    pub id: EventId,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: Uuid,
    pub sequence: i64,
    pub time: DateTime<Utc>,
    /// None while it waits to be published.
    pub published_at: Option<DateTime<Utc>>,
}

/// Event ids, at most [`MOST_EVENTS`]: to be checked, or to be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventIds {
    pub event_ids: Vec<EventId>,
}

/// What a subscriber did with the events it was asked about; what is in neither list never arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandledEvents {
    pub handled: Vec<EventId>,
    /// Failed, and neither handled since nor discarded.
    pub failed: Vec<EventId>,
    pub discarded: Vec<EventId>,
}

/// How many events are on their way again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    pub resent: u64,
}
