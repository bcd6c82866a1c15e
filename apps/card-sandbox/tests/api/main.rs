//! The whole processor, by its HTTP routes, on a real log.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod authentication;
mod disputes;
mod faults;
mod harness;
mod idempotency;
mod intents;
mod log;
mod process;
mod receiver;
mod refunds;
mod secrets;
mod table;
mod webhooks;
