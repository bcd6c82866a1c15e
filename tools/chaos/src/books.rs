//! The books, all of them, as the system itself checks them.

use std::time::{Duration, Instant};

use anyhow::Context;
use contracts::Operation;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::Ask;
use crate::shop::Shop;

const BETWEEN: Duration = Duration::from_secs(3);

/// What the books said last.
#[derive(Debug, Clone, Serialize)]
pub struct Books {
    pub green: bool,
    pub orders: u64,
    pub products: u64,
    /// The last page of the report, word for word.
    pub report: Value,
}

/// Checks until they are green and nothing is left out, at most until the time named: what has only just come to rest
/// is left out of them.
pub async fn check(shop: &Shop, until: Instant) -> anyhow::Result<Books> {
    loop {
        let books = check_all(shop, until).await?;
        let whole = books.report["oldest_left_out"].is_null();
        if (books.green && whole) || Instant::now() + BETWEEN > until {
            return Ok(books);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn check_all(shop: &Shop, until: Instant) -> anyhow::Result<Books> {
    let mut books = Books { green: true, orders: 0, products: 0, report: Value::Null };
    let mut cursor = Value::Null;
    loop {
        let ask = Ask::new(Operation::CheckBooks).body(json!({"scope": "all", "cursor": cursor}));
        let report = shop.staff.ask(&ask, until).await?.expect("checking the books")?;
        books.green &= report["green"].as_bool().context("a report of the books says whether it is green")?;
        books.orders += report["checked"]["orders"].as_u64().unwrap_or_default();
        books.products += report["checked"]["products"].as_u64().unwrap_or_default();
        cursor = report["next_cursor"].clone();
        // A page with a violation is worth more than the last one.
        if books.report["green"] != json!(false) {
            books.report = report;
        }
        if cursor.is_null() {
            return Ok(books);
        }
    }
}

impl Books {
    /// The statements that do not hold, in a line each; those of orders that only ended late apart.
    pub fn violations(&self) -> (Vec<String>, Vec<String>) {
        let (mut lines, mut late) = (Vec::new(), Vec::new());
        for statement in self.report["statements"].as_array().into_iter().flatten() {
            for violation in statement["violations"].as_array().into_iter().flatten() {
                let ended_late = violation["what"] == json!("the order ended late");
                let list = if ended_late { &mut late } else { &mut lines };
                list.push(format!(
                    "{} {}: {} (order {}, row {}): expected {}, found {}",
                    statement["number"],
                    statement["statement"].as_str().unwrap_or_default(),
                    violation["what"].as_str().unwrap_or_default(),
                    violation["order_id"],
                    violation["row"],
                    violation["expected"],
                    violation["found"]
                ));
            }
        }
        let away = self.report["unreachable"].as_array().map(Vec::len).unwrap_or_default();
        if away > 0 {
            lines.push(format!("not reached: {}", self.report["unreachable"]));
        }
        if lines.is_empty() && late.is_empty() && !self.green {
            lines.push(format!("not green: {}", self.report));
        }
        (lines, late)
    }
}
