//! Trials of configuration values: begun, listed, looked at, ended.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use clap::Args;
use contracts::Operation;
use replay::client::{Call, CallError, Session};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{List, read, tell};
use crate::Said;

/// A value that is to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Wanted {
    /// e.g. `order.deadline`
    pub key: String,
    /// e.g. `10m`
    pub value: String,
    /// For so many of a hundred orders: 1 to 99.
    #[arg(long)]
    pub percent: u8,
    /// It goes back when it could not be judged by then: 1m to 7d.
    #[arg(long = "for", default_value = "1h")]
    pub limit: String,
    /// Why; it is kept with who did it.
    #[arg(long)]
    pub reason: String,
}

/// How a trial is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct Verdict {
    /// Its value is for everyone from now on.
    #[arg(long)]
    pub adopt: bool,
    /// The value from before is for everyone again.
    #[arg(long)]
    pub take_back: bool,
}

#[derive(Deserialize)]
struct Trial {
    version: i64,
    key: String,
    percent: u8,
    value: Value,
    others: Value,
    started_at: DateTime<Utc>,
    started_by: Uuid,
    reason: String,
    until: DateTime<Utc>,
    end: Option<End>,
    findings: Option<Findings>,
    unreachable: Vec<String>,
}

#[derive(Deserialize)]
struct End {
    outcome: String,
    ended_at: DateTime<Utc>,
    ended_by: Option<Uuid>,
    reason: String,
}

#[derive(Deserialize)]
struct Findings {
    tried: Group,
    others: Group,
    guards: Vec<Guard>,
}

#[derive(Deserialize)]
struct Group {
    orders: u32,
    refused: u32,
    failed: u32,
    confirmed_in: Option<u64>,
}

#[derive(Deserialize)]
struct Guard {
    guard: String,
    z: String,
    worse: bool,
}

#[derive(Deserialize)]
struct Trials {
    items: Vec<Trial>,
}

pub(super) async fn start(session: &Session, wanted: Wanted) -> anyhow::Result<Said> {
    let Wanted { key, value, percent, limit, reason } = wanted;
    let List { items } = session.ask(Call::new(Operation::ListConfiguration)).await?;
    let value = match items.iter().find(|known| known.key == key) {
        Some(known) => read(known, &value),
        None => json!(value),
    };
    let body = json!({"key": key, "value": value, "percent": percent, "for": limit, "reason": reason});
    ask(session, Call::new(Operation::StartTrial), &body).await
}

pub(super) async fn end(
    session: &Session,
    version: u64,
    verdict: Verdict,
    reason: &str,
) -> anyhow::Result<Said> {
    let outcome = if verdict.adopt { "adopt" } else { "take_back" };
    let call = Call::new(Operation::EndTrial).path_parameter("version", &version.to_string());
    ask(session, call, &json!({"outcome": outcome, "reason": reason})).await
}

pub(super) async fn list(session: &Session, limit: u32) -> anyhow::Result<Said> {
    let trials: Trials =
        session.ask(Call::new(Operation::ListTrials).query("limit", &limit.to_string())).await?;
    let mut text = String::new();
    for trial in &trials.items {
        tell_trial(&mut text, trial)?;
    }
    if text.is_empty() {
        text.push_str("nothing was ever tried\n");
    }
    Ok(Said::well(text))
}

pub(super) async fn show(session: &Session, version: u64) -> anyhow::Result<Said> {
    let call = Call::new(Operation::ReadTrial).path_parameter("version", &version.to_string());
    tell_one(&session.ask(call).await?)
}

async fn ask(session: &Session, call: Call, body: &Value) -> anyhow::Result<Said> {
    let call = call.body(body).idempotency_key(&format!("desk-{}", Uuid::now_v7()));
    match session.ask(call).await {
        Ok(trial) => tell_one(&trial),
        Err(CallError::Refused { problem, .. }) => tell::refused(&problem),
        Err(error) => Err(error.into()),
    }
}

/// A trial with its numbers.
fn tell_one(trial: &Trial) -> anyhow::Result<Said> {
    let mut text = String::new();
    tell_trial(&mut text, trial)?;
    if let Some(Findings { tried, others, guards }) = &trial.findings {
        for (name, group) in [("tried", tried), ("others", others)] {
            let Group { orders, refused, failed, .. } = group;
            let time = group.confirmed_in.map(|time| format!(", confirmed in {time} ms in the middle"));
            let time = time.unwrap_or_default();
            writeln!(text, "       {name:<6} {orders} orders, {refused} refused, {failed} failed{time}")?;
        }
        for Guard { guard, z, worse } in guards {
            writeln!(text, "       {} {guard}: z {z}", if *worse { "✗" } else { "✓" })?;
        }
    }
    for service in &trial.unreachable {
        writeln!(text, "       ✗ {service} cannot be asked for its numbers")?;
    }
    Ok(Said { text, well: trial.unreachable.is_empty() })
}

fn tell_trial(text: &mut String, trial: &Trial) -> anyhow::Result<()> {
    let Trial { version, key, percent, value, others, reason, .. } = trial;
    let at = |time: &DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S").to_string();
    writeln!(text, "{version:>5}  {}  {}", at(&trial.started_at), trial.started_by)?;
    writeln!(text, "       {key} = {value} for {percent} % of the orders, {others} for the others")?;
    writeln!(text, "       {reason}")?;
    match &trial.end {
        None => writeln!(text, "       runs until {} at most", at(&trial.until))?,
        // By itself it says what became of it with the numbers.
        Some(End { ended_at, ended_by: None, reason, .. }) => {
            writeln!(text, "       {}  {reason}", at(ended_at))?;
        }
        Some(End { outcome, ended_at, ended_by: Some(by), reason }) => {
            writeln!(text, "       {}  {} by {by}: {reason}", at(ended_at), outcome.replace('_', " "))?;
        }
    }
    Ok(())
}
