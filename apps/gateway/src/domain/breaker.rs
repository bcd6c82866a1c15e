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

/// How a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    Regularly,
    /// Everybody else waits for what becomes of it.
    OnTrial,
}

impl Breaker {
    pub const fn closed() -> Breaker {
        Breaker::Closed { failures: 0 }
    }

    /// Whether a request may go on now.
    pub fn admits(&mut self, now: Instant) -> Option<Admitted> {
        match self {
            Breaker::Closed { .. } => Some(Admitted::Regularly),
            Breaker::Open { trial_at } if *trial_at <= now => {
                *trial_at = now + PAUSE;
                Some(Admitted::OnTrial)
            }
            Breaker::Open { .. } => None,
        }
    }

    /// A trial has ended without telling anything: its client has gone. The next may try at once.
    pub fn trial_lost(&mut self, now: Instant) {
        if let Breaker::Open { trial_at } = self {
            *trial_at = now;
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
            assert_eq!(breaker.admits(now), Some(Admitted::Regularly));
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
        assert_eq!(breaker.admits(now), Some(Admitted::Regularly));
        assert_eq!(open(now).admits(now), None);
    }

    #[test]
    fn one_trial_goes_through_after_each_pause_until_one_succeeds() {
        let now = Instant::now();
        let mut breaker = open(now);
        assert_eq!(breaker.admits(now + PAUSE / 2), None);
        assert_eq!(breaker.admits(now + PAUSE), Some(Admitted::OnTrial));
        assert_eq!(breaker.admits(now + PAUSE), None, "a second one while the trial is on");
        breaker.failed(now + PAUSE);
        assert_eq!(breaker.admits(now + PAUSE * 3 / 2), None);
        assert_eq!(breaker.admits(now + PAUSE * 2), Some(Admitted::OnTrial));
        assert_eq!(breaker.admits(now + PAUSE * 3), Some(Admitted::OnTrial), "the trial before was given up");
        breaker.succeeded();
        assert_eq!(breaker.admits(now + PAUSE * 3), Some(Admitted::Regularly));
        assert_eq!(breaker.admits(now + PAUSE * 3), Some(Admitted::Regularly));
    }

    #[test]
    fn a_trial_that_told_nothing_is_followed_by_the_next_at_once() {
        let now = Instant::now();
        let mut breaker = open(now);
        assert_eq!(breaker.admits(now + PAUSE), Some(Admitted::OnTrial));
        breaker.trial_lost(now + PAUSE);
        assert_eq!(breaker.admits(now + PAUSE), Some(Admitted::OnTrial));
        breaker.succeeded();
        breaker.trial_lost(now + PAUSE);
        assert_eq!(breaker, Breaker::closed());
    }
}
