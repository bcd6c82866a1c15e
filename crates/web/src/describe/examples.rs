//! What was sent and what came back: one real exchange for each public operation, in docs/api/examples.json.
//!
//! The system tests send them to the whole stack and record what they get, so that they stay true.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const RECORDED: &str = include_str!("../../../../docs/api/examples.json");

/// One exchange; ids and times in it are replaced by ones that stay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    #[serde(default)]
    path: BTreeMap<String, Value>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    body: Option<Value>,
    status: u16,
    answer: Option<Value>,
}

/// Puts each exchange into the description of its operation.
///
/// # Errors
/// When the file is not of this form.
pub(super) fn add(document: &mut Value) -> anyhow::Result<()> {
    let exchanges: BTreeMap<String, Exchange> = serde_json::from_str(RECORDED)?;
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        let Some(operation) = operation.1.as_object_mut() else { continue };
        let exchange = operation.get("operationId").and_then(Value::as_str).and_then(|id| exchanges.get(id));
        if let Some(exchange) = exchange {
            exchange.add_to(operation);
        }
    }
    Ok(())
}

impl Exchange {
    fn add_to(&self, operation: &mut Map<String, Value>) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for parameter in parameters {
            let values = match parameter["in"].as_str() {
                Some("path") => &self.path,
                Some("query") => &self.query,
                Some("header") => &self.headers,
                Some(_) | None => continue,
            };
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let value = values.get(&name).or_else(|| values.get(&name.to_lowercase()));
            if let Some(value) = value {
                parameter["example"] = value.clone();
            }
        }
        let status = self.status.to_string();
        let sent = operation.get_mut("requestBody");
        put(sent, self.body.as_ref());
        let answered = operation.get_mut("responses").and_then(|responses| responses.get_mut(&status));
        put(answered, self.answer.as_ref());
    }
}

/// Sets the example of a JSON body, where there is one.
fn put(described: Option<&mut Value>, example: Option<&Value>) {
    let content = described.and_then(|described| described.pointer_mut("/content/application~1json"));
    if let (Some(content), Some(example)) = (content, example) {
        content["example"] = json!(example);
    }
}
