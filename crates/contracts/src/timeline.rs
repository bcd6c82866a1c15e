//! One line of an order's timeline, as every service tells it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::OrderId;

/// What kind of line it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Somebody asked.
    Command,
    /// Another service said.
    Heard,
    /// The service decided, and said so.
    Decided,
    /// The service did something with its own stock, money or mail.
    Effect,
    /// A line about an effect outside our databases.
    Receipt,
    /// The service would not.
    Refused,
    /// Something was tried again.
    Retried,
    /// Staff wrote something down.
    Note,
}

/// One line of a timeline. Never personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TimelineEntry {
    pub at: DateTime<Utc>,
    pub kind: EntryKind,
    /// The operation, the event's type, or what was done.
    pub name: String,
    /// A user's id or a service.
    pub who: String,
    /// The request's or event's id that led to it.
    pub cause: Option<String>,
    pub trace_id: Option<String>,
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Asks a service what it has to tell of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineQuery {
    pub order_id: OrderId,
}

/// What a service has to tell, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelinePart {
    pub entries: Vec<TimelineEntry>,
}

impl EntryKind {
    pub const ALL: [EntryKind; 8] = [
        EntryKind::Command,
        EntryKind::Heard,
        EntryKind::Decided,
        EntryKind::Effect,
        EntryKind::Receipt,
        EntryKind::Refused,
        EntryKind::Retried,
        EntryKind::Note,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            EntryKind::Command => "command",
            EntryKind::Heard => "heard",
            EntryKind::Decided => "decided",
            EntryKind::Effect => "effect",
            EntryKind::Receipt => "receipt",
            EntryKind::Refused => "refused",
            EntryKind::Retried => "retried",
            EntryKind::Note => "note",
        }
    }

    pub fn from_name(name: &str) -> Option<EntryKind> {
        EntryKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
