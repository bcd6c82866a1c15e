//! SQL: what sidecars read, the history, the counter of versions, trials, and what replicas report. Decides nothing.

pub mod history;
pub mod report;
pub mod setting;
pub mod trial;
