//! How long things took, by whole numbers.

use std::time::Duration;

use serde::Serialize;

/// The middle and the worst hundredth of some durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    pub orders: usize,
    pub p50_ms: u64,
    pub p99_ms: u64,
}

impl Latency {
    /// By nearest rank; none of nothing.
    pub fn of(mut durations: Vec<Duration>) -> Option<Latency> {
        durations.sort_unstable();
        let rank = |percent: usize| (durations.len() * percent).div_ceil(100).checked_sub(1);
        Some(Latency {
            orders: durations.len(),
            p50_ms: milliseconds(durations[rank(50)?]),
            p99_ms: milliseconds(durations[rank(99)?]),
        })
    }
}

pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds with one digit, e.g. `12.3 s`.
pub fn seconds(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// How many a second, with two digits; none of no time at all.
pub fn per_second(count: usize, time: Duration) -> Option<String> {
    let hundredths = (count as u128 * 100_000).checked_div(time.as_millis())?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let latency = Latency::of((1..=200).rev().map(Duration::from_millis).collect()).unwrap();
        assert_eq!(latency, Latency { orders: 200, p50_ms: 100, p99_ms: 198 });
        let one = Latency::of(vec![Duration::from_millis(7)]).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms), (7, 7));
        assert_eq!(Latency::of(Vec::new()), None);
    }

    #[test]
    fn times_and_rates_are_shown_without_floats() {
        assert_eq!(seconds(Duration::from_millis(12_345)), "12.3 s");
        assert_eq!(per_second(392, Duration::from_secs(20)).as_deref(), Some("19.60"));
        assert_eq!(per_second(1, Duration::ZERO), None);
    }
}
