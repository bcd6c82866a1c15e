//! The events that services could not handle: listing, opening, sending again, giving up.

use std::fmt::Write;

use clap::{Args, Subcommand, ValueEnum};
use contracts::Operation;
use replay::client::{Call, Session};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::Said;

/// A service that subscribes to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Service {
    Product,
    Order,
    Payment,
    Notification,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Act {
    /// List them, the newest first.
    List {
        /// Of one service; otherwise of all.
        service: Option<Service>,
        #[command(flatten)]
        kind: Kind,
        /// `open`, `handled` or `discarded`.
        #[arg(long, default_value = "open")]
        state: String,
    },
    /// Show one with its payload and what was done about it.
    Show { service: Service, id: Uuid },
    /// Have the service handle some again: those named, or all open ones of a kind.
    Redrive {
        service: Service,
        ids: Vec<Uuid>,
        #[command(flatten)]
        kind: Kind,
        /// Events a second.
        #[arg(long)]
        rate: Option<u32>,
        /// How often one that fails again is tried.
        #[arg(long)]
        rounds: Option<u32>,
        /// Why; it is kept with who did it.
        #[arg(long)]
        reason: String,
        /// Names the request, so that it can be sent again; otherwise it is a new one.
        #[arg(long)]
        key: Option<String>,
    },
    /// Give some up.
    Discard {
        service: Service,
        #[arg(required = true)]
        ids: Vec<Uuid>,
        /// Why; it is kept with who did it.
        #[arg(long)]
        reason: String,
        #[arg(long)]
        key: Option<String>,
    },
}

/// What they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Kind {
    /// The publisher.
    #[arg(long)]
    pub topic: Option<String>,
    /// e.g. `order.placed.v1`.
    #[arg(long = "type")]
    pub event_type: Option<String>,
    /// `refused` or `undelivered`.
    #[arg(long)]
    pub why: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: Uuid,
    topic: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    subject: Option<Uuid>,
    sequence: Option<i64>,
    reason: String,
    error: String,
    attempts: i32,
    state: String,
    last_at: chrono::DateTime<chrono::Utc>,
}

pub async fn run(session: &Session, act: Act) -> anyhow::Result<Said> {
    match act {
        Act::List { service, kind, state } => list(session, service, &kind, &state).await,
        Act::Show { service, id } => {
            let call = Call::new(service.read()).path_parameter("failed_event_id", &id.to_string());
            let event: Value = session.ask(call).await?;
            Ok(Said::well(serde_json::to_string_pretty(&event)?))
        }
        Act::Redrive { service, ids, kind, rate, rounds, reason, key } => {
            let mut body = Map::new();
            body.insert("reason".into(), json!(reason));
            if ids.is_empty() {
                body.insert("filter".into(), kind.filter());
            } else {
                body.insert("ids".into(), json!(ids));
            }
            body.extend(rate.map(|rate| ("rate".to_owned(), json!(rate))));
            body.extend(rounds.map(|rounds| ("rounds".to_owned(), json!(rounds))));
            let call = Call::new(service.redrive()).body(&body).idempotency_key(&named(key));
            redriven(&session.ask(call).await?)
        }
        Act::Discard { service, ids, reason, key } => {
            let body = json!({"ids": ids, "reason": reason});
            let call = Call::new(service.discard()).body(&body).idempotency_key(&named(key));
            let answer: Value = session.ask(call).await?;
            Ok(Said::well(format!("{} given up", answer["discarded"])))
        }
    }
}

async fn list(session: &Session, service: Option<Service>, kind: &Kind, state: &str) -> anyhow::Result<Said> {
    let services = service.map_or_else(|| Service::value_variants().to_vec(), |service| vec![service]);
    let mut text = String::new();
    let mut count = 0;
    for service in services {
        let mut cursor = None;
        loop {
            let call = Call::new(service.list())
                .query("limit", "200")
                .query("state", state)
                .query_if("topic", kind.topic.clone())
                .query_if("type", kind.event_type.clone())
                .query_if("reason", kind.why.clone())
                .query_if("cursor", cursor);
            let page: Page = session.ask(call).await?;
            count += page.items.len();
            for event in &page.items {
                tell(&mut text, service, event)?;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    match count {
        0 => writeln!(text, "✓ no {state} failed events")?,
        count => writeln!(text, "\n{count} {state}")?,
    }
    Ok(Said::well(text))
}

fn tell(text: &mut String, service: Service, event: &Listed) -> std::fmt::Result {
    let name = event.event_type.as_deref().unwrap_or("(unreadable)");
    let sequence = event.sequence.map(|sequence| format!(" #{sequence}")).unwrap_or_default();
    let subject = event.subject.map(|subject| format!(" of {subject}{sequence}")).unwrap_or_default();
    writeln!(text, "{}  {} ← {}  {name}{subject}", event.id, service.name(), event.topic)?;
    let at = event.last_at.format("%Y-%m-%d %H:%M:%S");
    writeln!(
        text,
        "    {} {}, {} attempts, last {at}: {}",
        event.state, event.reason, event.attempts, event.error
    )
}

fn redriven(answer: &Value) -> anyhow::Result<Said> {
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    let mut text = String::new();
    for event in answer["events"].as_array().into_iter().flatten() {
        let word = |name: &str| event[name].as_str().unwrap_or("?").to_owned();
        writeln!(text, "{}  {}", word("id"), word("outcome"))?;
    }
    writeln!(
        text,
        "\n{} handled, {} handled meanwhile, {} refused again, {} postponed, {} left",
        count("handled"),
        count("already_handled"),
        count("refused"),
        count("postponed"),
        count("left")
    )?;
    Ok(Said { text, well: count("refused") + count("left") == 0 })
}

/// A request without a name of its own is a new one each time.
fn named(key: Option<String>) -> String {
    key.unwrap_or_else(|| format!("desk-{}", Uuid::now_v7()))
}

impl Kind {
    fn filter(&self) -> Value {
        let mut filter = Map::new();
        let members = [("topic", &self.topic), ("type", &self.event_type), ("reason", &self.why)];
        for (name, value) in members {
            filter.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
        }
        Value::Object(filter)
    }
}

impl Service {
    const fn name(self) -> &'static str {
        match self {
            Service::Product => "product",
            Service::Order => "order",
            Service::Payment => "payment",
            Service::Notification => "notification",
        }
    }

    const fn list(self) -> Operation {
        match self {
            Service::Product => Operation::ListFailedProduct,
            Service::Order => Operation::ListFailedOrder,
            Service::Payment => Operation::ListFailedPayment,
            Service::Notification => Operation::ListFailedNotification,
        }
    }

    const fn read(self) -> Operation {
        match self {
            Service::Product => Operation::ReadFailedProduct,
            Service::Order => Operation::ReadFailedOrder,
            Service::Payment => Operation::ReadFailedPayment,
            Service::Notification => Operation::ReadFailedNotification,
        }
    }

    const fn redrive(self) -> Operation {
        match self {
            Service::Product => Operation::RedriveFailedProduct,
            Service::Order => Operation::RedriveFailedOrder,
            Service::Payment => Operation::RedriveFailedPayment,
            Service::Notification => Operation::RedriveFailedNotification,
        }
    }

    const fn discard(self) -> Operation {
        match self {
            Service::Product => Operation::DiscardFailedProduct,
            Service::Order => Operation::DiscardFailedOrder,
            Service::Payment => Operation::DiscardFailedPayment,
            Service::Notification => Operation::DiscardFailedNotification,
        }
    }
}
