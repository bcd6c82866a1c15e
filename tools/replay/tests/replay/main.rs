//! The replay against files and against a gateway of this test's own, which keeps the same promises.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod files;
mod gateway;
mod repeating;
mod whole;
