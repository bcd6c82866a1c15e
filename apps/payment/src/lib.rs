//! Payments: keeps customers' payment methods, charges each order once, and gives back what must not be kept.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod provider;
pub mod store;
