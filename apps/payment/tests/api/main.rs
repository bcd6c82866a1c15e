//! `payment` as its sidecar and the card processor see it: real router, real PostgreSQL, the sandbox as processor.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod access;
mod books;
mod capturing;
mod charging;
mod comparison;
mod courses;
mod customer;
mod disputes;
mod ends;
mod facts;
mod faults;
mod forgetting;
mod hearing;
mod house;
mod methods;
mod provider;
mod refunds;
mod resolutions;
mod rows;
mod stripe_mock;
mod webhooks;
mod workers;
