//! What happened to the money, append-only. Amounts are a fold over it.

use contracts::{Currency, Money, Refusal};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Authorised {
        amount: Money,
    },
    Captured {
        amount: Money,
    },
    /// The intent was cancelled because the order had ended.
    Voided,
    Declined {
        refusal: Refusal,
    },
    Refunded {
        amount: Money,
    },
    RefundFailed {
        amount: Money,
    },
}

/// What the records of one order add up to, in minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    pub authorised: Money,
    pub captured: Money,
    pub refunded: Money,
}

impl Record {
    pub const fn kind(&self) -> &'static str {
        match self {
            Record::Authorised { .. } => "authorised",
            Record::Captured { .. } => "captured",
            Record::Voided => "voided",
            Record::Declined { .. } => "declined",
            Record::Refunded { .. } => "refunded",
            Record::RefundFailed { .. } => "refund_failed",
        }
    }

    pub const fn amount(&self) -> Option<Money> {
        match self {
            Record::Authorised { amount }
            | Record::Captured { amount }
            | Record::Refunded { amount }
            | Record::RefundFailed { amount } => Some(*amount),
            Record::Voided | Record::Declined { .. } => None,
        }
    }

    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Record::Declined { refusal } => Some(refusal),
            Record::Authorised { .. }
            | Record::Captured { .. }
            | Record::Voided
            | Record::Refunded { .. }
            | Record::RefundFailed { .. } => None,
        }
    }
}

/// Adds the records up.
///
/// # Errors
/// When currencies are mixed or a sum leaves the range of money.
pub fn amounts(currency: Currency, records: &[Record]) -> Result<Amounts, contracts::money::MoneyError> {
    let zero = Money::zero(currency);
    let mut sums = Amounts { authorised: zero, captured: zero, refunded: zero };
    for record in records {
        match record {
            Record::Authorised { amount } => sums.authorised = sums.authorised.plus(*amount)?,
            Record::Captured { amount } => sums.captured = sums.captured.plus(*amount)?,
            Record::Refunded { amount } => sums.refunded = sums.refunded.plus(*amount)?,
            Record::Voided => sums.authorised = zero,
            Record::Declined { .. } | Record::RefundFailed { .. } => {}
        }
    }
    Ok(sums)
}
