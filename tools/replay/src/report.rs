//! What a replay came to, as data; `table.rs` shows it to people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::Options;
use crate::checks::{self, Check, CheckResult};
use crate::client::Pauses;
use crate::latency::{self, Latency};
use crate::orders::{End, Ended, Outcome, Placed};
use crate::sales::{Sales, Unreadable};

/// The result of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub file: String,
    pub gateway: String,
    pub concurrency: usize,
    pub products: usize,
    pub users: usize,
    /// All that are not cancellations.
    pub invoices: usize,
    /// Invoices that are, and were left out.
    pub cancellations: usize,
    pub unreadable: Vec<Unreadable>,
    pub orders: Orders,
    pub expected_pence: i64,
    pub confirmed_pence: i64,
    pub phases: Phases,
    /// Confirmed orders that this run placed ÷ the phases orders and waiting.
    pub confirmed_per_second: Option<String>,
    /// From POST to confirmed for what this run placed, by the service's `placed_at` and `ended_at`.
    pub latency_by_service: Option<Latency>,
    /// The same from sending the POST to having read `confirmed`, waits for the rate limit included.
    pub latency_observed: Option<Latency>,
    pub pauses: Pauses,
    pub checks: Vec<Check>,
}

/// How many invoices went which way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Answered with 201, by this run or an earlier one.
    pub placed: usize,
    /// Of these, by an earlier run.
    pub placed_before: usize,
    pub confirmed: usize,
    pub expired: usize,
    pub cancelled: usize,
    /// Had not ended when this run stopped waiting.
    pub open: usize,
    /// After they were placed, by reason.
    pub rejected: BTreeMap<String, usize>,
    /// Not placed, by problem.
    pub refused: BTreeMap<String, usize>,
    /// Without an answer that could be used.
    pub failed: usize,
}

/// How long each part took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Phases {
    #[serde(rename = "import_ms", serialize_with = "milliseconds")]
    pub import: Duration,
    #[serde(rename = "registration_ms", serialize_with = "milliseconds")]
    pub registration: Duration,
    /// From the first POST to the last answer to one.
    #[serde(rename = "orders_ms", serialize_with = "milliseconds")]
    pub orders: Duration,
    /// From there to the last order's end.
    #[serde(rename = "waiting_ms", serialize_with = "milliseconds")]
    pub waiting: Duration,
    #[serde(rename = "checks_ms", serialize_with = "milliseconds")]
    pub checks: Duration,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        sales: &Sales,
        outcomes: &BTreeMap<String, Outcome>,
        phases: Phases,
        pauses: Pauses,
        checks: Vec<Check>,
    ) -> Report {
        let fresh: Vec<&Ended> = outcomes.values().filter_map(freshly_confirmed).collect();
        Report {
            file: options.source.name(),
            gateway: options.gateway.clone(),
            concurrency: options.concurrency,
            products: sales.products.len(),
            users: sales.buyers().len(),
            invoices: sales.invoices.len(),
            cancellations: sales.cancellations,
            unreadable: sales.unreadable.clone(),
            orders: Orders::count(outcomes),
            expected_pence: sales.total(),
            confirmed_pence: checks::confirmed_total(outcomes),
            phases,
            confirmed_per_second: (!fresh.is_empty())
                .then(|| latency::per_second(fresh.len(), phases.orders + phases.waiting))
                .flatten(),
            latency_by_service: Latency::of(fresh.iter().filter_map(|ended| ended.by_service).collect()),
            latency_observed: Latency::of(fresh.iter().map(|ended| ended.observed).collect()),
            pauses,
            checks,
        }
    }

    /// Every check holds.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.result == CheckResult::Fails)
    }
}

impl Orders {
    fn count(outcomes: &BTreeMap<String, Outcome>) -> Orders {
        let mut orders = Orders::default();
        for outcome in outcomes.values() {
            match outcome {
                Outcome::Ended(ended) => orders.count_ended(ended),
                Outcome::Open(_) => {
                    orders.placed += 1;
                    orders.open += 1;
                }
                Outcome::Refused { problem, .. } => *orders.refused.entry(problem.clone()).or_default() += 1,
                Outcome::Failed(_) => orders.failed += 1,
            }
        }
        orders
    }

    fn count_ended(&mut self, ended: &Ended) {
        self.placed += 1;
        match ended.placed {
            Placed::Now => {}
            Placed::Before => self.placed_before += 1,
        }
        match &ended.end {
            End::Confirmed => self.confirmed += 1,
            End::Rejected { reason } => *self.rejected.entry(reason.clone()).or_default() += 1,
            End::Expired => self.expired += 1,
            End::Cancelled => self.cancelled += 1,
        }
    }
}

fn freshly_confirmed(outcome: &Outcome) -> Option<&Ended> {
    match outcome {
        Outcome::Ended(ended) => {
            (ended.end == End::Confirmed && ended.placed == Placed::Now).then_some(ended)
        }
        Outcome::Open(_) | Outcome::Refused { .. } | Outcome::Failed(_) => None,
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(latency::milliseconds(*duration))
}
