//! The sidecar crate against a real PostgreSQL and a fake daprd.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod configuration;
mod dead_letters;
mod events;
mod fail_points;
mod gaps;
mod guards;
mod outbox;
mod relay;
mod stage;
mod talking;
