//! A refund: money that went back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Metadata;
use super::entry::Entry;
use super::intent::Refusal;
use super::money::{Amount, Currency};

#[derive(Debug, Clone, PartialEq)]
pub struct Refund {
    pub id: String,
    pub payment_intent: String,
    pub charge: String,
    pub amount: Amount,
    pub currency: Currency,
    pub reason: Option<RefundReason>,
    pub metadata: Metadata,
    pub created_at: DateTime<Utc>,
    /// Why it came to nothing, if it did.
    pub failure: Option<FailureReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundReason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    LostOrStolenCard,
}

impl Refund {
    /// What the customer has got, in minor units.
    pub const fn given_back(&self) -> u64 {
        match self.failure {
            None => self.amount.minor_units(),
            Some(_) => 0,
        }
    }

    pub const fn status(&self) -> &'static str {
        match self.failure {
            None => "succeeded",
            Some(_) => "failed",
        }
    }

    /// The customer's bank sends the money back.
    pub fn fail(&self) -> Result<Entry, Refusal> {
        match self.failure {
            None => {
                Ok(Entry::RefundFailed { refund: self.id.clone(), reason: FailureReason::LostOrStolenCard })
            }
            Some(_) => Err(Refusal::RefundFailed),
        }
    }
}
