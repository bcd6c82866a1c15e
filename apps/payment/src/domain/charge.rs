//! How far the one charge of an order is.

use contracts::{Money, Refusal};

use super::{Attempt, Doubted, IntentId, Tried};

/// Each state with exactly what is known in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// Nothing was asked of the provider.
    Waiting,
    /// The intent is being made, which moves no money.
    Creating {
        attempt: Attempt,
    },
    /// The intent is being confirmed, which moves the money.
    Confirming {
        intent: IntentId,
        attempt: Attempt,
    },
    /// The customer has to confirm with their bank. The attempt is the next look at the intent.
    ActionRequired {
        intent: IntentId,
        /// Where the customer does that.
        url: Option<String>,
        /// The charge that waits for it.
        tried: Tried,
        attempt: Attempt,
    },
    /// The intent is being cancelled.
    Cancelling {
        intent: IntentId,
        /// What is said when no charge can follow, unless the order has ended by then; none where it had, or
        /// where nothing was left to capture.
        refusal: Option<Refusal>,
        /// What may still have come about.
        doubted: Option<Doubted>,
        attempt: Attempt,
    },
    /// The money is held; its capture waits for shipping.
    Authorised {
        intent: IntentId,
        amount: Money,
    },
    /// What is held is being captured, in the amount that was asked for.
    Capturing {
        intent: IntentId,
        amount: Money,
        round: u32,
        /// The provider's reason, where it has refused; that is believed once the intent was read.
        refused: Option<String>,
        attempt: Attempt,
    },
    /// Nothing can be captured as it is; staff decide.
    Due {
        intent: IntentId,
        amount: Money,
        /// The round that has failed; 0 where none was asked for yet.
        round: u32,
        /// The last key that a capture went under; 0 where none was sent.
        generation: u32,
        reason: DueReason,
    },
    /// There was nothing to pay, or nothing left to capture.
    Free {
        intent: Option<IntentId>,
    },
    Captured {
        intent: IntentId,
        amount: Money,
    },
    /// No charge can follow.
    Closed {
        intent: Option<IntentId>,
    },
}

/// Why a capture is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueReason {
    /// The provider has let go of what was held; no capture can follow.
    Lapsed,
    /// The capture was refused.
    Refused { code: String },
}

impl DueReason {
    const LAPSED: &str = "authorisation_lapsed";

    /// The code that staff see.
    pub fn code(&self) -> &str {
        match self {
            DueReason::Lapsed => DueReason::LAPSED,
            DueReason::Refused { code } => code,
        }
    }

    pub fn from_code(code: String) -> DueReason {
        if code == DueReason::LAPSED { DueReason::Lapsed } else { DueReason::Refused { code } }
    }
}

impl Charge {
    /// The act in hand, if there is one.
    pub fn attempt(&self) -> Option<Attempt> {
        match self {
            Charge::Creating { attempt }
            | Charge::Confirming { attempt, .. }
            | Charge::ActionRequired { attempt, .. }
            | Charge::Cancelling { attempt, .. }
            | Charge::Capturing { attempt, .. } => Some(*attempt),
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => None,
        }
    }

    /// Puts the act in hand at another step.
    pub fn set_attempt(&mut self, new: Attempt) {
        match self {
            Charge::Creating { attempt }
            | Charge::Confirming { attempt, .. }
            | Charge::ActionRequired { attempt, .. }
            | Charge::Cancelling { attempt, .. }
            | Charge::Capturing { attempt, .. } => *attempt = new,
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => {}
        }
    }

    /// The one intent that this order is charged through, once it is known.
    pub fn intent(&self) -> Option<&IntentId> {
        match self {
            Charge::Waiting | Charge::Creating { .. } => None,
            Charge::Confirming { intent, .. }
            | Charge::ActionRequired { intent, .. }
            | Charge::Cancelling { intent, .. }
            | Charge::Authorised { intent, .. }
            | Charge::Capturing { intent, .. }
            | Charge::Due { intent, .. }
            | Charge::Captured { intent, .. } => Some(intent),
            Charge::Free { intent } | Charge::Closed { intent } => intent.as_ref(),
        }
    }

    /// Whether money may still move by something that was begun.
    pub fn open(&self) -> bool {
        match self {
            Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Capturing { .. }
            | Charge::Due { .. } => true,
            Charge::Waiting | Charge::Free { .. } | Charge::Captured { .. } | Charge::Closed { .. } => false,
        }
    }

    /// Whether it is not known what became of an act. Looking at what the customer does is no doubt.
    pub fn unknown(&self) -> bool {
        self.attempt().is_some_and(Attempt::unknown)
    }
}
