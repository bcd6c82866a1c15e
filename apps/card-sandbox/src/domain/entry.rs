//! What is written in the log: records of what happened. The state of everything is a fold over them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::answer::StoredAnswer;
use super::card::{Decline, Fault, Token};
use super::command::NewIntent;
use super::dispute::Outcome;
use super::intent::CancelReason;
use super::money::Amount;
use super::refund::{FailureReason, RefundReason};
use super::webhook::Announced;
use super::{Act, Metadata};

/// One line of the log: all of it happened, or none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without gaps.
    pub sequence: u64,
    pub recorded_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    pub entries: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<StoredAnswer>,
}

/// One thing that happened, with all that it takes to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    Created(Created),
    ActionRequired(Attempt),
    Processing(Attempt),
    Declined(Declined),
    /// Money is held, not taken.
    Authorized(Approved),
    /// Money is taken, in one step.
    Charged(Approved),
    /// Money that was held is taken.
    Captured(Approved),
    Canceled {
        payment_intent: String,
        reason: Option<CancelReason>,
    },
    Refunded(Refunded),
    /// A refund that was made has come to nothing.
    RefundFailed {
        refund: String,
        reason: FailureReason,
    },
    /// The customer wants the money back through their bank.
    Disputed(Disputed),
    DisputeClosed {
        dispute: String,
        outcome: Outcome,
    },
    /// A webhook is to be sent; this is what it says.
    Announced(Announced),
    WebhookSent {
        event: String,
        attempt: u32,
    },
    /// The status that a webhook was answered with, or that nothing came.
    WebhookAnswered {
        event: String,
        attempt: u32,
        status: Option<u16>,
    },
    /// An act that the state does not allow; nothing changed.
    Refused {
        act: Act,
        subject: String,
        message: String,
    },
    /// A test card's fault struck.
    Faulted {
        subject: String,
        fault: Fault,
    },
    KeysPruned {
        before: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    pub payment_intent: String,
    #[serde(flatten)]
    pub terms: NewIntent,
}

/// A charge that waits for the customer or the bank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub payment_intent: String,
    pub payment_method: Token,
    /// Where the customer proves who they are, if it is they who are waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Where they go from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declined {
    pub payment_intent: String,
    pub payment_method: Token,
    pub charge: String,
    pub reason: Decline,
}

/// A charge that the bank approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    pub payment_intent: String,
    pub payment_method: Token,
    pub charge: String,
    pub amount: Amount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refunded {
    pub refund: String,
    pub payment_intent: String,
    pub charge: String,
    pub amount: Amount,
    pub reason: Option<RefundReason>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disputed {
    pub dispute: String,
    pub payment_intent: String,
    pub charge: String,
    pub amount: Amount,
}
