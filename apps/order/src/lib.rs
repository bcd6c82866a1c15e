//! Orders: takes them, decides their end, and tells what happened to them. The only arbiter of an end.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod store;
