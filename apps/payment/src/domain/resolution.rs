//! What staff may say or decide where the provider leaves something open.

use contracts::RefundCause;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The money was taken.
    Charged,
    /// It was not.
    NotCharged,
    /// The money went back.
    Refunded { cause: RefundCause },
    /// It did not.
    NotRefunded { cause: RefundCause },
    /// A refund that failed is tried once more.
    RetryRefund { cause: RefundCause },
    /// A refund that failed was made otherwise.
    SettleRefund { cause: RefundCause },
    /// A dispute is not contested.
    AcceptDispute { dispute_id: String },
}

/// The present state leaves nothing of this kind open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{attempted} is only for {wanted}")]
pub struct NotResolvable {
    pub attempted: &'static str,
    pub wanted: &'static str,
}

impl Resolution {
    pub const fn name(&self) -> &'static str {
        match self {
            Resolution::Charged => "charged",
            Resolution::NotCharged => "not_charged",
            Resolution::Refunded { .. } => "refunded",
            Resolution::NotRefunded { .. } => "not_refunded",
            Resolution::RetryRefund { .. } => "retry_refund",
            Resolution::SettleRefund { .. } => "settle_refund",
            Resolution::AcceptDispute { .. } => "accept_dispute",
        }
    }

    /// The state that it is for.
    pub const fn wanted(&self) -> &'static str {
        match self {
            Resolution::Charged | Resolution::NotCharged => "a charge of which the outcome is unknown",
            Resolution::Refunded { .. } | Resolution::NotRefunded { .. } => {
                "a refund of which the outcome is unknown"
            }
            Resolution::RetryRefund { .. } | Resolution::SettleRefund { .. } => "a refund that has failed",
            Resolution::AcceptDispute { .. } => "a dispute that is open",
        }
    }

    /// The refund that it is about.
    pub const fn cause(&self) -> Option<RefundCause> {
        match self {
            Resolution::Refunded { cause }
            | Resolution::NotRefunded { cause }
            | Resolution::RetryRefund { cause }
            | Resolution::SettleRefund { cause } => Some(*cause),
            Resolution::Charged | Resolution::NotCharged | Resolution::AcceptDispute { .. } => None,
        }
    }

    /// The dispute that it is about.
    pub fn dispute_id(&self) -> Option<&str> {
        match self {
            Resolution::AcceptDispute { dispute_id } => Some(dispute_id),
            Resolution::Charged
            | Resolution::NotCharged
            | Resolution::Refunded { .. }
            | Resolution::NotRefunded { .. }
            | Resolution::RetryRefund { .. }
            | Resolution::SettleRefund { .. } => None,
        }
    }
}
