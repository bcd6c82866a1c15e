//! The decisions of all services together on a seeded bus that drops, duplicates, reorders and delays, with services
//! that crash between any two effects, clocks that disagree, a card processor that misbehaves, and people who change
//! their minds. A seed tells the same story every time.
//!
//! The functions called here are the ones that the handlers call.

mod calendar;
mod chance;
pub mod coverage;
pub mod fault;
mod plan;
mod provider;
pub mod run;
mod seed;
mod shrink;
mod story;
mod theme;
mod world;

pub use chance::Chance;
pub use coverage::Coverage;
pub use seed::{Kept, NotASeed, Seed};
pub use shrink::shrink;
pub use world::{Outcome, Walls};
