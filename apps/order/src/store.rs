//! The only place with SQL. Decides nothing.

pub mod books;
pub mod commands;
pub mod forgotten;
pub mod fulfilment;
pub mod groups;
pub mod lines;
pub mod orders;
pub mod products;
pub mod refunds;
pub mod timeline;

use contracts::{Currency, Money};

/// A stored value that the domain does not allow; never a default.
pub(crate) fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("stored {what} is not a value of its type").into())
}

pub(crate) fn money(amount: i64, currency: &str) -> Result<Money, sqlx::Error> {
    Currency::from_code(currency)
        .and_then(|currency| Money::new(amount, currency).ok())
        .ok_or_else(|| unreadable("amount"))
}
