//! Decisions about orders. Pure: time, ids and facts come in as arguments.

pub mod number;
pub mod placing;
pub mod saga;

pub use placing::{Address, Line, Order, PlaceOrderError, PlacedLine, Placing, Product};
pub use saga::{End, Facts, Input, Saga};
