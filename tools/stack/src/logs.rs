//! `stack logs`: the lines of all logs, in the order of their time, that speak of an order, a request or an app.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use crate::{Instance, say};

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Ids and words that a line must hold, all of them.
    pub words: Vec<String>,
    /// The log's name, e.g. `order` or `order-daprd`.
    pub app: Option<String>,
}

/// Whether to go on when all lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    No,
    Yes,
}

/// One line with its place and time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Option<DateTime<Utc>>,
    log: String,
    text: String,
}

impl Filter {
    /// Reads `order=…`, `request=…`, `app=…`; a bare word is looked for as it stands.
    pub fn parse(arguments: &[String]) -> anyhow::Result<Filter> {
        let mut filter = Filter::default();
        for argument in arguments {
            match argument.split_once('=') {
                Some(("app", name)) => filter.app = Some(name.to_owned()),
                Some(("order" | "request" | "event" | "trace", id)) if !id.is_empty() => {
                    filter.words.push(id.to_owned());
                }
                Some((key, _)) => bail!("{key}= is not known; use order=, request=, event=, trace= or app="),
                None => filter.words.push(argument.clone()),
            }
        }
        Ok(filter)
    }

    fn takes_log(&self, name: &str) -> bool {
        self.app.as_deref().is_none_or(|app| name == app || name.strip_suffix("-daprd") == Some(app))
    }

    fn takes(&self, text: &str) -> bool {
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Prints what is there, and then what comes.
pub async fn run(instance: &Instance, filter: &Filter, follow: Follow) -> anyhow::Result<()> {
    let mut read = HashMap::new();
    print(news(instance, filter, &mut read)?);
    if follow == Follow::No {
        return Ok(());
    }
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        print(news(instance, filter, &mut read)?);
    }
}

fn print(mut entries: Vec<Entry>) {
    entries.sort_by_key(|entry| entry.at);
    for entry in entries {
        say::line(format!("{:<20} {}", entry.log, entry.text));
    }
}

/// The lines that were added since the last call.
fn news(
    instance: &Instance,
    filter: &Filter,
    read: &mut HashMap<PathBuf, u64>,
) -> anyhow::Result<Vec<Entry>> {
    let folder = instance.logs();
    let Ok(files) = std::fs::read_dir(&folder) else {
        bail!("there are no logs in {} yet; start with ./taskw up", instance.short(&folder));
    };
    let mut entries = Vec::new();
    for path in files.flatten().map(|file| file.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".old").trim_end_matches(".log").to_owned();
        if filter.takes_log(&name) {
            let text = added(&path, read)?;
            entries.extend(entries_of(&name, &text).into_iter().filter(|entry| filter.takes(&entry.text)));
        }
    }
    Ok(entries)
}

fn added(path: &Path, read: &mut HashMap<PathBuf, u64>) -> anyhow::Result<String> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let before = read.get(path).copied().unwrap_or(0);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes.truncate(whole);
    read.insert(path.to_path_buf(), before + bytes.len() as u64);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A line without a time of its own belongs to the one before it.
fn entries_of(log: &str, text: &str) -> Vec<Entry> {
    let mut last = None;
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            last = time_of(line).or(last);
            Entry { at: last, log: log.to_owned(), text: line.to_owned() }
        })
        .collect()
}

/// The time of a JSON line (`timestamp` or `time`), or of one of PostgreSQL's.
fn time_of(line: &str) -> Option<DateTime<Utc>> {
    if line.starts_with('{') {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = value.get("timestamp").or_else(|| value.get("time"))?.as_str()?;
        return DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc));
    }
    let (text, _) = line.split_once(" UTC")?;
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn arguments_say_what_to_look_for() {
        let filter = Filter::parse(&words("order=0197 app=payment declined")).unwrap();
        assert_eq!(filter, Filter { words: words("0197 declined"), app: Some("payment".to_owned()) });
        assert!(
            filter.takes_log("payment") && filter.takes_log("payment-daprd") && !filter.takes_log("order")
        );
        assert!(filter.takes("0197 was declined") && !filter.takes("0197"));
        assert!(Filter::parse(&words("colour=red")).is_err());
    }

    #[test]
    fn every_kind_of_line_has_its_time() {
        let expected = DateTime::parse_from_rfc3339("2026-11-22T10:00:00.5Z").unwrap().with_timezone(&Utc);
        for line in [
            r#"{"timestamp":"2026-11-22T10:00:00.500000Z","level":"INFO"}"#,
            r#"{"app_id":"order","time":"2026-11-22T10:00:00.5Z"}"#,
            "2026-11-22 10:00:00.500 UTC [42] LOG:  ready",
        ] {
            assert_eq!(time_of(line), Some(expected), "{line}");
        }
        assert_eq!(time_of("\tat org.apache.kafka"), None);
    }

    #[test]
    fn a_line_without_time_stays_with_the_one_before() {
        let entries = entries_of("kafka", "{\"timestamp\":\"2026-11-22T10:00:00Z\"}\n\tat line\n");
        assert_eq!(entries[0].at, entries[1].at);
        assert!(entries[1].at.is_some());
    }
}
