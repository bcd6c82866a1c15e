//! The live configuration: typed keys with bounds, who changed them when and why, and the table that sidecars read.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod jobs;
pub mod store;
