//! How far the one charge of an order is.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Money, Refusal};

use super::IntentId;

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
    /// The intent is being cancelled.
    Cancelling {
        intent: IntentId,
        /// What is said when no charge can follow, unless the order has ended by then.
        refusal: Option<Refusal>,
        /// The charge whose outcome is not known.
        doubted: Option<Tried>,
        attempt: Attempt,
    },
    /// The money is held; its capture waits for shipping.
    Authorised {
        intent: IntentId,
        amount: Money,
    },
    /// There was nothing to pay.
    Free,
    Captured {
        intent: IntentId,
        amount: Money,
    },
    /// What was captured is going back.
    Refunding {
        intent: IntentId,
        amount: Money,
        attempt: Attempt,
    },
    Refunded {
        intent: IntentId,
        amount: Money,
    },
    /// The provider keeps refusing; a person has to act.
    RefundFailed {
        intent: IntentId,
        amount: Money,
    },
    /// No charge can follow.
    Closed {
        intent: Option<IntentId>,
    },
}

/// An act in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How often it was planned, from 1.
    pub number: u32,
    /// Which idempotency key it goes under, from 1.
    pub generation: u32,
    pub step: Step,
    /// When to go on: with the next step or, while an answer is awaited, without one.
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Written down, not sent.
    Planned,
    /// On its way.
    Sent,
    /// Its outcome is unknown; the provider is to be asked.
    Doubtful(Doubt),
    /// The provider is being asked.
    Asked(Doubt),
}

/// Why an outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No answer: too slow, hung up, out of reach, or we were not there to hear it.
    Silence,
    /// A failure on the provider's side, or an answer that cannot be read.
    ServerError,
    /// The failure that is stored under the key: it will come back for ever.
    StoredError,
    /// Refused in the state that the provider sees.
    Refused,
}

/// A charge that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    pub number: u32,
    pub generation: u32,
}

impl Charge {
    /// The act in hand, if there is one.
    pub fn attempt(&self) -> Option<Attempt> {
        match self {
            Charge::Creating { attempt }
            | Charge::Confirming { attempt, .. }
            | Charge::Cancelling { attempt, .. }
            | Charge::Refunding { attempt, .. } => Some(*attempt),
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => None,
        }
    }

    /// The same charge with its act at another step.
    pub fn with(mut self, new: Attempt) -> Charge {
        match &mut self {
            Charge::Creating { attempt }
            | Charge::Confirming { attempt, .. }
            | Charge::Cancelling { attempt, .. }
            | Charge::Refunding { attempt, .. } => *attempt = new,
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => {}
        }
        self
    }

    /// The one intent that this order is charged through, once it is known.
    pub fn intent(&self) -> Option<&IntentId> {
        match self {
            Charge::Waiting | Charge::Creating { .. } | Charge::Free => None,
            Charge::Confirming { intent, .. }
            | Charge::Cancelling { intent, .. }
            | Charge::Authorised { intent, .. }
            | Charge::Captured { intent, .. }
            | Charge::Refunding { intent, .. }
            | Charge::Refunded { intent, .. }
            | Charge::RefundFailed { intent, .. } => Some(intent),
            Charge::Closed { intent } => intent.as_ref(),
        }
    }

    /// Whether money may still move by something that was begun.
    pub fn open(&self) -> bool {
        match self {
            Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Refunding { .. } => true,
            Charge::Waiting
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => false,
        }
    }

    /// Whether it is not known what became of an act.
    pub fn unknown(&self) -> bool {
        self.attempt().is_some_and(|attempt| match attempt.step {
            Step::Doubtful(_) | Step::Asked(_) => true,
            Step::Planned | Step::Sent => false,
        })
    }
}

impl Attempt {
    pub fn first(now: DateTime<Utc>) -> Attempt {
        Attempt { number: 1, generation: 1, step: Step::Planned, at: now }
    }

    /// The act once more. Under its key the provider does it at most once, unless the answer stored there is a
    /// failure; then only a new key gets through.
    pub fn again(self, at: DateTime<Utc>) -> Attempt {
        Attempt { number: self.number + 1, step: Step::Planned, at, ..self }
    }

    /// The act under a new key from now on.
    pub fn under_new_key(self) -> Attempt {
        Attempt { generation: self.generation + 1, ..self }
    }

    /// Whether nothing of it is on its way.
    pub fn idle(self) -> bool {
        match self.step {
            Step::Planned | Step::Doubtful(_) => true,
            Step::Sent | Step::Asked(_) => false,
        }
    }

    /// The charge that was sent and of which nothing is known, if one was.
    pub fn doubted(self) -> Option<Tried> {
        match self.step {
            Step::Planned if self.number == 1 => None,
            Step::Planned => Some(Tried { number: self.number - 1, generation: self.generation }),
            Step::Sent | Step::Doubtful(_) | Step::Asked(_) => {
                Some(Tried { number: self.number, generation: self.generation })
            }
        }
    }
}

/// How long to wait before the provider is troubled again, by how often it was asked for this order so far.
pub fn pause(calls: u32) -> TimeDelta {
    let doublings = calls.saturating_sub(2).min(6);
    TimeDelta::milliseconds(250 << doublings)
}
