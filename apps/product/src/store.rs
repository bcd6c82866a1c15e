//! The only place with SQL. Decides nothing.

pub mod facts;
pub mod hold;
pub mod product;
pub mod reservation;
pub mod stock;

use chrono::{DateTime, Utc};

/// When something was done, and what led to it.
#[derive(Debug, Clone)]
pub struct Occasion {
    pub at: DateTime<Utc>,
    /// The id of the event, or the name of the job.
    pub caused_by: String,
    pub trace_id: Option<String>,
}

/// A stored value that the domain does not allow; never a default.
fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("stored {what} is not a value of its type").into())
}

/// A statement that touched more or fewer rows than it must, and so has to be rolled back.
fn exactly(expected: usize, rows_affected: u64, what: &str) -> Result<(), sqlx::Error> {
    if u64::try_from(expected) == Ok(rows_affected) {
        Ok(())
    } else {
        Err(sqlx::Error::Protocol(format!("{rows_affected} rows of {what} changed instead of {expected}")))
    }
}
