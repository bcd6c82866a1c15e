//! What a customer is told, of what, and whether it is still worth telling.

pub mod accounts;
mod letters;
pub mod mail;

use std::fmt;

use chrono::{DateTime, Utc};
use contracts::{CancellationId, Event, MessageId, OrderId, ParcelId, RefundCause, ReturnId, UserId};
use serde::{Deserialize, Serialize};

/// A message as it lies in a mailbox. It is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub customer_id: UserId,
    /// None when it is about the account.
    pub order_id: Option<OrderId>,
    pub letter: Letter,
    pub created_at: DateTime<Utc>,
}

/// Rendered once and kept as it was, whatever the templates become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub kind: Kind,
    pub subject: String,
    pub body: String,
}

impl Letter {
    /// What is left of it when its reader's account is deleted.
    pub fn illegible(self) -> Letter {
        Letter { subject: String::new(), body: String::new(), ..self }
    }
}

/// Something to be told: to whom, of which order, about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    pub order_id: OrderId,
    pub customer_id: UserId,
    pub cause: Cause,
    pub letter: Letter,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    OrderConfirmed,
    OrderRejected,
    OrderCancelled,
    OrderExpired,
    LinesCancelled,
    ParcelShipped,
    ParcelDelivered,
    ReturnRequested,
    ReturnReceived,
    PaymentRefunded,
    PaymentActionRequired,
    PasswordChanged,
    SessionRevoked,
}

/// What the telling is about. Order, kind, cause and channel together are told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The outcome of the order's saga.
    End,
    Cancellation(CancellationId),
    Parcel(ParcelId),
    Return(ReturnId),
    Refund(RefundCause),
    /// The charge itself.
    Payment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Mailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    En,
}

/// What the customer is told about an event of an order; none when it is not for them.
pub fn telling(event: &Event, language: Language) -> Option<Telling> {
    macro_rules! tell {
        ($said:expr, $cause:expr, $letter:path) => {
            Some(Telling {
                order_id: $said.order_id,
                customer_id: $said.customer_id,
                cause: $cause,
                letter: $letter($said, language),
            })
        };
    }
    match event {
        Event::OrderConfirmed(said) => tell!(said, Cause::End, letters::confirmed),
        Event::OrderRejected(said) => tell!(said, Cause::End, letters::rejected),
        Event::OrderCancelled(said) => tell!(said, Cause::End, letters::cancelled),
        Event::OrderExpired(said) => tell!(said, Cause::End, letters::expired),
        Event::OrderLinesCancelled(said) => {
            tell!(said, Cause::Cancellation(said.cancellation_id), letters::lines_cancelled)
        }
        Event::OrderShipped(said) => tell!(said, Cause::Parcel(said.parcel_id), letters::shipped),
        Event::OrderDelivered(said) => tell!(said, Cause::Parcel(said.parcel_id), letters::delivered),
        Event::OrderReturnRequested(said) => {
            tell!(said, Cause::Return(said.return_id), letters::return_requested)
        }
        Event::OrderReturnReceived(said) => {
            tell!(said, Cause::Return(said.return_id), letters::return_received)
        }
        Event::PaymentRefunded(said) => tell!(said, Cause::Refund(said.cause), letters::refunded),
        Event::PaymentActionRequired(said) => tell!(said, Cause::Payment, letters::action_required),
        Event::ProductChanged(_)
        | Event::StockReserved(_)
        | Event::StockRejected(_)
        | Event::ReservationOverdue(_)
        | Event::OrderPlaced(_)
        | Event::OrderCaptureRequested(_)
        | Event::OrderRefundRequested(_)
        | Event::PaymentAuthorised(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::PaymentDue(_)
        | Event::PaymentRefundFailed(_)
        | Event::PaymentDisputed(_)
        | Event::PaymentOverdue(_)
        | Event::UserVerificationRequested(_)
        | Event::UserResetRequested(_)
        | Event::UserPasswordChanged(_)
        | Event::UserTokenReused(_)
        | Event::UserDeleted(_) => None,
    }
}

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::OrderConfirmed,
        Kind::OrderRejected,
        Kind::OrderCancelled,
        Kind::OrderExpired,
        Kind::LinesCancelled,
        Kind::ParcelShipped,
        Kind::ParcelDelivered,
        Kind::ReturnRequested,
        Kind::ReturnReceived,
        Kind::PaymentRefunded,
        Kind::PaymentActionRequired,
        Kind::PasswordChanged,
        Kind::SessionRevoked,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::OrderConfirmed => "order_confirmed",
            Kind::OrderRejected => "order_rejected",
            Kind::OrderCancelled => "order_cancelled",
            Kind::OrderExpired => "order_expired",
            Kind::LinesCancelled => "lines_cancelled",
            Kind::ParcelShipped => "parcel_shipped",
            Kind::ParcelDelivered => "parcel_delivered",
            Kind::ReturnRequested => "return_requested",
            Kind::ReturnReceived => "return_received",
            Kind::PaymentRefunded => "payment_refunded",
            Kind::PaymentActionRequired => "payment_action_required",
            Kind::PasswordChanged => "password_changed",
            Kind::SessionRevoked => "session_revoked",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The end that it tells of, if it does.
    pub const fn end(self) -> Option<&'static str> {
        match self {
            Kind::OrderConfirmed => Some("confirmed"),
            Kind::OrderRejected => Some("rejected"),
            Kind::OrderCancelled => Some("cancelled"),
            Kind::OrderExpired => Some("expired"),
            Kind::LinesCancelled
            | Kind::ParcelShipped
            | Kind::ParcelDelivered
            | Kind::ReturnRequested
            | Kind::ReturnReceived
            | Kind::PaymentRefunded
            | Kind::PaymentActionRequired
            | Kind::PasswordChanged
            | Kind::SessionRevoked => None,
        }
    }

    /// Whether there is nothing left to tell once the customer was told of an end.
    pub const fn moot_after_end(self) -> bool {
        match self {
            Kind::PaymentActionRequired => true,
            Kind::OrderConfirmed
            | Kind::OrderRejected
            | Kind::OrderCancelled
            | Kind::OrderExpired
            | Kind::LinesCancelled
            | Kind::ParcelShipped
            | Kind::ParcelDelivered
            | Kind::ReturnRequested
            | Kind::ReturnReceived
            | Kind::PaymentRefunded
            | Kind::PasswordChanged
            | Kind::SessionRevoked => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::End => formatter.write_str("end"),
            Cause::Cancellation(id) => write!(formatter, "cancellation:{id}"),
            Cause::Parcel(id) => write!(formatter, "parcel:{id}"),
            Cause::Return(id) => write!(formatter, "return:{id}"),
            Cause::Refund(cause) => write!(formatter, "refund:{cause}"),
            Cause::Payment => formatter.write_str("payment"),
        }
    }
}

impl Channel {
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Mailbox => "mailbox",
        }
    }
}

impl Language {
    pub const fn name(self) -> &'static str {
        match self {
            Language::En => "en",
        }
    }
}
