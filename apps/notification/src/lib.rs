//! What customers are told: writes it once for each thing there is to tell, and shows it in their mailbox.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod store;
