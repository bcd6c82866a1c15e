//! Durations and their ratios, in whole numbers.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The middle and the worst hundredth of some durations, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub count: usize,
    pub p50_ns: u64,
    pub p99_ns: u64,
}

/// How many hundredths of one figure another is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Percent(pub u64);

impl Spread {
    /// By nearest rank; none of nothing.
    pub fn of(mut durations: Vec<Duration>) -> Option<Spread> {
        durations.sort_unstable();
        let rank = |percent: usize| (durations.len() * percent).div_ceil(100).checked_sub(1);
        Some(Spread {
            count: durations.len(),
            p50_ns: nanoseconds(durations[rank(50)?]),
            p99_ns: nanoseconds(durations[rank(99)?]),
        })
    }

    /// What is added to `base`, at both points.
    pub fn over(self, base: Spread) -> [u64; 2] {
        [self.p50_ns.saturating_sub(base.p50_ns), self.p99_ns.saturating_sub(base.p99_ns)]
    }
}

impl Percent {
    /// None when there is nothing to compare with.
    pub fn of(part: u64, whole: u64) -> Option<Percent> {
        let percent = (u128::from(part) * 100).checked_div(u128::from(whole))?;
        u64::try_from(percent).ok().map(Percent)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02} ×", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "p50 {}, p99 {} of {}",
            milliseconds(self.p50_ns),
            milliseconds(self.p99_ns),
            self.count
        )
    }
}

/// E.g. `1.234 ms`.
pub fn milliseconds(nanoseconds: u64) -> String {
    let micros = nanoseconds / 1_000;
    format!("{}.{:03} ms", micros / 1_000, micros % 1_000)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_nanos).collect()).unwrap();
        assert_eq!(spread, Spread { count: 200, p50_ns: 100, p99_ns: 198 });
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn what_is_added_is_compared_in_hundredths() {
        let spread = |p50_ns, p99_ns| Spread { count: 1, p50_ns, p99_ns };
        let [bare, ours] = [spread(900, 3_000), spread(1_030, 3_500)].map(|one| one.over(spread(100, 1_000)));
        assert_eq!((bare, ours), ([800, 2_000], [930, 2_500]));
        assert_eq!(Percent::of(ours[0], bare[0]), Some(Percent(116)));
        assert_eq!(Percent(116).to_string(), "1.16 ×");
        assert_eq!(Percent::of(1, 0), None);
        assert_eq!(milliseconds(1_234_567), "1.234 ms");
    }
}
