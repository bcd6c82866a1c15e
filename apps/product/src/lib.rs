//! The catalogue and the stock: what is sold at which price, how much of it there is, and what is promised to whom.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod store;
