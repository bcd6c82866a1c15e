//! The real gateway on a real port, in front of a sidecar that does what each test says.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod connections;
mod edge;
mod failures;
mod headers;
mod limits;
mod live;
mod pages;
mod rig;
mod routing;
mod shares;
mod staff;
mod streams;
mod succession;
mod tokens;
