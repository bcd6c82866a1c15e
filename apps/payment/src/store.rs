//! SQL, and nothing else.

pub mod ledger;
pub mod methods;
pub mod payments;
pub mod receipts;
pub mod records;
mod row;

/// A row that no version of this service writes.
pub(crate) fn illegal(table: &'static str, what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{table}: {what}").into())
}
