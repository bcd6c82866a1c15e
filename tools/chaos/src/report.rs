//! What a run has shown: as data, as a page, and in a few lines.

mod chart;
mod html;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::books::Books;
use crate::breaking::Injected;
use crate::checks::{Check, Kind};
use crate::client::Tally;
use crate::clock::seconds;
use crate::journey::Outcome;
use crate::recovery::{Recovery, RoundRecovery};
use crate::schedule::Round;
use crate::watch::Sample;

/// Everything about a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub command: String,
    pub began_at: DateTime<Utc>,
    /// In milliseconds: of the run with faults, and until everything had settled after it.
    pub length: u64,
    pub settled_after: u64,
    /// Orders a minute that were sent.
    pub rate: u64,
    pub passed: bool,
    pub checks: Vec<Check>,
    pub faults: Vec<Injected>,
    pub rounds: Vec<Round>,
    pub recovery: Vec<Recovery>,
    pub round_recovery: Vec<RoundRecovery>,
    /// How many orders were taken, and how many ended, in each second.
    pub seconds: Vec<Second>,
    pub backlog: Vec<Sample>,
    pub answers: Tally,
    pub books: Option<Books>,
    pub orders: Vec<Outcome>,
}

/// What happened in one second of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Second {
    pub sent: u32,
    pub taken: u32,
    pub ended: u32,
}

impl Report {
    /// Whether everything held that holds on any machine, however slow.
    pub fn held(&self) -> bool {
        self.checks.iter().all(|check| check.passed() || check.kind == Kind::Timed)
    }

    /// How many faults there were of each kind.
    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for fault in &self.faults {
            *kinds.entry(fault.planned.fault.kind()).or_default() += 1;
        }
        kinds
    }

    /// How many orders ended how; those that were not taken or have not ended by that name.
    pub fn ends(&self) -> BTreeMap<&str, usize> {
        let mut ends = BTreeMap::new();
        for outcome in &self.orders {
            let end = match (&outcome.id, &outcome.shown) {
                (None, _) => "not taken",
                (Some(_), None) => "missing",
                (Some(_), Some(order)) => order.status.as_str(),
            };
            *ends.entry(end).or_default() += 1;
        }
        ends
    }

    /// The longest recovery of a round, and the longest time until nothing waited; none where one never came.
    pub fn longest(&self) -> (Option<u64>, Option<u64>) {
        let longest = |of: fn(&RoundRecovery) -> Option<u64>| {
            let times: Option<Vec<u64>> = self.round_recovery.iter().map(of).collect();
            times.and_then(|times| times.into_iter().max())
        };
        (longest(|round| round.rate), longest(|round| round.drained))
    }

    /// Writes both files into the folder, and gives the page's path.
    pub fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let page = folder.join(format!("report-{}.html", self.seed));
        let data = folder.join(format!("report-{}.json", self.seed));
        std::fs::write(&data, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", data.display()))?;
        std::fs::write(&page, html::page(self))
            .with_context(|| format!("cannot write {}", page.display()))?;
        Ok(page)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |counts: &BTreeMap<&str, usize>| {
            let words: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            words.join(", ")
        };
        let time = |time: Option<u64>| time.map_or_else(|| "never".to_owned(), seconds);
        let (rate, drained) = self.longest();
        writeln!(formatter, "seed {}: {} faults in {}", self.seed, self.faults.len(), seconds(self.length))?;
        writeln!(formatter, "  faults    {}", counted(&self.kinds()))?;
        writeln!(formatter, "  orders    {}: {}", self.orders.len(), counted(&self.ends()))?;
        writeln!(
            formatter,
            "  longest   95 % of the rate back after {}, backlog drained after {}",
            time(rate),
            time(drained)
        )?;
        for check in &self.checks {
            let mark = if check.passed() { "ok" } else { "FAILED" };
            writeln!(formatter, "  {mark:<9} {} ({})", check.name, check.looked_at)?;
            for finding in &check.findings {
                writeln!(formatter, "            {finding}")?;
            }
            if check.failed > check.findings.len() {
                writeln!(formatter, "            and {} more", check.failed - check.findings.len())?;
            }
        }
        Ok(())
    }
}
