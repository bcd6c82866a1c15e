//! A stand-in card processor: Stripe's HTTP API for payment intents, refunds and disputes, on a durable log of its own.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod jobs;
pub mod store;
