//! Money that goes back: one refund for each cause.

use contracts::Money;

use super::Attempt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub amount: Money,
    /// Which idempotency key it goes under, from 1; staff's wish to try again needs a new one.
    pub generation: u32,
    /// How often it was planned before what is in hand.
    pub tried: u32,
    /// The provider's names of refunds for this cause that came to nothing, which is final.
    pub failed: Vec<String>,
    pub stage: RefundStage,
}

/// How far a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundStage {
    /// Nothing is captured yet, or the customer's bank disputes the charge.
    Waiting,
    InHand {
        attempt: Attempt,
    },
    Made {
        /// The provider's name for it.
        reference: String,
    },
    /// Staff have to decide.
    Failed {
        why: RefundFailure,
    },
    /// Staff gave the money back otherwise.
    Settled,
    /// Nothing was captured, so nothing goes back.
    Moot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundFailure {
    /// More than is left of what was captured; never sent.
    Exceeds,
    /// The provider does not make it.
    NotMade,
    /// The provider has made it, and it came to nothing.
    Returned,
}

impl Refund {
    pub fn new(amount: Money) -> Refund {
        Refund { amount, generation: 1, tried: 0, failed: Vec::new(), stage: RefundStage::Waiting }
    }

    pub fn attempt(&self) -> Option<Attempt> {
        match &self.stage {
            RefundStage::InHand { attempt } => Some(*attempt),
            RefundStage::Waiting
            | RefundStage::Made { .. }
            | RefundStage::Failed { .. }
            | RefundStage::Settled
            | RefundStage::Moot => None,
        }
    }

    /// Which refund of its cause the money moves by, from 1: a later one replaces one that came to nothing.
    pub fn number(&self) -> u32 {
        u32::try_from(self.failed.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// What it takes from what was captured, or may yet take.
    pub fn claim(&self) -> i64 {
        match &self.stage {
            RefundStage::InHand { .. } | RefundStage::Made { .. } | RefundStage::Settled => {
                self.amount.amount()
            }
            RefundStage::Failed { why: RefundFailure::NotMade | RefundFailure::Returned } => {
                self.amount.amount()
            }
            RefundStage::Failed { why: RefundFailure::Exceeds }
            | RefundStage::Waiting
            | RefundStage::Moot => 0,
        }
    }

    /// Whether it is still to be made, without anybody's help.
    pub fn open(&self) -> bool {
        match &self.stage {
            RefundStage::Waiting | RefundStage::InHand { .. } => true,
            RefundStage::Made { .. }
            | RefundStage::Failed { .. }
            | RefundStage::Settled
            | RefundStage::Moot => false,
        }
    }
}

impl RefundStage {
    pub const fn name(&self) -> &'static str {
        match self {
            RefundStage::Waiting => "waiting",
            RefundStage::InHand { .. } => "in_hand",
            RefundStage::Made { .. } => "made",
            RefundStage::Failed { .. } => "failed",
            RefundStage::Settled => "settled",
            RefundStage::Moot => "moot",
        }
    }
}

impl RefundFailure {
    pub const ALL: [RefundFailure; 3] =
        [RefundFailure::Exceeds, RefundFailure::NotMade, RefundFailure::Returned];

    pub const fn name(self) -> &'static str {
        match self {
            RefundFailure::Exceeds => "exceeds_captured",
            RefundFailure::NotMade => "not_made",
            RefundFailure::Returned => "returned",
        }
    }
}
