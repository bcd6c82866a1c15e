//! The payments that need a person, each with everything that is told of it.

use std::fmt::Write;

use contracts::Operation;
use replay::client::{Call, Session};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Said;

const PAGE: &str = "100";
/// What comes first on a line; the rest follows by its names.
const FIRST: [&str; 3] = ["kind", "order_id", "since"];

#[derive(Deserialize)]
struct Page {
    items: Vec<Map<String, Value>>,
    #[serde(default)]
    next_cursor: Option<String>,
}

pub async fn run(session: &Session) -> anyhow::Result<Said> {
    let mut issues = Vec::new();
    let mut cursor = None;
    loop {
        let call = Call::new(Operation::ListPaymentIssues).query("limit", PAGE).query_if("cursor", cursor);
        let page: Page = session.ask(call).await?;
        issues.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return tell(&issues);
        }
    }
}

pub fn tell(issues: &[Map<String, Value>]) -> anyhow::Result<Said> {
    let mut text = String::new();
    for issue in issues {
        let first = FIRST.iter().filter_map(|name| issue.get(*name)).map(plain);
        let rest = issue
            .iter()
            .filter(|(name, value)| !FIRST.contains(&name.as_str()) && !value.is_null())
            .map(|(name, value)| format!("{name}={}", plain(value)));
        writeln!(text, "{}", first.chain(rest).collect::<Vec<_>>().join("  "))?;
    }
    match issues.len() {
        0 => writeln!(text, "✓ no payment needs a person")?,
        1 => writeln!(text, "\n1 payment needs a person")?,
        count => writeln!(text, "\n{count} payments need a person")?,
    }
    Ok(Said::well(text))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
