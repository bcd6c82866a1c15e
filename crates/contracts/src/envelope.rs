//! The envelope of an event: CloudEvents 1.0 with our extensions, the same bytes on every topic.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{App, Event, EventId, EventType};

/// An event as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub id: EventId,
    pub source: App,
    /// The key: the aggregate's id; in the saga the order's.
    pub subject: Uuid,
    /// From 1 without gaps for each source and subject.
    pub sequence: i64,
    pub time: DateTime<Utc>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The order, where there is one.
    pub correlation_id: Option<Uuid>,
    /// The event or request that led to it.
    pub causation_id: Option<String>,
    pub event: Event,
}

/// Why bytes are not one of our events. Trying again would not help.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("not a JSON CloudEvent")]
    NotAnEvent(#[source] serde_json::Error),
    #[error("unknown event type {0:?}")]
    UnknownType(String),
    #[error("unknown source {0:?}")]
    UnknownSource(String),
    #[error("{event_type} is published by {publisher}, not by {source_app}")]
    WrongSource { event_type: &'static str, publisher: App, source_app: App },
    #[error("{0} has unreadable data")]
    UnreadableData(&'static str, #[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Wire {
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: Uuid,
    time: DateTime<Utc>,
    sequence: i64,
    traceparent: Option<String>,
    correlationid: Option<Uuid>,
    causationid: Option<String>,
    data: Value,
}

impl Envelope {
    /// The CloudEvent. `traceid` repeats `traceparent`: daprd overwrites both when `traceid` is absent.
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": self.source.name(),
            "type": self.event.event_type().name(),
            "subject": self.subject,
            "time": self.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            "datacontenttype": "application/json",
            "sequence": self.sequence,
            "data": self.event.data(),
        });
        if let Some(traceparent) = &self.traceparent {
            json["traceparent"] = json!(traceparent);
            json["traceid"] = json!(traceparent);
        }
        if let Some(correlation_id) = self.correlation_id {
            json["correlationid"] = json!(correlation_id);
        }
        if let Some(causation_id) = &self.causation_id {
            json["causationid"] = json!(causation_id);
        }
        json
    }

    /// Reads a CloudEvent; unknown fields and extensions are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(EnvelopeError::NotAnEvent)?;
        let event_type = EventType::from_name(&wire.event_type)
            .ok_or_else(|| EnvelopeError::UnknownType(wire.event_type.chars().take(100).collect()))?;
        let source = App::from_name(&wire.source)
            .ok_or_else(|| EnvelopeError::UnknownSource(wire.source.chars().take(100).collect()))?;
        let row = event_type.row();
        if row.publisher != source {
            return Err(EnvelopeError::WrongSource {
                event_type: row.name,
                publisher: row.publisher,
                source_app: source,
            });
        }
        let event = Event::decode(event_type, wire.data)
            .map_err(|error| EnvelopeError::UnreadableData(row.name, error))?;
        Ok(Envelope {
            id: EventId(wire.id),
            source,
            subject: wire.subject,
            sequence: wire.sequence,
            time: wire.time,
            traceparent: wire.traceparent.filter(|text| !text.is_empty()),
            correlation_id: wire.correlationid,
            causation_id: wire.causationid,
            event,
        })
    }
}
