//! Accounts: who somebody is, what they may do, and the tokens that say so.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod store;
