//! What `payment` decides: what an order owes, and how far its one charge is. No IO, no clock, no randomness.

pub mod charge;
pub mod effect;
pub mod method;
pub mod payment;
pub mod provider;
pub mod receipt;
pub mod record;

#[cfg(test)]
mod payment_tests;

pub use charge::{Attempt, Charge, Doubt, Step, Tried};
pub use effect::{Act, Call, Effect};
pub use payment::{Due, End, Input, Method, Overdue, Payment};
pub use provider::{Answer, Intent, IntentId, IntentStatus, RefundSeen};
pub use record::Record;
