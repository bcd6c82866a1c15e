//! Reads alone, and the same beside something else.

use anyhow::Context;
use serde::Serialize;

use super::reader::Reads;
use crate::measure::{Percent, Spread};

/// What the load did to them.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    pub alone: Spread,
    pub beside: Spread,
    /// At p50 and at p99.
    pub percent: [Option<Percent>; 2],
    pub failed: usize,
    pub why: String,
}

impl Beside {
    pub fn of(alone: Reads, beside: Reads) -> anyhow::Result<Beside> {
        let failed = alone.failed + beside.failed;
        let why = beside.why.or(alone.why).unwrap_or_default();
        let alone = Spread::of(alone.times).with_context(|| format!("no read was answered: {why}"))?;
        let beside = Spread::of(beside.times)
            .with_context(|| format!("no read was answered beside the load: {why}"))?;
        let percent = [Percent::of(beside.p50_ns, alone.p50_ns), Percent::of(beside.p99_ns, alone.p99_ns)];
        Ok(Beside { alone, beside, percent, failed, why })
    }
}
