//! The processor's events, as much of them as is needed.

use std::collections::HashMap;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::request::CAUSE;
use super::wire;
use crate::domain::IntentId;
use crate::domain::webhook::{Object, Told};

/// The longest name that is kept.
const LONGEST: usize = 255;

#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Value,
}

/// What all objects have.
#[derive(Debug, Deserialize)]
struct Head {
    id: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Amount {
    amount: i64,
    currency: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// Reads a signed body. None for events of a type that is not used.
///
/// # Errors
/// When it is no event of the processor.
pub fn read(body: &[u8]) -> Result<Option<Told>, serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    let family = event.kind.rsplit_once('.').map_or("", |(family, _)| family);
    let object = match family {
        "payment_intent" => {
            Object::Intent(wire::Intent::deserialize(&event.data.object)?.read().map(|intent| intent.status))
        }
        "refund" => refund(&event.data.object)?,
        "charge.dispute" => {
            let (amount, status) = wire::Dispute::deserialize(&event.data.object)?.read().unzip();
            Object::Dispute { amount, status }
        }
        _ => return Ok(None),
    };
    let head = Head::deserialize(&event.data.object)?;
    let intent = match &object {
        Object::Intent(_) => Some(head.id.clone()),
        Object::Refund { .. } | Object::Dispute { .. } => head.payment_intent,
    };
    let names = [Some(&event.id), Some(&event.kind), Some(&head.id), intent.as_ref()];
    if names.into_iter().flatten().any(|name| name.len() > LONGEST) {
        return Err(serde::de::Error::custom("a name is too long"));
    }
    Ok(Some(Told {
        event_id: event.id,
        kind: event.kind,
        told_at: DateTime::from_timestamp(event.created, 0)
            .ok_or_else(|| serde::de::Error::custom("created is no time"))?,
        object_id: head.id,
        intent: intent.map(IntentId),
        order_id: head.metadata.get("order_id").and_then(|id| id.parse().ok()),
        object,
    }))
}

fn refund(object: &Value) -> Result<Object, serde_json::Error> {
    let Amount { amount, currency, metadata } = Amount::deserialize(object)?;
    let cause = metadata.get(CAUSE).and_then(|cause| cause.parse().ok());
    let seen = wire::Refund::deserialize(object)?.read();
    Ok(Object::Refund { cause, amount: wire::money(amount, &currency), seen })
}
