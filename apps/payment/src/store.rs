//! SQL, and nothing else.

pub mod comparison;
pub mod disputes;
pub mod facts;
pub mod forgotten;
pub mod issues;
pub mod ledger;
pub mod methods;
pub mod payments;
pub mod receipts;
pub mod records;
pub mod refunds;
pub mod resolutions;
mod row;
pub mod webhooks;

/// A row that no version of this service writes.
pub(crate) fn illegal(table: &'static str, what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{table}: {what}").into())
}
