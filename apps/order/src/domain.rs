//! Decisions about orders. Pure: time, ids and facts come in as arguments.

pub mod books;
pub mod groups;
pub mod input;
pub mod number;
pub mod order;
pub mod placing;
pub mod saga;

pub use input::Input;
pub use order::{Action, Fulfilment, Order, OrderStatus, PaymentStatus};
pub use placing::{Address, Line, PlaceOrderError, PlacedLine, Placing, Product, TakenOrder};
pub use saga::{End, Facts, Saga};
