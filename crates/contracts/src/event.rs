//! Every event: its name, who publishes it, who subscribes, and what it carries.
//!
//! Events hold ids and facts; never personal data, never a card token. An event that nobody needs is not here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{App, Money, OrderId, PaymentId, PaymentMethodId, ProductId, Quantity, Refusal, Terms, UserId};

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
    OrderExpired "order.expired.v1" Order -> [Product Payment]
        "The order had not ended by its deadline; whatever was done for it is undone.";
    PaymentAuthorised "payment.authorised.v1" Payment -> [Order]
        "The total is authorised; capture waits for shipping.";
    PaymentCaptured "payment.captured.v1" Payment -> [Order]
        "The total is captured.";
    PaymentDeclined "payment.declined.v1" Payment -> [Order]
        "The payment was refused; no charge can follow.";
    PaymentRefunded "payment.refunded.v1" Payment -> [Order]
        "Captured money went back to the customer.";
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChanged {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub price: Money,
    /// Postage and fees are sold without stock.
    pub stock_controlled: bool,
    pub archived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    pub order_id: OrderId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    pub order_id: OrderId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationOverdue {
    pub order_id: OrderId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order_id: OrderId,
    /// What people call it.
    pub number: String,
    pub customer_id: UserId,
    pub payment_method_id: PaymentMethodId,
    /// One line for each product, in the products' order.
    pub lines: Vec<OrderLine>,
    pub total: Money,
    pub terms: Terms,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub unit_price: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRejected {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderExpired {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorised {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub refusal: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentOverdue {
    pub order_id: OrderId,
}
