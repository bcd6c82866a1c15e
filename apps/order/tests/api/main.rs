//! `order` as its sidecar sees it, on real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod access;
mod bad_input;
mod books;
mod cancelling;
mod capturing;
mod forgetting;
mod groups;
mod house;
mod placing;
mod races;
mod refused;
mod returning;
mod saga;
mod shipping;
mod timeline;
mod watching;
