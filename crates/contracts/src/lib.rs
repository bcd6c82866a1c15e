//! What the services say to each other: ids, money, events, operations, problems and configuration keys.
//!
//! Pure: no async, no IO, no clock. Everything here is a value or a table.

pub mod app;
pub mod configuration;
pub mod envelope;
pub mod event;
pub mod facts;
pub mod id;
pub mod identity;
pub mod mail;
pub mod money;
pub mod operation;
pub mod permission;
pub mod problem;
pub mod quantity;
pub mod receipt;
pub mod refund;
pub mod refusal;
pub mod terms;
pub mod timeline;

pub use app::App;
pub use envelope::Envelope;
pub use event::{Event, EventType};
pub use id::{
    AddressId, CancellationId, EventId, MailId, MessageId, OrderId, ParcelId, PasswordChangeId, PaymentId,
    PaymentMethodId, ProductId, ReturnId, SessionId, UserId,
};
pub use money::{Currency, Money};
pub use operation::Operation;
pub use permission::Permission;
pub use problem::ProblemType;
pub use quantity::Quantity;
pub use refund::RefundCause;
pub use refusal::Refusal;
pub use terms::{CaptureMode, Terms};
pub use timeline::{EntryKind, TimelineEntry};
