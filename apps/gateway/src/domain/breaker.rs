//! Leaves an operation alone for a while when it keeps failing, so that callers get an answer at once.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 10;
/// How long it stays open, and the pause between two trials.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Whether an operation is tried at all. Only 5xx and timeouts are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed {
        failures: u32,
    },
    /// One request may try after this time; a trial that never ends is followed by the next.
    Open {
        trial_at: Instant,
    },
}

impl Breaker {
    pub const fn closed() -> Breaker {
        Breaker::Closed { failures: 0 }
    }

    /// Whether a request may go on now.
    pub fn admits(&mut self, now: Instant) -> bool {
        match self {
            Breaker::Closed { .. } => true,
            Breaker::Open { trial_at } if *trial_at <= now => {
                *trial_at = now + PAUSE;
                true
            }
            Breaker::Open { .. } => false,
        }
    }

    pub fn succeeded(&mut self) {
        *self = Breaker::closed();
    }

    pub fn failed(&mut self, now: Instant) {
        *self = match self {
            Breaker::Closed { failures } if *failures + 1 < FAILURES => {
                Breaker::Closed { failures: *failures + 1 }
            }
            Breaker::Closed { .. } | Breaker::Open { .. } => Breaker::Open { trial_at: now + PAUSE },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(now: Instant) -> Breaker {
        let mut breaker = Breaker::closed();
        for _ in 0..FAILURES {
            assert!(breaker.admits(now));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::closed();
        for _ in 0..3 * FAILURES {
            breaker.failed(now);
            breaker.succeeded();
        }
        assert!(breaker.admits(now));
        assert!(!open(now).admits(now));
    }

    #[test]
    fn one_trial_goes_through_after_each_pause_until_one_succeeds() {
        let now = Instant::now();
        let mut breaker = open(now);
        assert!(!breaker.admits(now + PAUSE / 2));
        assert!(breaker.admits(now + PAUSE));
        assert!(!breaker.admits(now + PAUSE), "a second one while the trial is on");
        breaker.failed(now + PAUSE);
        assert!(!breaker.admits(now + PAUSE * 3 / 2));
        assert!(breaker.admits(now + PAUSE * 2));
        assert!(breaker.admits(now + PAUSE * 3), "the trial before was given up");
        breaker.succeeded();
        assert!(breaker.admits(now + PAUSE * 3));
        assert!(breaker.admits(now + PAUSE * 3));
    }
}
