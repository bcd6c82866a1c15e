//! What happened to an order, line by line.

use std::fmt::Write;

use contracts::{Operation, OrderId, TimelineEntry};
use replay::client::{Call, Session};
use serde::Deserialize;
use serde_json::Value;

use crate::Said;

#[derive(Debug, Clone, Deserialize)]
pub struct Timeline {
    pub items: Vec<TimelineEntry>,
    #[serde(default)]
    pub unreachable: Vec<String>,
}

pub async fn run(session: &Session, order_id: OrderId) -> anyhow::Result<Said> {
    let call = Call::new(Operation::ReadTimeline).path_parameter("order_id", &order_id.to_string());
    tell(order_id, &session.ask(call).await?)
}

pub fn tell(order_id: OrderId, timeline: &Timeline) -> anyhow::Result<Said> {
    let mut text = format!("order {order_id}\n");
    for entry in &timeline.items {
        write!(
            text,
            "{}  {:<8} {:<12} {}",
            entry.at.format("%Y-%m-%d %H:%M:%S%.3f"),
            entry.kind.name(),
            short(&entry.who),
            entry.name,
        )?;
        match &entry.detail {
            Value::Null => {}
            Value::Object(members) if members.is_empty() => {}
            detail => write!(text, "  {detail}")?,
        }
        text.push('\n');
    }
    for service in &timeline.unreachable {
        writeln!(text, "✗ {service} could not be asked: what it has to tell is missing")?;
    }
    Ok(Said { text, well: timeline.unreachable.is_empty() })
}

/// A user's id is known by its end, since all begin with the time.
fn short(who: &str) -> String {
    match who.len() {
        36 => format!("…{}", &who[who.len() - 11..]),
        _ => who.to_owned(),
    }
}
