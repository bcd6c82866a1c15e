//! The whole stack, started by the same run file as `./taskw up`, through its public port.
//!
//! One stack serves all tests, one after another; each leaves it running and healthy.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod bench;
mod books;
mod configuration;
mod dead_letters;
mod examples;
mod gaps;
mod house;
mod markers;
mod matrix;
mod personal_data;
mod readme;
mod recovery;
mod replay;
mod rogue;
mod secrets;
mod staff;
mod traffic;
mod trials;
mod unreadable;
mod walls;
