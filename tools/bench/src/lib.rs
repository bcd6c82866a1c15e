//! Measures the running system against its own parts. Absolute figures of a shared machine mean little, so what counts
//! are ratios of figures from one run.

pub mod gateway;
pub mod measure;
