//! What the configuration's answers are told as.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use replay::client::Problem;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Listed;
use crate::Said;

#[derive(Deserialize)]
pub(super) struct Changed {
    version: Option<i64>,
    dry_run: bool,
    changes: Vec<ChangedKey>,
}

#[derive(Deserialize)]
struct ChangedKey {
    key: String,
    reader: String,
    before: Option<State>,
    after: State,
}

#[derive(PartialEq, Deserialize)]
struct State {
    value: Value,
    scopes: Vec<Value>,
}

#[derive(Deserialize)]
pub(super) struct History {
    items: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    version: i64,
    key: String,
    before: State,
    after: State,
    changed_at: DateTime<Utc>,
    changed_by: Uuid,
    reason: String,
    rolled_back_to: Option<i64>,
    #[serde(default)]
    trial: Option<Part>,
}

/// What a change was for a trial.
#[derive(Deserialize)]
struct Part {
    version: i64,
    step: String,
    by_itself: bool,
}

#[derive(Deserialize)]
pub(super) struct Comparison {
    from: i64,
    to: i64,
    keys: Vec<Compared>,
}

#[derive(Deserialize)]
struct Compared {
    key: String,
    from: State,
    to: State,
}

#[derive(Deserialize)]
pub(super) struct Effective {
    version: i64,
    replicas: Vec<Replica>,
    silent: Vec<String>,
}

#[derive(Deserialize)]
struct Replica {
    service: String,
    replica: Uuid,
    version: u64,
    current: bool,
    read: bool,
    values: BTreeMap<String, Value>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    key: String,
    version: String,
    why: String,
}

pub(super) fn list(listed: &[Listed], changed: bool) -> anyhow::Result<Said> {
    let mut text = String::new();
    let shown = |key: &&Listed| !changed || key.value != key.default || !key.scopes.is_empty();
    for key in listed.iter().filter(shown) {
        let note = if key.value == key.default { "  (default)" } else { "" };
        writeln!(text, "{} = {}{note}", key.key, key.value)?;
        for scope in &key.scopes {
            writeln!(text, "{} @ {} = {}", key.key, scope["audience"], scope["value"])?;
        }
        if let Some(why) = &key.unreadable {
            writeln!(text, "✗ what is kept for {} cannot be read: {why}", key.key)?;
        }
    }
    if text.is_empty() {
        text.push_str("everything is at its default\n");
    }
    Ok(Said { text, well: listed.iter().all(|key| key.unreadable.is_none()) })
}

pub(super) fn changed(changed: &Changed) -> anyhow::Result<Said> {
    let mut text = String::new();
    for key in &changed.changes {
        let before = key.before.as_ref().map_or_else(|| "(cannot be read)".to_owned(), told);
        writeln!(text, "{:<12} {}: {before} → {}", key.reader, key.key, told(&key.after))?;
    }
    match changed.version {
        _ if changed.changes.is_empty() => writeln!(text, "✓ it is so already")?,
        Some(version) => writeln!(text, "✓ version {version}")?,
        None if changed.dry_run => writeln!(text, "a dry run: nothing was changed")?,
        None => writeln!(text, "nothing was changed")?,
    }
    Ok(Said::well(text))
}

/// Everything that speaks against a change, each on a line.
pub(super) fn refused(problem: &Problem) -> anyhow::Result<Said> {
    let mut text = format!("✗ {problem}\n");
    let members = |name: &str| problem.members.get(name).and_then(Value::as_array).into_iter().flatten();
    for refused in members("refused").chain(members("lines")) {
        let line = refused.get("line").map(|line| format!("line {line}  ")).unwrap_or_default();
        let key = refused["key"].as_str().map(|key| format!("{key}: ")).unwrap_or_default();
        writeln!(text, "  {line}{key}{}", refused["why"].as_str().unwrap_or_default())?;
    }
    writeln!(text, "nothing was changed")?;
    Ok(Said { text, well: false })
}

pub(super) fn history(history: &History) -> anyhow::Result<Said> {
    let mut text = String::new();
    for line in &history.items {
        let at = line.changed_at.format("%Y-%m-%d %H:%M:%S");
        writeln!(text, "{:>5}  {at}  {}", line.version, line.changed_by)?;
        writeln!(text, "       {}: {} → {}", line.key, told(&line.before), told(&line.after))?;
        let back = line.rolled_back_to.map(|to| format!("back to version {to}: ")).unwrap_or_default();
        // By itself it says so in its reason.
        let part = line.trial.as_ref().filter(|part| !part.by_itself);
        let part = part.map(|part| format!("trial {} {}: ", part.version, part.step.replace('_', " ")));
        writeln!(text, "       {back}{}{}", part.unwrap_or_default(), line.reason)?;
    }
    if text.is_empty() {
        text.push_str("nothing was ever changed\n");
    }
    Ok(Said::well(text))
}

pub(super) fn comparison(comparison: &Comparison) -> anyhow::Result<Said> {
    let mut text = format!("from version {} to version {}\n", comparison.from, comparison.to);
    for key in &comparison.keys {
        writeln!(text, "{}: {} → {}", key.key, told(&key.from), told(&key.to))?;
    }
    if comparison.keys.is_empty() {
        text.push_str("nothing differs\n");
    }
    Ok(Said::well(text))
}

pub(super) fn effective(effective: &Effective) -> anyhow::Result<Said> {
    let runs = |replica: &Replica| replica.current && replica.read && replica.refused.is_empty();
    let mut text = format!("the configuration is at version {}\n", effective.version);
    for replica in &effective.replicas {
        let mark = if runs(replica) { "✓" } else { "✗" };
        let behind = match (replica.read, replica.current) {
            (false, _) => "  has not read anything yet",
            (true, false) => "  is behind",
            (true, true) => "",
        };
        writeln!(
            text,
            "\n{mark} {} {} at version {}{behind}",
            replica.service, replica.replica, replica.version
        )?;
        for (key, value) in &replica.values {
            writeln!(text, "    {key} = {value}")?;
        }
        for refused in &replica.refused {
            writeln!(
                text,
                "  ✗ {} of version {} was not taken: {}",
                refused.key, refused.version, refused.why
            )?;
        }
    }
    for service in &effective.silent {
        writeln!(text, "✗ {service} has not been heard of for a minute")?;
    }
    Ok(Said { text, well: effective.silent.is_empty() && effective.replicas.iter().all(runs) })
}

/// A value for everyone, with those for some behind it.
fn told(state: &State) -> String {
    let scopes = state.scopes.iter().map(|scope| format!("{} for {}", scope["value"], scope["audience"]));
    [state.value.to_string()].into_iter().chain(scopes).collect::<Vec<_>>().join(", ")
}
