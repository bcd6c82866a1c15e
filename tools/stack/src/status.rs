//! `stack status`: what runs, since when, how often it was started again, and how well it is.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::part::Record;
use crate::process::{self, Id, Shared};
use crate::{Instance, health, keep, postgres, say};

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    pub part: String,
    pub running: bool,
    pub healthy: bool,
    pub pid: Option<i32>,
    pub since: Option<DateTime<Utc>>,
    pub restarts: u64,
    /// Resident memory of the part with everything it has started.
    pub memory_kib: u64,
    pub last_end: Option<String>,
    pub log: String,
}

/// How to write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Table,
    Json,
}

/// Prints the state; tells whether every part is healthy.
pub async fn run(instance: &Instance, form: Form) -> anyhow::Result<bool> {
    let lines = collect(instance).await?;
    match form {
        Form::Json => say::line(serde_json::to_string_pretty(&lines)?),
        Form::Table => table(instance, &lines),
    }
    Ok(lines.iter().all(|line| line.healthy))
}

/// The state of every part.
pub async fn collect(instance: &Instance) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for part in health::parts(instance) {
        lines.push(line(instance, part).await?);
    }
    Ok(lines)
}

async fn line(instance: &Instance, part: String) -> anyhow::Result<Line> {
    let record = Record::read(instance, &part)?;
    let process = record.as_ref().and_then(|record| record.child).and_then(Id::find);
    let healthy = process.is_some() && health::healthy(instance, &part).await;
    let memory_kib = match &process {
        // Its processes share their buffers.
        Some(process) if part == postgres::NAME => {
            process::with_descendants(process).iter().map(|process| process.memory(Shared::CountedOnce)).sum()
        }
        Some(process) => process.memory(Shared::CountedEach),
        None => 0,
    };
    Ok(Line {
        running: process.is_some(),
        healthy,
        pid: process.map(|process| process.pid),
        since: record.as_ref().map(|record| record.since),
        restarts: record.as_ref().map_or(0, |record| record.restarts),
        memory_kib,
        last_end: record.and_then(|record| record.last_end),
        log: instance.short(&instance.log(&part)),
        part,
    })
}

fn table(instance: &Instance, lines: &[Line]) {
    if keep::running(instance).is_none() && lines.iter().all(|line| !line.running) {
        say::line("nothing runs; start it with ./taskw up");
        return;
    }
    say::line(format!(
        "{:<20} {:<9} {:>8} {:>12} {:>8} {:>9}  LOG",
        "PART", "STATE", "PID", "SINCE", "RESTARTS", "MEMORY"
    ));
    for line in lines {
        let state = match (line.running, line.healthy) {
            (true, true) => "healthy",
            (true, false) => "unhealthy",
            (false, _) => "stopped",
        };
        let age = line.since.map(|since| (Utc::now() - since).to_std().unwrap_or_default());
        say::line(format!(
            "{:<20} {:<9} {:>8} {:>12} {:>8} {:>5} MiB  {}",
            line.part,
            state,
            line.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            age.map_or_else(
                || "-".to_owned(),
                |age| say::duration(std::time::Duration::from_secs(age.as_secs()))
            ),
            line.restarts,
            line.memory_kib / 1024,
            line.log,
        ));
    }
    let total: u64 = lines.iter().map(|line| line.memory_kib).sum();
    say::line(format!("{} MiB in all", total / 1024));
}
