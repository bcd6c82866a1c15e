//! The provider's word, as decisions see it: intents, refunds, and answers that may be none.

use contracts::Money;

use super::Doubt;

/// The provider's name for an intent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    RequiresAction,
    Processing,
    RequiresCapture {
        held: Money,
    },
    Succeeded {
        received: Money,
    },
    Canceled,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The intent as it is.
    Intent(Intent),
    /// The refund of the cause, made or found; none is found when it was never made.
    Refund(Option<RefundSeen>),
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
