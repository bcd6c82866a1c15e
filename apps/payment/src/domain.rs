//! What `payment` decides: what an order owes, how far its one charge is, and what goes back. No IO, no clock, no
//! randomness.

pub mod attempt;
pub mod charge;
pub mod comparison;
pub mod dispute;
pub mod effect;
pub mod method;
pub mod payment;
pub mod provider;
pub mod receipt;
pub mod record;
pub mod refund;
pub mod resolution;
pub mod webhook;

#[cfg(test)]
mod payment_tests;

pub use attempt::{Attempt, Doubt, Doubted, Step, Tried};
pub use charge::{Charge, DueReason};
pub use dispute::{Dispute, DisputeStage};
pub use effect::{Act, Call, Effect};
pub use payment::{Due, End, Input, Method, Overdue, Payment, Wish};
pub use provider::{Answer, Intent, IntentId, IntentStatus, RefundSeen};
pub use record::Record;
pub use refund::{Refund, RefundFailure, RefundStage};
pub use resolution::{NotResolvable, Resolution};
