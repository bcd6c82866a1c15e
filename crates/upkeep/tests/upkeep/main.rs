//! The operations that every service with events has, against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod discarding;
mod gaps;
mod listing;
mod published;
mod redriving;
mod stage;
