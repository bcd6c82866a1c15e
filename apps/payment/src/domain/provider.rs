//! The provider's word, as decisions see it: intents, refunds, and answers that may be none.

use contracts::event::DisputeStatus;
use contracts::{Money, RefundCause};

use super::Doubt;

/// The provider's name for an intent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub String);

/// An intent as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: IntentId,
    pub status: IntentStatus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentStatus {
    RequiresConfirmation,
    /// The last charge was declined, if there was one.
    RequiresPaymentMethod {
        declined: Option<String>,
    },
    /// The customer must confirm with their bank.
    RequiresAction {
        /// Where they do that.
        url: Option<String>,
    },
    Processing,
    RequiresCapture {
        held: Money,
    },
    Succeeded {
        received: Money,
    },
    Canceled,
}

impl IntentStatus {
    /// The provider's own name for it.
    pub const fn name(&self) -> &'static str {
        match self {
            IntentStatus::RequiresConfirmation => "requires_confirmation",
            IntentStatus::RequiresPaymentMethod { .. } => "requires_payment_method",
            IntentStatus::RequiresAction { .. } => "requires_action",
            IntentStatus::Processing => "processing",
            IntentStatus::RequiresCapture { .. } => "requires_capture",
            IntentStatus::Succeeded { .. } => "succeeded",
            IntentStatus::Canceled => "canceled",
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The intent as it is.
    Intent(Intent),
    /// The refund of the cause, made or found; none is found when it was never made.
    Refund {
        cause: RefundCause,
        seen: Option<RefundSeen>,
    },
    Dispute {
        dispute_id: String,
        amount: Money,
        status: DisputeStatus,
    },
    /// The bank declined the charge.
    Declined {
        code: String,
    },
    /// The provider refuses the call.
    Refused {
        code: String,
    },
    Unknown(Doubt),
}

/// A refund as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundSeen {
    /// Given back, or on its way.
    Accepted { reference: String },
    /// It came to nothing.
    Failed { reference: String },
}
