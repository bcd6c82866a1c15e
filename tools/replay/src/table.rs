//! The report as a table on a terminal.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use crate::checks::CheckResult;
use crate::latency::{Latency, seconds};
use crate::price::{self, thousands};
use crate::report::Report;

/// How many unreadable lines are shown; the JSON result has all.
const UNREADABLE_SHOWN: usize = 20;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        writeln!(out, "{} through {}, {} at once", self.file, self.gateway, self.concurrency)?;
        self.fmt_unreadable(out)?;
        writeln!(out)?;
        self.fmt_counts(out)?;
        writeln!(out)?;
        self.fmt_times(out)?;
        writeln!(out)?;
        for check in &self.checks {
            let mark = match check.result {
                CheckResult::Holds => "ok   ",
                CheckResult::Fails => "FAILS",
            };
            writeln!(out, "  {mark}  {}: {}", check.name, check.finding)?;
        }
        Ok(())
    }
}

impl Report {
    fn fmt_unreadable(&self, out: &mut Formatter<'_>) -> Result {
        for unreadable in self.unreadable.iter().take(UNREADABLE_SHOWN) {
            writeln!(out, "  line {} is left out: {}", unreadable.line, unreadable.reason)?;
        }
        match self.unreadable.len().saturating_sub(UNREADABLE_SHOWN) {
            0 => Ok(()),
            more => writeln!(out, "  {more} more lines are left out; --json names them"),
        }
    }

    fn fmt_counts(&self, out: &mut Formatter<'_>) -> Result {
        let cancelled = format!("{} cancellations left out", self.cancellations);
        count(out, "invoices", self.invoices, &cancelled)?;
        count(out, "products", self.products, "a stock code at one price each")?;
        count(out, "users", self.users, "")?;
        let before = match self.orders.placed_before {
            0 => String::new(),
            before => format!("{before} of them by an earlier run"),
        };
        count(out, "placed", self.orders.placed, &before)?;
        count(out, "confirmed", self.orders.confirmed, &price::show(self.confirmed_pence))?;
        by_reason(out, "rejected", &self.orders.rejected)?;
        by_reason(out, "refused", &self.orders.refused)?;
        let rare = [
            ("expired", self.orders.expired),
            ("cancelled", self.orders.cancelled),
            ("still open", self.orders.open),
            ("failed", self.orders.failed),
        ];
        for (name, number) in rare.into_iter().filter(|(_, number)| *number > 0) {
            count(out, name, number, "")?;
        }
        Ok(())
    }

    fn fmt_times(&self, out: &mut Formatter<'_>) -> Result {
        let phases = [
            ("import", self.phases.import, ""),
            ("registration", self.phases.registration, ""),
            ("orders", self.phases.orders, "first POST to the last answer"),
            ("waiting", self.phases.waiting, "from there to the last end"),
            ("checks", self.phases.checks, ""),
        ];
        for (name, duration, note) in phases {
            entry(out, name, &seconds(duration), note)?;
        }
        let rate = self.confirmed_per_second.as_deref().unwrap_or("none placed now");
        entry(out, "orders/s", rate, "confirmed ÷ (orders + waiting)")?;
        latency(out, self.latency_by_service, "POST to confirmed by the service's placed_at and ended_at")?;
        latency(out, self.latency_observed, "the same as observed, from sending to reading the end")?;
        let pauses = format!(
            "{} for the rate limit, {} for what was away",
            self.pauses.rate_limited, self.pauses.unavailable
        );
        let all = thousands(self.pauses.rate_limited + self.pauses.unavailable);
        entry(out, "sent again", &all, &pauses)
    }
}

fn by_reason(out: &mut Formatter<'_>, name: &str, reasons: &BTreeMap<String, usize>) -> Result {
    count(out, name, reasons.values().sum(), "")?;
    for (reason, number) in reasons {
        count(out, "", *number, reason)?;
    }
    Ok(())
}

fn latency(out: &mut Formatter<'_>, latency: Option<Latency>, note: &str) -> Result {
    if let Some(Latency { p50_ms, p99_ms, .. }) = latency {
        entry(out, "p50", &format!("{} ms", thousands(p50_ms)), note)?;
        entry(out, "p99", &format!("{} ms", thousands(p99_ms)), "")?;
    }
    Ok(())
}

fn count(out: &mut Formatter<'_>, name: &str, number: usize, note: &str) -> Result {
    entry(out, name, &thousands(number as u64), note)
}

fn entry(out: &mut Formatter<'_>, name: &str, value: &str, note: &str) -> Result {
    let line = format!("  {name:<14}{value:>16}   {note}");
    writeln!(out, "{}", line.trim_end())
}
