//! For tests only: tokens, requests as a sidecar would pass them on, a fake sidecar.
//!
//! A database for each test comes from `#[sqlx::test]` with the service's migrator; `./taskw test` starts the server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

pub mod request;
pub mod sidecar;
pub mod token;

pub use request::{Answer, Client};
pub use sidecar::FakeSidecar;
pub use token::Signer;

/// The token that tests use between a sidecar and its service.
pub const APP_TOKEN: &str = "app-token-of-tests";
/// The token that tests use between a service and its sidecar.
pub const API_TOKEN: &str = "api-token-of-tests";
