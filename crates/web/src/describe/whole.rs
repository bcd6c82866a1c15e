//! The services' documents as one, with what belongs to none of them: examples, tags, what a problem looks like.

use contracts::{App, ProblemType};
use serde_json::{Map, Value, json};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};

use super::{add_schemas, examples};
use crate::Problem;

const ABOUT: &str = "The order back end of an online shop. Refusals are problems (RFC 9457) whose type leads to a \
    page about them; POST requests that create something take an `Idempotency-Key`; changes take the `ETag` that was \
    read as `If-Match`; lists go on at `next_cursor`. Money is in minor units, times are RFC 3339 in UTC.";

/// Puts the services' documents together.
///
/// # Errors
/// When they, or the recorded examples, are not of the form that they should have.
pub fn whole(title: &str, documents: impl IntoIterator<Item = OpenApi>) -> anyhow::Result<Value> {
    let mut whole = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(title)
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .build(),
        )
        .build();
    for document in documents {
        for (path, item) in document.paths.paths {
            whole.paths.paths.entry(path).or_default().merge_operations(item);
        }
        let components = whole.components.get_or_insert_with(Components::new);
        let part = document.components.unwrap_or_default();
        add_schemas(components, part.schemas)?;
        components.security_schemes.extend(part.security_schemes);
    }
    let mut document = serde_json::to_value(whole)?;
    document["info"]["license"] = json!({"name": "Apache-2.0", "identifier": "Apache-2.0"});
    document["servers"] = json!([{"url": "/"}]);
    document["tags"] = tags();
    document["components"]["examples"] = problems();
    for operation in operations(&mut document) {
        add_headers(operation);
    }
    examples::add(&mut document)?;
    share_refusals(&mut document);
    Ok(document)
}

/// Most operations refuse alike: each refusal stands once, and the operations refer to it.
fn share_refusals(document: &mut Value) {
    let mut shared: Vec<(String, Value)> = Vec::new();
    for operation in operations(document) {
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            if response.pointer("/content/application~1problem+json").is_none() {
                continue;
            }
            let known = shared.iter().find(|(_, other)| other == response).map(|(name, _)| name.clone());
            let name = known.unwrap_or_else(|| {
                let alike = shared.iter().filter(|(name, _)| name.starts_with(status.as_str())).count();
                let name = format!("{status}-{}", alike + 1);
                shared.push((name.clone(), response.clone()));
                name
            });
            *response = json!({"$ref": format!("#/components/responses/{name}")});
        }
    }
    document["components"]["responses"] = Value::Object(shared.into_iter().collect());
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.flat_map(|item| item.as_object_mut().into_iter().flat_map(Map::values_mut))
}

/// What a client finds beside the body of some refusals.
fn add_headers(operation: &mut Value) {
    let header = |about: &str, schema: Value| json!({"description": about, "schema": schema});
    let seconds = json!({"type": "integer", "minimum": 0});
    let wait = header("Seconds after which the same request makes sense again.", seconds);
    let scheme = header("The scheme that is wanted.", json!({"type": "string", "const": "Bearer"}));
    let of_status = [
        ("401", "WWW-Authenticate", scheme),
        ("429", "Retry-After", wait.clone()),
        ("503", "Retry-After", wait),
    ];
    for (status, name, header) in of_status {
        let answer = operation.get_mut("responses").and_then(|responses| responses.get_mut(status));
        if let Some(answer) = answer {
            answer["headers"][name] = header;
        }
    }
}

fn tags() -> Value {
    let about = |app| match app {
        App::Gateway => "The public port",
        App::Config => "Live configuration, for administrators",
        App::User => "Accounts, sessions, roles, and who one is",
        App::Product => "Catalogue and stock",
        App::Order => "Orders from placing to the last refund",
        App::Payment => "Payment methods, payments and what needs a person",
        App::Notification => "The customer's mailbox",
    };
    let described = App::ALL.into_iter().filter(|app| *app != App::Gateway);
    described.map(|app| json!({"name": app.name(), "description": about(app)})).collect()
}

/// Each problem as it is answered, without what only one occurrence has.
fn problems() -> Value {
    let problems = ProblemType::ALL.iter().map(|problem| {
        let example = json!({"summary": problem.title(), "value": Problem::new(*problem).body()});
        (problem.name().to_owned(), example)
    });
    Value::Object(problems.collect())
}

#[cfg(test)]
mod tests {
    use contracts::operation::OPERATIONS;
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    use super::*;
    use crate::describe::{Description, Document};

    fn document() -> Value {
        let parts = App::ALL.map(|app| {
            let mut part = Document::new(app);
            for row in OPERATIONS.iter().filter(|row| row.owner == app) {
                part.add(Description::of(row));
            }
            part.finish()
        });
        whole("Test", parts).unwrap()
    }

    #[test]
    fn every_public_operation_says_its_permission_and_every_problem_that_it_can_answer() {
        let document = document();
        for row in OPERATIONS {
            let Some(path) = row.path else { continue };
            let operation = &document["paths"][path][row.method.name().to_lowercase()];
            assert_eq!(operation["operationId"], row.name);
            let permission = match row.access {
                contracts::operation::Access::Permitted(permission) => json!(permission.name()),
                contracts::operation::Access::Anonymous | contracts::operation::Access::Internal => {
                    Value::Null
                }
            };
            assert_eq!(operation["x-permission"], permission, "{}", row.name);
            assert_eq!(operation["security"][0]["bearer"][0], permission, "{}", row.name);
            for name in operation["x-problems"].as_array().unwrap() {
                let problem = ProblemType::from_name(name.as_str().unwrap()).unwrap();
                let refusal = &operation["responses"][problem.status().to_string()]["$ref"];
                let refusal = document.pointer(&refusal.as_str().unwrap()[1..]).unwrap();
                let content = &refusal["content"]["application/problem+json"];
                let types = content["schema"]["allOf"][1]["properties"]["type"]["enum"].as_array().unwrap();
                assert!(
                    types.contains(&json!(format!("/problems/{}", problem.name()))),
                    "{}: {name}",
                    row.name
                );
                let example = content["examples"][problem.name()]["$ref"].as_str().unwrap();
                let example = document.pointer(&example[1..]).unwrap();
                assert_eq!(example["value"]["status"], problem.status());
            }
        }
    }

    #[test]
    fn two_types_of_one_name_are_not_documented_as_one() {
        let of = |schema: RefOr<Schema>| {
            let mut part = Document::new(App::Order).finish();
            part.components.as_mut().unwrap().schemas.insert("Reason".to_owned(), schema);
            part
        };
        let (text, number) = (<String as PartialSchema>::schema(), <u64 as PartialSchema>::schema());
        assert!(whole("Test", [of(text.clone()), of(text.clone())]).is_ok());
        let refused = whole("Test", [of(text), of(number)]).unwrap_err().to_string();
        assert!(refused.starts_with("two types are documented as Reason"), "{refused}");
    }
}
