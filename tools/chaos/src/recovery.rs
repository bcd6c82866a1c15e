//! How long it took after each fault until orders went through as before, and until nothing waited any more.

use serde::Serialize;

use crate::breaking::Injected;
use crate::clock::milliseconds;
use crate::schedule::Round;
use crate::watch::Sample;

/// Rates are counted over so long.
const WINDOW: u64 = 5_000;
/// The rate before a round is that of so long before its first fault.
const BEFORE: u64 = 10_000;
const STEP: u64 = 250;
/// Goals, from a fault's end.
pub const LONGEST_RECOVERY: u64 = 30_000;
pub const LONGEST_DRAIN: u64 = 60_000;

/// What was measured after one fault, in milliseconds from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovery {
    pub fault: usize,
    /// Until 95 % of the rate before was back; none when the run ended before.
    pub rate: Option<u64>,
    /// Until no event waited to be published.
    pub drained: Option<u64>,
    /// Whether other faults were at work between this one's end and the recovery, so that it says little of this one.
    pub overlapped: bool,
}

/// What was measured after the last fault of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RoundRecovery {
    pub round: usize,
    pub faults: usize,
    /// Orders in the ten seconds before.
    pub before: usize,
    pub rate: Option<u64>,
    pub drained: Option<u64>,
}

/// Everything that is counted, in milliseconds of the run.
pub struct Measured<'a> {
    /// When each ordinary order was confirmed, in order.
    pub ends: &'a [u64],
    pub samples: &'a [Sample],
    pub faults: &'a [Injected],
    pub rounds: &'a [Round],
}

impl Measured<'_> {
    pub fn of_faults(&self) -> Vec<Recovery> {
        self.faults.iter().map(|fault| self.of_fault(fault)).collect()
    }

    fn of_fault(&self, fault: &Injected) -> Recovery {
        let before = self.rounds.get(fault.planned.round).map_or(0, |round| self.before(*round));
        let back = self.back(fault.ended, before);
        let until = back.unwrap_or(u64::MAX).saturating_add(WINDOW);
        let overlapped = self.faults.iter().any(|other| {
            other.planned.number != fault.planned.number && other.ended > fault.ended && other.began < until
        });
        Recovery {
            fault: fault.planned.number,
            rate: back.map(|at| at - fault.ended),
            drained: self.drained(fault.ended).map(|at| at - fault.ended),
            overlapped,
        }
    }

    pub fn of_rounds(&self) -> Vec<RoundRecovery> {
        self.rounds.iter().enumerate().map(|(number, round)| self.of_round(number, *round)).collect()
    }

    fn of_round(&self, number: usize, round: Round) -> RoundRecovery {
        let own = || self.faults.iter().filter(|fault| fault.planned.round == number);
        let end = own().map(|fault| fault.ended).max().unwrap_or(milliseconds(round.until));
        let before = self.before(round);
        RoundRecovery {
            round: number + 1,
            faults: own().count(),
            before,
            rate: self.back(end, before).map(|at| at - end),
            drained: self.drained(end).map(|at| at - end),
        }
    }

    /// Orders in the time before a round.
    fn before(&self, round: Round) -> usize {
        let from = milliseconds(round.from);
        self.count(from.saturating_sub(BEFORE), from)
    }

    /// When the rate was back first, at or after `end`. Orders are whole: one that falls into the next window is not
    /// missing.
    fn back(&self, end: u64, before: usize) -> Option<u64> {
        let last = *self.ends.last()?;
        let wanted = before * 95;
        let per_window = |count: usize| (count + 1) * 100 * share(BEFORE, WINDOW);
        (0..)
            .map(|step| end + step * STEP)
            .take_while(|at| *at <= last)
            .find(|at| per_window(self.count(*at, at + WINDOW)) >= wanted)
    }

    fn drained(&self, end: u64) -> Option<u64> {
        let found = self.samples.iter().find(|sample| sample.at >= end && sample.waiting == Some(0));
        found.map(|sample| sample.at)
    }

    fn count(&self, from: u64, until: u64) -> usize {
        let index = |at: u64| self.ends.partition_point(|end| *end < at);
        index(until) - index(from)
    }
}

fn share(whole: u64, part: u64) -> usize {
    usize::try_from(whole / part).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::schedule::Planned;
    use std::time::Duration;

    fn fault(number: usize, began: u64, ended: u64) -> Injected {
        let planned = Planned {
            number,
            round: 0,
            at: Duration::from_millis(began),
            lasts: Duration::from_millis(ended - began),
            fault: Fault::Kill { part: "order".into() },
        };
        Injected { planned, began, ended, trouble: None }
    }

    #[test]
    fn recovery_is_counted_from_a_faults_end_to_the_old_rate() {
        // Ten orders a second, none between the fault's beginning and five seconds after its end.
        let ends: Vec<u64> = (0..600).map(|n| n * 100).filter(|at| !(20_000..35_000).contains(at)).collect();
        let samples: Vec<Sample> = (0..60)
            .map(|second| Sample { at: second * 1_000, waiting: Some(i64::from((20..40).contains(&second))) })
            .collect();
        let rounds = [Round { from: Duration::from_secs(20), until: Duration::from_secs(30) }];
        let faults = [fault(1, 20_000, 30_000)];
        let measured = Measured { ends: &ends, samples: &samples, faults: &faults, rounds: &rounds };
        let recovery = measured.of_faults()[0];
        // The first window that holds 47 of 50 orders begins a little before the first of them.
        assert_eq!(
            (recovery.rate, recovery.drained, recovery.overlapped),
            (Some(4_750), Some(10_000), false)
        );
        assert_eq!(measured.of_rounds()[0].before, 100);
    }

    #[test]
    fn what_never_came_back_has_no_time() {
        let ends: Vec<u64> = (0..200).map(|n| n * 100).collect();
        let samples = [Sample { at: 0, waiting: Some(0) }, Sample { at: 40_000, waiting: None }];
        let rounds = [Round { from: Duration::from_secs(15), until: Duration::from_secs(25) }];
        let faults = [fault(1, 20_000, 25_000), fault(2, 21_000, 26_000)];
        let measured = Measured { ends: &ends, samples: &samples, faults: &faults, rounds: &rounds };
        assert_eq!(measured.of_rounds()[0].rate, None);
        assert_eq!(measured.of_faults()[0].drained, None);
        assert!(measured.of_faults()[0].overlapped && !measured.of_faults()[1].overlapped);
    }
}
