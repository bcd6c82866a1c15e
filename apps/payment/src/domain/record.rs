//! What happened to the money, append-only. Amounts are a fold over it.

use contracts::event::DisputeStatus;
use contracts::money::MoneyError;
use contracts::{Currency, Money, RefundCause, Refusal};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The customer has to confirm with their bank.
    ActionRequired,
    Authorised {
        amount: Money,
    },
    /// The provider let go of what was held, unasked.
    Lapsed,
    Captured {
        amount: Money,
    },
    /// A capture that was asked for has failed.
    Due {
        amount: Money,
        round: u32,
        reason: String,
    },
    /// The intent was cancelled because the order had ended.
    Voided,
    Declined {
        refusal: Refusal,
    },
    Refunded {
        cause: RefundCause,
        amount: Money,
    },
    /// A refund that was never made, and needs staff.
    RefundFailed {
        cause: RefundCause,
        amount: Money,
    },
    /// A refund that had been made came back, and needs staff.
    RefundReturned {
        cause: RefundCause,
        amount: Money,
    },
    /// Staff gave the money back otherwise.
    RefundSettled {
        cause: RefundCause,
        amount: Money,
    },
    Disputed {
        dispute_id: String,
        amount: Money,
        status: DisputeStatus,
    },
}

/// What the records of one order add up to, in minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// Held, and not captured.
    pub authorised: Money,
    pub captured: Money,
    /// Given back through the provider.
    pub refunded: Money,
}

impl Record {
    pub const fn kind(&self) -> &'static str {
        match self {
            Record::ActionRequired => "action_required",
            Record::Authorised { .. } => "authorised",
            Record::Lapsed => "lapsed",
            Record::Captured { .. } => "captured",
            Record::Due { .. } => "due",
            Record::Voided => "voided",
            Record::Declined { .. } => "declined",
            Record::Refunded { .. } => "refunded",
            Record::RefundFailed { .. } => "refund_failed",
            Record::RefundReturned { .. } => "refund_returned",
            Record::RefundSettled { .. } => "refund_settled",
            Record::Disputed { .. } => "disputed",
        }
    }

    pub const fn amount(&self) -> Option<Money> {
        match self {
            Record::Authorised { amount }
            | Record::Captured { amount }
            | Record::Due { amount, .. }
            | Record::Refunded { amount, .. }
            | Record::RefundFailed { amount, .. }
            | Record::RefundReturned { amount, .. }
            | Record::RefundSettled { amount, .. }
            | Record::Disputed { amount, .. } => Some(*amount),
            Record::ActionRequired | Record::Lapsed | Record::Voided | Record::Declined { .. } => None,
        }
    }

    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Record::Declined { refusal } => Some(refusal),
            Record::ActionRequired
            | Record::Authorised { .. }
            | Record::Lapsed
            | Record::Captured { .. }
            | Record::Due { .. }
            | Record::Voided
            | Record::Refunded { .. }
            | Record::RefundFailed { .. }
            | Record::RefundReturned { .. }
            | Record::RefundSettled { .. }
            | Record::Disputed { .. } => None,
        }
    }

    /// The refund that it is about.
    pub const fn cause(&self) -> Option<RefundCause> {
        match self {
            Record::Refunded { cause, .. }
            | Record::RefundFailed { cause, .. }
            | Record::RefundReturned { cause, .. }
            | Record::RefundSettled { cause, .. } => Some(*cause),
            Record::ActionRequired
            | Record::Authorised { .. }
            | Record::Lapsed
            | Record::Captured { .. }
            | Record::Due { .. }
            | Record::Voided
            | Record::Declined { .. }
            | Record::Disputed { .. } => None,
        }
    }

    /// The round of the capture that has failed, and why.
    pub fn due(&self) -> Option<(u32, &str)> {
        match self {
            Record::Due { round, reason, .. } => Some((*round, reason)),
            Record::ActionRequired
            | Record::Authorised { .. }
            | Record::Lapsed
            | Record::Captured { .. }
            | Record::Voided
            | Record::Declined { .. }
            | Record::Refunded { .. }
            | Record::RefundFailed { .. }
            | Record::RefundReturned { .. }
            | Record::RefundSettled { .. }
            | Record::Disputed { .. } => None,
        }
    }

    /// The dispute that it is about, and how far that was.
    pub fn dispute(&self) -> Option<(&str, DisputeStatus)> {
        match self {
            Record::Disputed { dispute_id, status, .. } => Some((dispute_id, *status)),
            Record::ActionRequired
            | Record::Authorised { .. }
            | Record::Lapsed
            | Record::Captured { .. }
            | Record::Due { .. }
            | Record::Voided
            | Record::Declined { .. }
            | Record::Refunded { .. }
            | Record::RefundFailed { .. }
            | Record::RefundReturned { .. }
            | Record::RefundSettled { .. } => None,
        }
    }
}

/// Adds the records up.
///
/// # Errors
/// When currencies are mixed or a sum leaves the range of money.
pub fn amounts(currency: Currency, records: &[Record]) -> Result<Amounts, MoneyError> {
    let zero = Money::zero(currency);
    let mut sums = Amounts { authorised: zero, captured: zero, refunded: zero };
    for record in records {
        match record {
            Record::Authorised { amount } => sums.authorised = sums.authorised.plus(*amount)?,
            Record::Captured { amount } => {
                sums.captured = sums.captured.plus(*amount)?;
                sums.authorised = zero;
            }
            Record::Refunded { amount, .. } => sums.refunded = sums.refunded.plus(*amount)?,
            Record::RefundReturned { amount, .. } => sums.refunded = sums.refunded.minus(*amount)?,
            Record::Voided | Record::Lapsed => sums.authorised = zero,
            Record::ActionRequired
            | Record::Due { .. }
            | Record::Declined { .. }
            | Record::RefundFailed { .. }
            | Record::RefundSettled { .. }
            | Record::Disputed { .. } => {}
        }
    }
    Ok(sums)
}
