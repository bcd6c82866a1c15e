//! The only public port: every operation with a public path, and what one needs to use them. It keeps no state.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod jobs;
