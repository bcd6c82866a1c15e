//! The live configuration: listing, changing several keys at once, trials, history, going back, files, and what runs.

mod tell;
pub mod trials;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use contracts::Operation;
use replay::client::{Call, CallError, Session};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Said;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Act {
    /// Which configuration each replica of each service runs with; fails when one is behind.
    Effective,
    /// Every key with its value.
    List {
        /// Only what is not at its default.
        #[arg(long)]
        changed: bool,
    },
    /// One key with its type, its bounds, its values and its last change.
    Get { key: String },
    /// Set keys, all or none.
    Set {
        /// e.g. `order.deadline=10m`
        #[arg(required = true)]
        assignments: Vec<String>,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        how: How,
    },
    /// Give keys their defaults, for everyone.
    Reset {
        #[arg(required = true)]
        keys: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// End the values that keys have for some.
    Unscope {
        #[arg(required = true)]
        keys: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// Try a value on a part of the orders first; by the numbers it goes on for everyone, or back.
    Try(trials::Wanted),
    /// Trials, the newest first.
    Trials {
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One trial with its numbers.
    Trial { version: u64 },
    /// End a trial by hand.
    End {
        version: u64,
        #[command(flatten)]
        verdict: trials::Verdict,
        /// Why; it is kept with who did it.
        #[arg(long)]
        reason: String,
    },
    /// Who changed what, when and why, the newest first.
    History {
        /// Only of this key.
        key: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// What differs between two versions.
    Diff {
        from: u64,
        /// The last one when it is left out.
        to: Option<u64>,
    },
    /// Take everything back to what it was at a version; 0 is before the first change.
    Rollback {
        version: u64,
        #[command(flatten)]
        how: How,
    },
    /// Write the whole configuration as a file, to standard output.
    Export,
    /// Change the configuration to what a file says.
    Import {
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
}

/// How a change is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct How {
    /// Why; it is kept with who did it.
    #[arg(long)]
    pub reason: String,
    /// Change nothing, and say which service would see what.
    #[arg(long)]
    pub dry_run: bool,
}

/// For whom a value is; for everyone when nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Whom {
    /// For so many of a hundred orders.
    #[arg(long, conflicts_with = "callers")]
    pub percent: Option<u8>,
    /// For these users and API keys, by their ids.
    #[arg(long = "caller")]
    pub callers: Vec<Uuid>,
}

/// A key as it is listed.
#[derive(Debug, Clone, Deserialize)]
struct Listed {
    key: String,
    #[serde(rename = "type")]
    kind: String,
    value: Value,
    default: Value,
    #[serde(default)]
    scopes: Vec<Value>,
    #[serde(default)]
    unreadable: Option<String>,
    version: i64,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Listed>,
}

pub async fn run(session: &Session, act: Act) -> anyhow::Result<Said> {
    match act {
        Act::Effective => {
            tell::effective(&session.ask(Call::new(Operation::ReadEffectiveConfiguration)).await?)
        }
        Act::List { changed } => tell::list(&list(session).await?, changed),
        Act::Get { key } => get(session, &key).await,
        Act::Set { assignments, whom, how } => {
            let changes = assigned(&list(session).await?, &assignments, &whom)?;
            change(session, Operation::ChangeConfiguration, json!({"changes": changes}), how).await
        }
        Act::Reset { keys, how } => {
            let changes: Vec<_> = keys.iter().map(|key| json!({"key": key, "reset": true})).collect();
            change(session, Operation::ChangeConfiguration, json!({"changes": changes}), how).await
        }
        Act::Unscope { keys, how } => {
            let changes: Vec<_> = keys.iter().map(|key| json!({"key": key, "scopes": []})).collect();
            change(session, Operation::ChangeConfiguration, json!({"changes": changes}), how).await
        }
        Act::Try(wanted) => trials::start(session, wanted).await,
        Act::Trials { limit } => trials::list(session, limit).await,
        Act::Trial { version } => trials::show(session, version).await,
        Act::End { version, verdict, reason } => trials::end(session, version, verdict, &reason).await,
        Act::History { key, limit } => {
            let call = Call::new(Operation::ListConfigurationChanges)
                .query("limit", &limit.to_string())
                .query_if("key", key);
            tell::history(&session.ask(call).await?)
        }
        Act::Diff { from, to } => {
            let call = Call::new(Operation::CompareConfiguration)
                .query("from", &from.to_string())
                .query_if("to", to.map(|to| to.to_string()));
            tell::comparison(&session.ask(call).await?)
        }
        Act::Rollback { version, how } => {
            change(session, Operation::RollBackConfiguration, json!({"version": version}), how).await
        }
        Act::Export => Ok(Said::well(session.ask_text(Call::new(Operation::ExportConfiguration)).await?)),
        Act::Import { file, how } => {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            change(session, Operation::ImportConfiguration, json!({"file": text}), how).await
        }
    }
}

async fn list(session: &Session) -> anyhow::Result<Vec<Listed>> {
    let list: List = session.ask(Call::new(Operation::ListConfiguration)).await?;
    Ok(list.items)
}

async fn get(session: &Session, key: &str) -> anyhow::Result<Said> {
    let call = Call::new(Operation::ReadConfiguration).path_parameter("key", key);
    let key: Value = session.ask(call).await?;
    Ok(Said::well(serde_json::to_string_pretty(&key)?))
}

/// Sends a change; what is refused of it is told key by key, or line by line.
async fn change(session: &Session, operation: Operation, mut body: Value, how: How) -> anyhow::Result<Said> {
    body["reason"] = json!(how.reason);
    body["dry_run"] = json!(how.dry_run);
    let call = Call::new(operation).body(&body).idempotency_key(&format!("desk-{}", Uuid::now_v7()));
    match session.ask(call).await {
        Ok(changed) => tell::changed(&changed),
        Err(CallError::Refused { problem, .. }) => tell::refused(&problem),
        Err(error) => Err(error.into()),
    }
}

/// What `key=value` asks of each key.
fn assigned(listed: &[Listed], assignments: &[String], whom: &Whom) -> anyhow::Result<Vec<Value>> {
    assignments.iter().map(|assignment| assign(listed, assignment, whom)).collect()
}

fn assign(listed: &[Listed], assignment: &str, whom: &Whom) -> anyhow::Result<Value> {
    let Some((key, text)) = assignment.split_once('=') else {
        bail!("{assignment} is no key=value");
    };
    let known = listed.iter().find(|known| known.key == key);
    let value = known.map_or_else(|| json!(text), |known| read(known, text));
    let audience = match (whom.percent, whom.callers.as_slice()) {
        (None, []) => return Ok(json!({"key": key, "value": value})),
        (Some(percent), _) => json!({"percent": percent}),
        (None, callers) => json!({"callers": callers}),
    };
    let scopes = scoped(known, &audience, &value);
    // The others are sent along as they were read, so nobody may have changed them meanwhile.
    Ok(json!({"key": key, "scopes": scopes, "version": known.map(|known| known.version)}))
}

/// The key's values for some with this one in the place of that for the same audience, or of the same kind of part.
fn scoped(known: Option<&Listed>, audience: &Value, value: &Value) -> Vec<Value> {
    let replaced = |scope: &Value| {
        let parts = scope["audience"].get("percent").is_some() && audience.get("percent").is_some();
        parts || scope["audience"] == *audience
    };
    let present = known.map(|known| known.scopes.as_slice()).unwrap_or_default();
    let mut scopes: Vec<_> = present.iter().filter(|scope| !replaced(scope)).cloned().collect();
    scopes.push(json!({"audience": audience, "value": value}));
    scopes
}

/// What was typed as the key's type wants it: texts need no quotes here.
fn read(known: &Listed, text: &str) -> Value {
    match known.kind.as_str() {
        "bool" | "integer" | "list" | "map" => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}
