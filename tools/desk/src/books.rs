//! The books, checked now.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use contracts::{Currency, Money, Operation};
use replay::client::{Call, Session};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Said;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Changed,
    All,
}

#[derive(Serialize)]
struct CheckBooks {
    scope: Scope,
    cursor: Option<String>,
}

/// What a check says, as far as it is told here.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    pub green: bool,
    pub statements: Vec<Statement>,
    pub unreachable: Vec<String>,
    pub checked: Checked,
    pub oldest_left_out: Option<LeftOut>,
    pub sums: Vec<Sums>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Statement {
    pub number: u8,
    pub says: String,
    pub violated: u64,
    pub violations: Vec<Violation>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Violation {
    pub what: String,
    pub order_id: Option<Uuid>,
    pub product_id: Option<Uuid>,
    pub event_ids: Vec<Uuid>,
    pub row: Option<String>,
    pub expected: String,
    pub found: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Checked {
    pub orders: u64,
    pub left_out: u64,
    pub products: u64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct LeftOut {
    pub order_id: Uuid,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Sums {
    pub currency: Currency,
    pub captured: i64,
    pub to_capture: i64,
    pub due: i64,
    pub refunded: i64,
    pub refund_owed: i64,
    pub refund_failed: i64,
}

/// What has changed in one request; everything in as many as it takes.
pub async fn run(session: &Session, scope: Scope) -> anyhow::Result<Said> {
    let mut whole: Option<Report> = None;
    let mut cursor = None;
    loop {
        let call = Call::new(Operation::CheckBooks).body(&CheckBooks { scope, cursor });
        let page: Report = session.ask(call).await?;
        cursor = page.next_cursor.clone();
        whole = Some(match whole {
            None => page,
            Some(before) => before.and(page),
        });
        if let (None, Some(report)) = (&cursor, &whole) {
            return tell(report);
        }
    }
}

impl Report {
    /// Both pages together. The later one names all violations that are known by then.
    fn and(self, later: Report) -> Report {
        let mut unreachable = self.unreachable;
        unreachable.extend(later.unreachable);
        unreachable.sort();
        unreachable.dedup();
        let mut sums: BTreeMap<Currency, Sums> =
            self.sums.into_iter().map(|sums| (sums.currency, sums)).collect();
        for sum in later.sums {
            sums.entry(sum.currency).and_modify(|before| *before = before.and(sum)).or_insert(sum);
        }
        Report {
            green: later.green && unreachable.is_empty(),
            statements: later.statements,
            unreachable,
            checked: Checked {
                orders: self.checked.orders + later.checked.orders,
                left_out: self.checked.left_out + later.checked.left_out,
                products: self.checked.products + later.checked.products,
            },
            oldest_left_out: [self.oldest_left_out, later.oldest_left_out]
                .into_iter()
                .flatten()
                .min_by_key(|oldest| oldest.since),
            sums: sums.into_values().collect(),
            next_cursor: later.next_cursor,
        }
    }
}

impl Sums {
    fn and(self, later: Sums) -> Sums {
        Sums {
            currency: self.currency,
            captured: self.captured + later.captured,
            to_capture: self.to_capture + later.to_capture,
            due: self.due + later.due,
            refunded: self.refunded + later.refunded,
            refund_owed: self.refund_owed + later.refund_owed,
            refund_failed: self.refund_failed + later.refund_failed,
        }
    }
}

/// Each statement, then what was looked at and what was not.
pub fn tell(report: &Report) -> anyhow::Result<Said> {
    let mut text = String::new();
    for statement in &report.statements {
        let (mark, state) = match statement.violated {
            0 => ("✓", "holds".to_owned()),
            violated => ("✗", format!("{violated} violated")),
        };
        writeln!(text, "{mark} {:>2}  {state:<12} {}", statement.number, statement.says)?;
        for violation in &statement.violations {
            tell_violation(&mut text, violation)?;
        }
        let more = statement.violated.saturating_sub(statement.violations.len() as u64);
        if more > 0 {
            writeln!(text, "        and {more} more")?;
        }
    }
    let Checked { orders, left_out, products } = report.checked;
    write!(
        text,
        "\n{orders} orders and {products} products looked at; {left_out} orders are still on their way"
    )?;
    match report.oldest_left_out {
        Some(oldest) => {
            let since = oldest.since.format("%Y-%m-%d %H:%M:%S");
            writeln!(text, ", the oldest is {} since {since}", oldest.order_id)?;
        }
        None => writeln!(text)?,
    }
    for sums in &report.sums {
        tell_sums(&mut text, sums)?;
    }
    for service in &report.unreachable {
        writeln!(text, "✗ {service} could not be asked: what it knows was not checked")?;
    }
    writeln!(text, "{}", if report.green { "✓ the books agree" } else { "✗ the books do not agree" })?;
    Ok(Said { text, well: report.green })
}

fn tell_violation(text: &mut String, violation: &Violation) -> std::fmt::Result {
    let mut rows: Vec<String> = Vec::new();
    rows.extend(violation.order_id.map(|id| format!("order {id}")));
    rows.extend(violation.product_id.map(|id| format!("product {id}")));
    rows.extend(violation.row.clone());
    rows.extend(violation.event_ids.iter().map(|id| format!("event {id}")));
    writeln!(text, "        {}: {}", rows.join(", "), violation.what)?;
    writeln!(text, "          expected {}", violation.expected)?;
    writeln!(text, "          found    {}", violation.found)
}

fn tell_sums(text: &mut String, sums: &Sums) -> std::fmt::Result {
    let show = |amount: i64| {
        Money::new(amount, sums.currency).map_or_else(|_| amount.to_string(), |money| money.to_string())
    };
    write!(text, "{} captured, {} refunded", show(sums.captured), show(sums.refunded))?;
    let open = [
        ("to capture", sums.to_capture),
        ("of it due", sums.due),
        ("refunds owed", sums.refund_owed),
        ("refunds refused", sums.refund_failed),
    ];
    for (what, amount) in open.into_iter().filter(|(_, amount)| *amount != 0) {
        write!(text, ", {what} {}", show(amount))?;
    }
    writeln!(text)
}
