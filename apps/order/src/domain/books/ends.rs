//! Statement 2: Every order that was taken exists, and ends by its deadline plus one sweep, not counting the time in
//! which `order` or its database was away.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::{Awake, Case, Ended};
use super::{Finding, SWEEP, Statement, Violation};

pub(super) fn check(case: &Case, awake: &[Awake], now: DateTime<Utc>) -> Vec<Finding> {
    let order = &case.order;
    let first_end = order.decided.iter().find(|decided| Ended::said_by(&decided.event_type).is_some());
    let (what, ended_at) = match (order.end, first_end) {
        (None, _) => ("the order has not ended", now),
        (Some(_), Some(decided)) => ("the order ended late", decided.at),
        // Its end was never said: that is for another statement.
        (Some(_), None) => return Vec::new(),
    };
    let late = present(awake, order.deadline, ended_at);
    if late <= SWEEP {
        return Vec::new();
    }
    let by = order.deadline + SWEEP;
    let violation =
        Violation::of(Statement::Ends, what).order(order.order_id).expected(format!("an end by {by}"));
    vec![violation.found(format!("{} s after the deadline, without absences", late.num_seconds())).at_once()]
}

/// How much of the span `order` was there for; before the first word of it nothing is known, and nothing counts.
fn present(awake: &[Awake], from: DateTime<Utc>, until: DateTime<Utc>) -> TimeDelta {
    awake
        .iter()
        .map(|span| (span.until.min(until) - span.from.max(from)).max(TimeDelta::zero()))
        .fold(TimeDelta::zero(), |sum, part| sum + part)
}
