//! `docs/api`: the public interface as the services describe it, without anything running; and docs/configuration.md.

mod collection;
mod configuration;

use std::path::{Path, PathBuf};

use anyhow::Context;
use contracts::App;
use serde_json::Value;
use sidecar::outbox::Outbox;
use sqlx::PgPool;
use upkeep::Messaging;
use utoipa::openapi::OpenApi;
use web::{Api, Keys, describe};

/// One file, relative to the repository's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub path: &'static str,
    pub text: String,
}

/// Every file that follows from the services' descriptions. Needs a runtime, though nothing is asked of anybody.
///
/// # Errors
/// When the parts do not fit together.
pub fn all() -> anyhow::Result<Vec<Rendered>> {
    let document = document()?;
    let collection = collection::render(&document);
    Ok(vec![
        Rendered { path: "docs/api/openapi.json", text: pretty(&document)? },
        Rendered { path: "docs/api/cartwright.postman_collection.json", text: pretty(&collection)? },
        Rendered { path: "docs/configuration.md", text: configuration::render() },
    ])
}

/// The files whose text differs from what they should hold.
///
/// # Errors
/// When the parts do not fit together.
pub fn differing(root: &Path) -> anyhow::Result<Vec<Rendered>> {
    let mut files = all()?;
    files.retain(|file| std::fs::read_to_string(root.join(file.path)).ok().as_ref() != Some(&file.text));
    Ok(files)
}

/// The document as the gateway gives it at `/openapi.json`.
///
/// # Errors
/// When the parts do not fit together.
pub fn document() -> anyhow::Result<Value> {
    let parts = App::ALL.into_iter().filter_map(part).collect::<Result<Vec<_>, _>>()?;
    describe::whole("Cartwright", parts)
}

/// A service's part; the gateway has none.
fn part(app: App) -> Option<anyhow::Result<OpenApi>> {
    Some(match app {
        App::Gateway => return None,
        App::Config => Ok(config::api::mount(mounting(app)).document()),
        App::User => Ok(user::api::mount(mounting(app)).document()),
        App::Product => with_messaging(app, product::api::mount(mounting(app))),
        App::Order => with_messaging(app, order::api::mount(mounting(app))),
        App::Payment => with_messaging(app, payment::api::mount(mounting(app))),
        App::Notification => with_messaging(app, notification::api::mount(mounting(app))),
    })
}

/// Nobody is ever asked for anything here, so no token is ever checked.
fn mounting<S: Clone + Send + Sync + 'static>(app: App) -> Api<S> {
    Api::new(app, Keys::fetched(|| Box::pin(async { anyhow::bail!("no keys are needed to describe") })))
}

/// The operations on events come with a pool that is never opened.
fn with_messaging<S: Clone + Send + Sync + 'static>(app: App, api: Api<S>) -> anyhow::Result<OpenApi> {
    let db = PgPool::connect_lazy("postgres://localhost/none")?;
    let messaging = Messaging::new(app, db, Outbox::new(), |_| async { Ok(()) });
    Ok(upkeep::mount(api, &messaging).document())
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// The repository, found from here upwards.
///
/// # Errors
/// When the working directory is not in it.
pub fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    here.ancestors()
        .find(|folder| folder.join("compose/dapr.yaml").is_file())
        .map(Path::to_path_buf)
        .context("run it within the repository")
}

#[cfg(test)]
mod tests {
    use contracts::operation::OPERATIONS;

    use super::*;

    #[tokio::test]
    async fn the_files_in_the_repository_are_those_of_todays_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let names: Vec<_> = differing(&root).unwrap().into_iter().map(|file| file.path).collect();
        assert!(names.is_empty(), "{names:?} differ; run ./taskw render");
    }

    #[tokio::test]
    async fn every_public_operation_is_in_the_document_and_in_the_collection() {
        let (document, files) = (document().unwrap(), all().unwrap());
        let collection = &files[1].text;
        for row in OPERATIONS {
            let Some(path) = row.path else { continue };
            let operation = &document["paths"][path][row.method.name().to_lowercase()];
            assert_eq!(operation["operationId"], row.name);
            assert!(collection.contains(&format!("\"name\": \"{}\"", row.name)), "{}", row.name);
        }
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[tokio::test]
    async fn the_gateway_reads_what_a_service_writes() {
        for app in App::ALL {
            let Some(part) = part(app) else { continue };
            let written = serde_json::to_string(&part.unwrap()).unwrap();
            let read = serde_json::from_str::<OpenApi>(&written);
            assert!(read.is_ok(), "{app}: {:?}", read.err());
        }
    }

    #[tokio::test]
    async fn every_reference_in_the_document_leads_somewhere() {
        let document = document().unwrap();
        let mut todo = vec![&document];
        while let Some(value) = todo.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
            }
            todo.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            todo.extend(value.as_array().into_iter().flatten());
        }
    }
}
