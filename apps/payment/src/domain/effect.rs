//! What follows from a decision besides events: calls to the provider, receipts, and money in the books.

use contracts::{CaptureMode, Money, PaymentId, PaymentMethodId, RefundCause};

use super::{IntentId, Record, Tried};

/// To be written in the transaction of the decision or, for a call, made right after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Call(Call),
    Receipt(Receipt),
    Posting(Posting),
    Record(Record),
}

/// A call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Names the call, so that an answer that comes too late is known for one.
    pub ticket: u32,
    pub act: Act,
    /// The idempotency key; reading needs none.
    pub key: Option<String>,
}

/// What is asked of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Create {
        amount: Money,
        capture: CaptureMode,
        method: PaymentMethodId,
    },
    Confirm {
        intent: IntentId,
    },
    /// Takes this much of what is held; the rest is let go.
    Capture {
        intent: IntentId,
        amount: Money,
    },
    Cancel {
        intent: IntentId,
    },
    Read {
        intent: IntentId,
    },
    Refund {
        intent: IntentId,
        amount: Money,
        cause: RefundCause,
    },
    /// Finds the refund of this cause.
    FindRefund {
        intent: IntentId,
        cause: RefundCause,
    },
    /// Gives a dispute up.
    CloseDispute {
        dispute_id: String,
    },
}

/// One line about an effect at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub kind: ReceiptKind,
    pub state: ReceiptState,
    pub key: String,
    pub attempt: u32,
    /// What was, or will be, asked.
    pub act: Act,
    /// The provider's name for what came of it.
    pub reference: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptKind {
    Charge,
    Capture,
    Void,
    Refund,
    Dispute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptState {
    Planned,
    Sent,
    Confirmed,
    Unknown,
    Failed,
}

/// A movement of money for the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posting {
    Capture {
        amount: Money,
    },
    /// `number` counts the refunds of the cause: a later one replaces one that came to nothing.
    Refund {
        amount: Money,
        cause: RefundCause,
        number: u32,
    },
    /// A refund that had been made came back.
    RefundReturned {
        amount: Money,
        cause: RefundCause,
        number: u32,
    },
    /// Staff gave the money back otherwise.
    Settlement {
        amount: Money,
        cause: RefundCause,
    },
    DisputeOpened {
        amount: Money,
        dispute_id: String,
    },
    DisputeWon {
        amount: Money,
        dispute_id: String,
    },
    DisputeLost {
        amount: Money,
        dispute_id: String,
    },
}

impl ReceiptKind {
    pub const fn name(self) -> &'static str {
        match self {
            ReceiptKind::Charge => "charge",
            ReceiptKind::Capture => "capture",
            ReceiptKind::Void => "void",
            ReceiptKind::Refund => "refund",
            ReceiptKind::Dispute => "dispute",
        }
    }
}

impl ReceiptState {
    pub const fn name(self) -> &'static str {
        match self {
            ReceiptState::Planned => "planned",
            ReceiptState::Sent => "sent",
            ReceiptState::Confirmed => "confirmed",
            ReceiptState::Unknown => "unknown",
            ReceiptState::Failed => "failed",
        }
    }
}

impl Act {
    pub const fn name(&self) -> &'static str {
        match self {
            Act::Create { .. } => "create",
            Act::Confirm { .. } => "confirm",
            Act::Capture { .. } => "capture",
            Act::Cancel { .. } => "cancel",
            Act::Read { .. } => "read",
            Act::Refund { .. } => "refund",
            Act::FindRefund { .. } => "find_refund",
            Act::CloseDispute { .. } => "close_dispute",
        }
    }

    /// What its receipts are about; making an intent and reading move nothing and have none.
    pub const fn receipt_kind(&self) -> Option<ReceiptKind> {
        match self {
            Act::Confirm { .. } => Some(ReceiptKind::Charge),
            Act::Capture { .. } => Some(ReceiptKind::Capture),
            Act::Cancel { .. } => Some(ReceiptKind::Void),
            Act::Refund { .. } => Some(ReceiptKind::Refund),
            Act::CloseDispute { .. } => Some(ReceiptKind::Dispute),
            Act::Create { .. } | Act::Read { .. } | Act::FindRefund { .. } => None,
        }
    }

    /// The idempotency key of the act, always the same for a payment and a generation.
    pub fn key(&self, payment: PaymentId, generation: u32) -> Option<String> {
        match self {
            Act::Create { .. } | Act::Confirm { .. } | Act::Capture { .. } | Act::Cancel { .. } => {
                Some(format!("{payment}-{}-{generation}", self.name()))
            }
            Act::Refund { cause, .. } if generation == 1 => Some(format!("{payment}-refund-{cause}")),
            Act::Refund { cause, .. } => Some(format!("{payment}-refund-{cause}-{generation}")),
            Act::CloseDispute { dispute_id } => Some(format!("{payment}-close-{dispute_id}-{generation}")),
            Act::Read { .. } | Act::FindRefund { .. } => None,
        }
    }

    /// The receipt of this act in a state, if it has receipts.
    pub fn receipt(
        self,
        payment: PaymentId,
        tried: Tried,
        state: ReceiptState,
        reference: Option<String>,
    ) -> Option<Receipt> {
        let (kind, key) = (self.receipt_kind()?, self.key(payment, tried.generation)?);
        Some(Receipt { kind, state, key, attempt: tried.number, act: self, reference })
    }
}
