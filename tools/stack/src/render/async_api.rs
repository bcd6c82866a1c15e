//! docs/asyncapi.yaml: the same events for machines (AsyncAPI 3.0). What an event carries is described after its
//! golden JSON in crates/contracts, which a test there holds against the code.

use std::fmt::Write;
use std::path::Path;

use contracts::event::{EVENTS, Row, subscriptions, topics};
use contracts::{App, EventType};
use serde_json::{Map, Value, json};

use super::FIRST_LINE;

/// The document.
pub(super) fn render(root: &Path) -> String {
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cartwright events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every event between the services. Each is a CloudEvent 1.0, published whole.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels(),
        "operations": operations(),
        "components": { "messages": messages(root) },
    });
    let mut text = String::from(FIRST_LINE);
    write_value(&mut text, &document, 0);
    text
}

fn channels() -> Value {
    let channel = |topic: App| {
        let messages: Map<String, Value> = published_by(topic)
            .map(|row| (row.name.to_owned(), reference(&["components", "messages", row.name])))
            .collect();
        let description = format!("What {topic} publishes. The key is the subject.");
        json!({ "address": topic.name(), "description": description, "messages": messages })
    };
    topics().map(|topic| (topic.name().to_owned(), channel(topic))).collect::<Map<_, _>>().into()
}

fn operations() -> Value {
    let mut operations = Map::new();
    for app in App::ALL {
        if topics().any(|topic| topic == app) {
            let messages =
                published_by(app).map(|row| reference(&["channels", app.name(), "messages", row.name]));
            operations.insert(format!("{app}.publishes"), operation("send", app, messages.collect()));
        }
        for topic in subscriptions(app) {
            let messages = published_by(topic)
                .filter(|row| row.subscribers.contains(&app))
                .map(|row| reference(&["channels", topic.name(), "messages", row.name]));
            operations
                .insert(format!("{app}.receives.{topic}"), operation("receive", topic, messages.collect()));
        }
    }
    operations.into()
}

fn operation(action: &str, topic: App, messages: Vec<Value>) -> Value {
    json!({ "action": action, "channel": reference(&["channels", topic.name()]), "messages": messages })
}

fn messages(root: &Path) -> Value {
    let message = |row: &Row| {
        let mut message = json!({
            "name": row.name,
            "summary": row.meaning,
            "contentType": "application/cloudevents+json",
        });
        if let Some(golden) = golden(root, row.event_type) {
            message["payload"] = schema(&golden);
            message["examples"] = json!([{ "payload": golden }]);
        }
        message
    };
    EVENTS.iter().map(|row| (row.name.to_owned(), message(row))).collect::<Map<_, _>>().into()
}

fn published_by(topic: App) -> impl Iterator<Item = &'static Row> {
    EVENTS.iter().filter(move |row| row.publisher == topic)
}

fn reference(path: &[&str]) -> Value {
    json!({ "$ref": format!("#/{}", path.join("/")) })
}

/// The event as its snapshot in crates/contracts has it: JSON after a head between two lines of dashes.
fn golden(root: &Path, event_type: EventType) -> Option<Value> {
    let folder = root.join("crates").join("contracts").join("tests").join("snapshots");
    let text = std::fs::read_to_string(folder.join(format!("golden__{}.snap", event_type.name()))).ok()?;
    let (_, body) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
    serde_json::from_str(body).ok()
}

/// A schema after an example. What may take several forms is told by its `type` alone.
fn schema(example: &Value) -> Value {
    match example {
        Value::Object(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "refusal" => (name.clone(), refusal()),
                    _ => (name.clone(), schema(value)),
                })
                .collect();
            let required: Vec<&String> =
                fields.keys().filter(|name| !OPTIONAL.contains(&name.as_str())).collect();
            json!({ "type": "object", "required": required, "properties": properties })
        }
        Value::Array(items) => json!({ "type": "array", "items": items.first().map_or(json!({}), schema) }),
        Value::String(text) => string(text),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Null => json!({}),
    }
}

const OPTIONAL: [&str; 4] = ["traceparent", "traceid", "correlationid", "causationid"];

fn refusal() -> Value {
    json!({
        "type": "object",
        "description": "Why, in the words of the problem type of the same name.",
        "required": ["type"],
        "properties": { "type": { "type": "string" } },
    })
}

fn string(text: &str) -> Value {
    if uuid::Uuid::parse_str(text).is_ok() {
        json!({ "type": "string", "format": "uuid" })
    } else if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
        json!({ "type": "string", "format": "date-time" })
    } else {
        json!({ "type": "string" })
    }
}

/// YAML in block style; scalars as JSON, which YAML takes as they are.
fn write_value(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                put(text, format_args!("{indent}{}:", key(name)));
                write_nested(text, value, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                put(text, format_args!("{indent}-"));
                write_nested(text, item, depth + 1);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            put(text, format_args!("{value}\n"))
        }
    }
}

fn write_nested(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            write_value(text, value, depth);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_value(text, value, depth);
        }
        _ => put(text, format_args!(" {value}\n")),
    }
}

fn key(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if plain { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_nested_and_quoted() {
        let mut text = String::new();
        write_value(
            &mut text,
            &json!({ "a": { "$ref": "#/b" }, "c": [{ "d": 1 }], "e": [], "f": "x: y" }),
            0,
        );
        assert_eq!(text, "a:\n  \"$ref\": \"#/b\"\nc:\n  -\n    d: 1\ne: []\nf: \"x: y\"\n");
    }

    #[test]
    fn a_schema_follows_its_example() {
        let schema = schema(&json!({
            "id": "01980000-0000-7000-8000-000000000001",
            "at": "2026-11-01T08:45:00Z",
            "traceid": "x",
            "lines": [{ "quantity": 2 }],
        }));
        assert_eq!(schema["properties"]["id"]["format"], "uuid");
        assert_eq!(schema["properties"]["at"]["format"], "date-time");
        assert_eq!(schema["properties"]["lines"]["items"]["properties"]["quantity"]["type"], "integer");
        assert!(!schema["required"].as_array().unwrap().contains(&json!("traceid")));
    }
}
