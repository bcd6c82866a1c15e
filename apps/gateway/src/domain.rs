//! What the gateway decides: where a request goes, which headers pass, whose share it counts against, and when an
//! operation is left alone for a while.

pub mod answer;
pub mod breaker;
pub mod client;
pub mod headers;
pub mod proxies;
pub mod refusals;
pub mod revocations;
pub mod route;
pub mod slots;
