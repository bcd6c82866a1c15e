//! Decisions about catalogue, stock and reservations. Pure: time and ids come in as arguments.

pub mod import;
pub mod product;
pub mod reservation;
pub mod stock;
