//! The desk before a gateway that answers from a list.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod config;
mod errands;
mod gateway;
