//! The columns of an act in hand, the same in each table that has one.

use chrono::{DateTime, Utc};

use super::{count, number};
use crate::domain::{Attempt, Doubt, Step};
use crate::store::illegal;

#[derive(Debug, Clone, Default)]
pub(in crate::store) struct AttemptColumns {
    pub number: Option<i32>,
    pub generation: Option<i32>,
    pub step: Option<&'static str>,
    pub doubt: Option<&'static str>,
    pub at: Option<DateTime<Utc>>,
    pub ticket: Option<i32>,
}

impl AttemptColumns {
    pub fn of(attempt: Option<Attempt>) -> AttemptColumns {
        let Some(attempt) = attempt else {
            return AttemptColumns::default();
        };
        let (step, doubt, ticket) = match attempt.step {
            Step::Planned => ("planned", None, None),
            Step::Sent { ticket } => ("sent", None, Some(ticket)),
            Step::Doubtful(doubt) => ("doubtful", Some(doubt), None),
            Step::Asked { ticket, doubt } => ("asked", Some(doubt), Some(ticket)),
        };
        AttemptColumns {
            number: Some(number(attempt.number)),
            generation: Some(number(attempt.generation)),
            step: Some(step),
            doubt: doubt.map(doubt_name),
            at: Some(attempt.at),
            ticket: ticket.map(number),
        }
    }
}

/// The columns as they are read.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct AttemptRead<'a> {
    pub number: Option<i32>,
    pub generation: Option<i32>,
    pub step: Option<&'a str>,
    pub doubt: Option<&'a str>,
    pub at: Option<DateTime<Utc>>,
    /// In a row without one, written by the release before this, it was the last call of all.
    pub ticket: Option<i32>,
    pub calls: i32,
}

impl AttemptRead<'_> {
    pub fn read(self) -> Result<Attempt, sqlx::Error> {
        let whole = || illegal("payment", "an attempt is not whole");
        let doubt = self.doubt.map(doubt_from).transpose()?;
        let ticket = count(self.ticket.unwrap_or(self.calls))?;
        let step = match (self.step, doubt) {
            (Some("planned"), None) => Step::Planned,
            (Some("sent"), None) => Step::Sent { ticket },
            (Some("doubtful"), Some(doubt)) => Step::Doubtful(doubt),
            (Some("asked"), Some(doubt)) => Step::Asked { ticket, doubt },
            _ => return Err(whole()),
        };
        Ok(Attempt {
            number: count(self.number.ok_or_else(whole)?)?,
            generation: count(self.generation.ok_or_else(whole)?)?,
            step,
            at: self.at.ok_or_else(whole)?,
        })
    }
}

const fn doubt_name(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Silence => "silence",
        Doubt::ServerError => "server_error",
        Doubt::StoredError => "stored_error",
        Doubt::Refused => "refused",
    }
}

fn doubt_from(name: &str) -> Result<Doubt, sqlx::Error> {
    [Doubt::Silence, Doubt::ServerError, Doubt::StoredError, Doubt::Refused]
        .into_iter()
        .find(|doubt| doubt_name(*doubt) == name)
        .ok_or_else(|| illegal("payment", "unknown doubt"))
}
