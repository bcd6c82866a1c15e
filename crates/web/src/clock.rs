//! Where the time comes from. Decisions never read it; edges pass it in.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The machine's clock, or one that a test moves.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Fixed(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    pub fn fixed(now: DateTime<Utc>) -> Clock {
        Clock::Fixed(Arc::new(Mutex::new(now)))
    }

    /// The time, to the microsecond, which is what PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => Utc::now().trunc_subsecs(6),
            Clock::Fixed(now) => *now.lock().expect("invariant: nothing panics while it holds this lock"),
        }
    }

    /// Moves a fixed clock; the machine's own cannot be moved.
    pub fn advance(&self, by: TimeDelta) {
        if let Clock::Fixed(now) = self {
            *now.lock().expect("invariant: nothing panics while it holds this lock") += by;
        }
    }
}
