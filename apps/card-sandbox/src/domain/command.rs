//! What a caller can ask for.

use serde::{Deserialize, Serialize};

use super::card::Token;
use super::intent::{CancelReason, CaptureMethod};
use super::money::{Amount, Currency};
use super::refund::RefundReason;
use super::{Act, Metadata};

#[derive(Debug, Clone)]
pub enum Command {
    Create(NewIntent),
    Confirm {
        payment_intent: String,
        payment_method: Option<Token>,
        return_url: Option<String>,
    },
    Capture {
        payment_intent: String,
        amount: Option<Amount>,
    },
    Cancel {
        payment_intent: String,
        reason: Option<CancelReason>,
    },
    Refund(NewRefund),
    /// The shop gives in.
    CloseDispute {
        dispute: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewIntent {
    pub amount: Amount,
    pub currency: Currency,
    pub capture_method: CaptureMethod,
    pub payment_method: Option<Token>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewRefund {
    pub payment_intent: String,
    pub amount: Option<Amount>,
    pub reason: Option<RefundReason>,
    pub metadata: Metadata,
}

impl Command {
    pub fn act(&self) -> Act {
        match self {
            Command::Create(_) => Act::Create,
            Command::Confirm { .. } => Act::Confirm,
            Command::Capture { .. } => Act::Capture,
            Command::Cancel { .. } => Act::Cancel,
            Command::Refund(_) => Act::Refund,
            Command::CloseDispute { .. } => Act::CloseDispute,
        }
    }

    /// What the command is about: an intent, a dispute or, when creating, an order.
    pub fn subject(&self) -> &str {
        match self {
            Command::Create(intent) => intent.metadata.get("order_id").map_or("", String::as_str),
            Command::Confirm { payment_intent, .. }
            | Command::Capture { payment_intent, .. }
            | Command::Cancel { payment_intent, .. } => payment_intent,
            Command::Refund(refund) => &refund.payment_intent,
            Command::CloseDispute { dispute } => dispute,
        }
    }
}
