//! An act in hand at the provider, and how sure we are of what came of it.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::Money;

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
    /// On its way, in the call with this ticket.
    Sent { ticket: u32 },
    /// Its outcome is unknown; the provider is to be asked.
    Doubtful(Doubt),
    /// The provider is being asked, in the call with this ticket.
    Asked { ticket: u32, doubt: Doubt },
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

/// An attempt that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    pub number: u32,
    pub generation: u32,
}

/// What was tried, and may still come about, when it was decided to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubted {
    Charge(Tried),
    Capture { amount: Money, tried: Tried },
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
            Step::Sent { .. } | Step::Asked { .. } => false,
        }
    }

    /// Whether the answer to this call is awaited.
    pub fn awaits(self, call: u32) -> bool {
        match self.step {
            Step::Sent { ticket } | Step::Asked { ticket, .. } => ticket == call,
            Step::Planned | Step::Doubtful(_) => false,
        }
    }

    /// Whether it is not known what became of it.
    pub fn unknown(self) -> bool {
        match self.step {
            Step::Doubtful(_) | Step::Asked { .. } => true,
            Step::Planned | Step::Sent { .. } => false,
        }
    }

    /// What was sent and of which nothing is known, if anything was.
    pub fn doubted(self) -> Option<Tried> {
        match self.step {
            Step::Planned if self.number == 1 => None,
            Step::Planned => Some(Tried { number: self.number - 1, generation: self.generation }),
            Step::Sent { .. } | Step::Doubtful(_) | Step::Asked { .. } => Some(self.into()),
        }
    }
}

impl From<Attempt> for Tried {
    fn from(attempt: Attempt) -> Tried {
        Tried { number: attempt.number, generation: attempt.generation }
    }
}

/// How long to wait before the provider is troubled again, by how often it was asked for this order so far.
pub fn pause(calls: u32) -> TimeDelta {
    let doublings = calls.saturating_sub(2).min(6);
    TimeDelta::milliseconds(250 << doublings)
}
