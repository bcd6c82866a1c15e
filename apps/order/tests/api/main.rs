//! `order` as its sidecar sees it, on real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod access;
mod bad_input;
mod house;
mod placing;
mod saga;
