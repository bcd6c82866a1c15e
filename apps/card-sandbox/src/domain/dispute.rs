//! A dispute: a customer's bank takes the money back until it is decided who is right.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::intent::Refusal;
use super::money::{Amount, Currency};

#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    pub id: String,
    pub payment_intent: String,
    pub charge: String,
    pub amount: Amount,
    pub currency: Currency,
    pub created_at: DateTime<Utc>,
    /// None while it is open.
    pub outcome: Option<Outcome>,
}

/// How it ended, as the shop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Won,
    Lost,
}

impl Dispute {
    pub const fn status(&self) -> &'static str {
        match self.outcome {
            None => "needs_response",
            Some(Outcome::Won) => "won",
            Some(Outcome::Lost) => "lost",
        }
    }

    /// Whether the money is, or stays, with the customer.
    pub const fn holds_money(&self) -> bool {
        match self.outcome {
            None | Some(Outcome::Lost) => true,
            Some(Outcome::Won) => false,
        }
    }

    pub fn close(&self, outcome: Outcome) -> Result<Entry, Refusal> {
        match self.outcome {
            None => Ok(Entry::DisputeClosed { dispute: self.id.clone(), outcome }),
            Some(_) => Err(Refusal::DisputeClosed { status: self.status() }),
        }
    }
}
