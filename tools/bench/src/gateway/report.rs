//! What was found, beside what is wanted.

use std::fmt;

use serde::Serialize;

use super::hops::Hops;
use super::idle::Idle;
use super::log_ins::LogIns;
use super::tokens::Tokens;
use crate::measure::{Percent, milliseconds};

/// Gateway and sidecars add at most so much of what bare sidecars add.
const MOST_ADDED: Percent = Percent(130);
const MOST_FOR_A_TOKEN_NS: u64 = 100_000;

/// Everything that one run has found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub profile: &'static str,
    pub hops: Hops,
    pub tokens: Tokens,
    pub log_ins: LogIns,
    pub idle: Idle,
    pub goals: Vec<Goal>,
}

/// One figure and its bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Goal {
    pub what: &'static str,
    pub found: String,
    pub wanted: String,
    pub met: bool,
}

impl Report {
    pub fn new(profile: &'static str, hops: Hops, tokens: Tokens, log_ins: LogIns, idle: Idle) -> Report {
        let goals = goals(&hops, &tokens, &log_ins, &idle);
        Report { profile, hops, tokens, log_ins, idle, goals }
    }

    pub fn met(&self) -> bool {
        self.goals.iter().all(|goal| goal.met)
    }
}

fn goals(hops: &Hops, tokens: &Tokens, log_ins: &LogIns, idle: &Idle) -> Vec<Goal> {
    let added = |what, percent: Option<Percent>| Goal {
        what,
        found: percent.map_or("nothing to compare with".to_owned(), |percent| percent.to_string()),
        wanted: format!("at most {MOST_ADDED}"),
        met: percent.is_some_and(|percent| percent <= MOST_ADDED),
    };
    let unfailing = |what, failed: usize| Goal {
        what,
        found: format!("{failed} failed"),
        wanted: "none".to_owned(),
        met: failed == 0,
    };
    vec![
        added("what gateway and sidecars add, of what bare sidecars add, p50", hops.percent[0]),
        added("the same, p99", hops.percent[1]),
        Goal {
            what: "the check of a token after the first, p50",
            found: micros(tokens.after.p50_ns),
            wanted: format!("under {}", micros(MOST_FOR_A_TOKEN_NS)),
            met: tokens.after.p50_ns < MOST_FOR_A_TOKEN_NS,
        },
        unfailing("reads beside log-ins", log_ins.reads.failed),
        unfailing("reads beside idle connections", idle.reads.failed),
        Goal {
            what: "connections that were open meanwhile, at the fewest",
            found: idle.open.to_string(),
            wanted: format!("{} less those on their way back", idle.wanted),
            met: idle.open >= idle.wanted - idle.wanted / 5,
        },
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hops.fmt(formatter)?;
        let Tokens { first_ns, after } = &self.tokens;
        writeln!(formatter, "the check of a token")?;
        writeln!(
            formatter,
            "  first {}, then p50 {}, p99 {} of {}",
            micros(*first_ns),
            micros(after.p50_ns),
            micros(after.p99_ns),
            after.count
        )?;
        let LogIns { clients, done, turned_away, reads } = &self.log_ins;
        writeln!(formatter, "reads beside {clients} clients that log in without a pause")?;
        writeln!(formatter, "  log-ins      {done} done, {turned_away} told to come again")?;
        beside(formatter, reads)?;
        let Idle { wanted, open, closed, reads } = &self.idle;
        writeln!(formatter, "reads beside {wanted} connections that send nothing, or a byte a second")?;
        writeln!(formatter, "  connections  {open} open at the fewest, {closed} closed by the gateway")?;
        beside(formatter, reads)?;
        writeln!(formatter, "goals")?;
        for Goal { what, found, wanted, met } in &self.goals {
            let sign = if *met { "✓" } else { "✗" };
            writeln!(formatter, "  {sign} {what}: {found} ({wanted})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Hops {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hops { service, bare, gateway, bare_adds_ns, gateway_adds_ns, percent } = self;
        let of = |percent: &Option<Percent>| percent.map_or("-".to_owned(), |percent| percent.to_string());
        writeln!(formatter, "an authenticated read of one order, one at a time")?;
        writeln!(formatter, "  at the service itself      {service}")?;
        writeln!(formatter, "  through two bare sidecars  {bare}")?;
        writeln!(formatter, "  through the gateway        {gateway}")?;
        for (point, name) in ["p50", "p99"].into_iter().enumerate() {
            let [ours, bare] = [gateway_adds_ns[point], bare_adds_ns[point]].map(milliseconds);
            writeln!(formatter, "  added, {name}                {ours} ÷ {bare} = {}", of(&percent[point]))?;
        }
        Ok(())
    }
}

fn beside(formatter: &mut fmt::Formatter<'_>, reads: &super::beside::Beside) -> fmt::Result {
    let of = |percent: &Option<Percent>| percent.map_or("-".to_owned(), |percent| percent.to_string());
    writeln!(formatter, "  alone        {}", reads.alone)?;
    writeln!(formatter, "  beside       {}; {} failed {}", reads.beside, reads.failed, reads.why)?;
    writeln!(formatter, "  ratio        p50 {}, p99 {}", of(&reads.percent[0]), of(&reads.percent[1]))
}

/// E.g. `61.4 µs`.
fn micros(nanoseconds: u64) -> String {
    format!("{}.{} µs", nanoseconds / 1_000, nanoseconds % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::beside::Beside;
    use crate::measure::Spread;

    fn report(percent: u64, token_ns: u64, failed: usize) -> Report {
        let spread = Spread { count: 1, p50_ns: token_ns, p99_ns: token_ns };
        let reads = Beside {
            alone: spread,
            beside: spread,
            percent: [Some(Percent(100)); 2],
            failed,
            why: String::new(),
        };
        let hops = Hops {
            service: spread,
            bare: spread,
            gateway: spread,
            bare_adds_ns: [100; 2],
            gateway_adds_ns: [percent; 2],
            percent: [Some(Percent(percent)); 2],
        };
        let tokens = Tokens { first_ns: 1, after: spread };
        let log_ins = LogIns { clients: 1, done: 1, turned_away: 0, reads: reads.clone() };
        Report::new("full", hops, tokens, log_ins, Idle { wanted: 100, open: 95, closed: 0, reads })
    }

    #[test]
    fn each_bound_is_held_by_a_goal() {
        assert!(report(130, 99_999, 0).met());
        for missed in [report(131, 99_999, 0), report(130, 100_000, 0), report(130, 99_999, 1)] {
            assert!(!missed.met());
            assert!(missed.to_string().contains('✗'));
        }
    }
}
