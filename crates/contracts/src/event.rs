//! Every event: its name, who publishes it, who subscribes, and what it carries.
//!
//! Events hold ids and facts; never personal data, never a card token. An event that nobody needs is not here.

mod order;
mod payment;
mod product;
mod user;

use serde_json::Value;

use crate::App;

pub use order::*;
pub use payment::*;
pub use product::*;
pub use user::*;

/// One row of the event table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub event_type: EventType,
    /// `<aggregate>.<fact>.v<version>`.
    pub name: &'static str,
    /// Owns the topic of its name.
    pub publisher: App,
    pub subscribers: &'static [App],
    pub meaning: &'static str,
}

macro_rules! events {
    ($($event:ident $name:literal $publisher:ident -> [$($subscriber:ident)+] $meaning:literal;)*) => {
        /// A fact, with what it carries.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event { $(#[doc = $meaning] $event($event),)* }

        /// The kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $($event,)* }

        /// The whole table.
        pub const EVENTS: &[Row] = &[$(Row {
            event_type: EventType::$event, name: $name, publisher: App::$publisher,
            subscribers: &[$(App::$subscriber,)+], meaning: $meaning,
        },)*];

        impl Event {
            pub const fn event_type(&self) -> EventType {
                match self { $(Event::$event(_) => EventType::$event,)* }
            }

            /// What it carries, as JSON.
            pub fn data(&self) -> Value {
                match self {
                    $(Event::$event(data) => serde_json::to_value(data)
                        .expect("invariant: event data holds only strings, integers and their lists"),)*
                }
            }

            /// Reads what an event of this type carries; an unknown field is ignored.
            ///
            /// # Errors
            /// When a field is missing or has another type.
            pub fn decode(event_type: EventType, data: Value) -> Result<Event, serde_json::Error> {
                match event_type {
                    $(EventType::$event => serde_json::from_value(data).map(Event::$event),)*
                }
            }
        }

        $(impl From<$event> for Event {
            fn from(data: $event) -> Event { Event::$event(data) }
        })*
    };
}

events! {
    UserVerificationRequested "user.verification_requested.v1" User -> [Notification]
        "Somebody has to show that an e-mail address is theirs; the code for the mail is asked for under its id.";
    UserResetRequested "user.reset_requested.v1" User -> [Notification]
        "Somebody wants to choose a new password; the code for the mail is asked for under its id.";
    UserPasswordChanged "user.password_changed.v1" User -> [Notification]
        "An account has a new password; its owner is told.";
    UserTokenReused "user.token_reused.v1" User -> [Notification]
        "A refresh token was used twice, so its session was ended; its owner is told.";
    UserDeleted "user.deleted.v1" User -> [Order Payment Notification]
        "An account was deleted: whatever is personal in what is kept about it goes, the books stay.";
    ProductChanged "product.changed.v1" Product -> [Order]
        "A product was created, changed or archived; carries all that others may know of it.";
    StockReserved "stock.reserved.v1" Product -> [Order Payment]
        "Every line of the order is reserved at the price it was placed at.";
    StockRejected "stock.rejected.v1" Product -> [Order]
        "The order was refused by stock or catalogue; nothing is reserved.";
    ReservationOverdue "reservation.overdue.v1" Product -> [Order]
        "A reservation has heard of no end well after its order's deadline.";
    OrderPlaced "order.placed.v1" Order -> [Product Payment]
        "An order was taken; lines, prices, total and terms are fixed from here on.";
    OrderConfirmed "order.confirmed.v1" Order -> [Product Payment Notification]
        "Stock is reserved and the money is safe; the order goes on to shipping.";
    OrderRejected "order.rejected.v1" Order -> [Product Payment Notification]
        "The order was refused by stock or payment; whatever was done for it is undone.";
    OrderExpired "order.expired.v1" Order -> [Product Payment Notification]
        "The order had not ended by its deadline; whatever was done for it is undone.";
    OrderCancelled "order.cancelled.v1" Order -> [Product Payment Notification]
        "The whole order was cancelled before anything was shipped; whatever was done for it is undone.";
    OrderLinesCancelled "order.lines_cancelled.v1" Order -> [Product Notification]
        "Part of a confirmed order was cancelled before it was shipped.";
    OrderCaptureRequested "order.capture_requested.v1" Order -> [Payment]
        "A parcel is about to leave: what is authorised is to be captured, in this amount.";
    OrderRefundRequested "order.refund_requested.v1" Order -> [Payment]
        "This much is to go back for this cause.";
    OrderShipped "order.shipped.v1" Order -> [Product Notification]
        "A parcel has left.";
    OrderDelivered "order.delivered.v1" Order -> [Notification]
        "A parcel has arrived.";
    OrderReturnRequested "order.return_requested.v1" Order -> [Notification]
        "The customer wants to send something back.";
    OrderReturnReceived "order.return_received.v1" Order -> [Product Notification]
        "What was sent back has arrived, to be sold again or not.";
    PaymentActionRequired "payment.action_required.v1" Payment -> [Order Notification]
        "The customer has to confirm the payment with their bank, until the order's `charge_by`.";
    PaymentAuthorised "payment.authorised.v1" Payment -> [Order]
        "The total is authorised; capture waits for shipping.";
    PaymentCaptured "payment.captured.v1" Payment -> [Order]
        "The total, or what was left of it when capture was requested, is captured.";
    PaymentDeclined "payment.declined.v1" Payment -> [Order]
        "The payment was refused; no charge can follow.";
    PaymentVoided "payment.voided.v1" Payment -> [Order]
        "What was authorised was let go; no charge can follow.";
    PaymentDue "payment.due.v1" Payment -> [Order]
        "The capture was refused or the authorisation has lapsed; staff have to decide.";
    PaymentRefunded "payment.refunded.v1" Payment -> [Order Notification]
        "Captured money went back to the customer.";
    PaymentRefundFailed "payment.refund_failed.v1" Payment -> [Order]
        "The card processor refuses a refund; staff have to decide.";
    PaymentDisputed "payment.disputed.v1" Payment -> [Order]
        "The customer's bank disputes the charge, or that dispute was closed.";
    PaymentOverdue "payment.overdue.v1" Payment -> [Order]
        "A payment has heard of no end well after its order's deadline.";
}

impl EventType {
    pub const fn row(self) -> &'static Row {
        &EVENTS[self as usize]
    }

    pub const fn name(self) -> &'static str {
        self.row().name
    }

    pub fn from_name(name: &str) -> Option<EventType> {
        EVENTS.iter().find(|row| row.name == name).map(|row| row.event_type)
    }
}

/// The topics that exist: one for each service that publishes.
pub fn topics() -> impl Iterator<Item = App> {
    App::ALL.into_iter().filter(|app| EVENTS.iter().any(|row| row.publisher == *app))
}

/// The topics that a service subscribes to.
pub fn subscriptions(subscriber: App) -> impl Iterator<Item = App> {
    topics().filter(move |topic| {
        EVENTS.iter().any(|row| row.publisher == *topic && row.subscribers.contains(&subscriber))
    })
}

/// Where what `subscriber` could not handle of `topic` goes.
pub fn dead_letter_topic(topic: App, subscriber: App) -> String {
    format!("{topic}.{subscriber}.dead")
}
