//! The document as a Postman collection (v2.1), which nearly every HTTP client reads or imports.

use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// After logging in the token is kept for the other requests.
const KEEP_TOKEN: &str = "pm.collectionVariables.set(\"access_token\", pm.response.json().access_token);";

/// One folder for each tag, one request for each operation.
pub fn render(document: &Value) -> Value {
    let tags = document["tags"].as_array().into_iter().flatten();
    let folders: Vec<Value> = tags
        .map(|tag| {
            let about = &tag["description"];
            json!({"name": tag["name"], "description": about, "item": requests(document, &tag["name"])})
        })
        .collect();
    json!({
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": SCHEMA,
        },
        "auth": {
            "type": "bearer",
            "bearer": [{"key": "token", "value": "{{access_token}}", "type": "string"}],
        },
        "variable": [
            {"key": "base_url", "value": "http://127.0.0.1:8080"},
            {"key": "access_token", "value": ""},
        ],
        "item": folders,
    })
}

fn requests(document: &Value, tag: &Value) -> Vec<Value> {
    let mut requests = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let tagged = operation["tags"].as_array().is_some_and(|tags| tags.contains(tag));
            if tagged {
                requests.push(request(path, method, operation));
            }
        }
    }
    requests
}

fn request(path: &str, method: &str, operation: &Value) -> Value {
    let mut request = json!({
        "method": method.to_uppercase(),
        "header": headers(operation),
        "url": url(path, operation),
        "description": operation["description"].as_str().or(operation["summary"].as_str()),
    });
    if operation.get("security").is_none() {
        request["auth"] = json!({"type": "noauth"});
    }
    let body = operation.pointer("/requestBody/content/application~1json");
    if let Some(body) = body {
        let example = body.get("example").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        request["body"] = json!({
            "mode": "raw",
            "raw": format!("{example:#}"),
            "options": {"raw": {"language": "json"}},
        });
    }
    let mut item = json!({"name": operation["operationId"], "request": request});
    if operation["operationId"] == "log_in" {
        let script = json!({"type": "text/javascript", "exec": [KEEP_TOKEN]});
        item["event"] = json!([{"listen": "test", "script": script}]);
    }
    item
}

fn parameters<'a>(operation: &'a Value, place: &'static str) -> impl Iterator<Item = &'a Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(move |parameter| parameter["in"] == place)
}

fn headers(operation: &Value) -> Vec<Value> {
    let headers = parameters(operation, "header").map(|parameter| {
        // A new key for each new request.
        let fresh = parameter["name"] == "Idempotency-Key";
        let value = if fresh { "{{$guid}}".to_owned() } else { example(parameter) };
        json!({
            "key": parameter["name"],
            "value": value,
            "description": parameter["description"],
            "disabled": parameter["required"] != true,
        })
    });
    headers.collect()
}

fn url(path: &str, operation: &Value) -> Value {
    let segments: Vec<String> =
        path.split('/').skip(1).map(|segment| segment.replace('{', ":").replace('}', "")).collect();
    let query: Vec<Value> = parameters(operation, "query")
        .map(|parameter| {
            json!({
                "key": parameter["name"],
                "value": example(parameter),
                "description": parameter["description"],
                "disabled": parameter["required"] != true,
            })
        })
        .collect();
    let variables: Vec<Value> = parameters(operation, "path")
        .map(|parameter| json!({"key": parameter["name"], "value": example(parameter)}))
        .collect();
    json!({
        "raw": format!("{{{{base_url}}}}/{}", segments.join("/")),
        "host": ["{{base_url}}"],
        "path": segments,
        "query": query,
        "variable": variables,
    })
}

/// A parameter's example as text.
fn example(parameter: &Value) -> String {
    match &parameter["example"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}
