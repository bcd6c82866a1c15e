//! `/openapi.json`: the services' documents as one, gathered in the background by `jobs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{App as Service, Operation, ProblemType};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;
use web::{Problem, describe};

use super::stored::Stored;
use crate::app::App;

/// Each service's part, and the whole once no part is missing.
#[derive(Default)]
pub struct Documents {
    parts: Mutex<HashMap<Service, Part>>,
    whole: Mutex<Option<Whole>>,
}

struct Part {
    digest: Digested,
    document: OpenApi,
}

type Digested = [u8; 32];

#[derive(Clone)]
struct Whole {
    json: Stored,
    tag: HeaderValue,
    answering: Arc<HashMap<String, Vec<Answering>>>,
}

/// An operation that can answer with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answering {
    pub method: String,
    pub path: String,
    pub summary: String,
}

/// Which operation gives a service's part; the gateway has none.
pub(crate) const fn describing(app: Service) -> Option<Operation> {
    match app {
        Service::Gateway => None,
        Service::Config => Some(Operation::DescribeConfig),
        Service::User => Some(Operation::DescribeUser),
        Service::Product => Some(Operation::DescribeProduct),
        Service::Order => Some(Operation::DescribeOrder),
        Service::Payment => Some(Operation::DescribePayment),
        Service::Notification => Some(Operation::DescribeNotification),
    }
}

impl Documents {
    /// Whether a service has given this very part before.
    pub fn known(&self, app: Service, given: &[u8]) -> bool {
        let digest = digested(given);
        self.parts().get(&app).is_some_and(|part| part.digest == digest)
    }

    /// Takes a service's part, and puts the whole together once none is missing. That takes a while.
    ///
    /// # Errors
    /// When the part cannot be read, or the whole cannot be written as JSON.
    pub fn put(&self, app: Service, given: &[u8]) -> anyhow::Result<()> {
        let part = Part { digest: digested(given), document: serde_json::from_slice(given)? };
        let mut parts = self.parts();
        parts.insert(app, part);
        let described: Vec<Service> =
            Service::ALL.into_iter().filter(|app| describing(*app).is_some()).collect();
        let part = |app: &Service| parts.get(app).map(|part| part.document.clone());
        let complete: Option<Vec<OpenApi>> = described.iter().map(part).collect();
        if let Some(complete) = complete {
            let whole = Whole::of(complete)?;
            *self.whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(whole);
        }
        Ok(())
    }

    /// Whether every part has come at least once.
    pub fn complete(&self) -> bool {
        self.whole().is_some()
    }

    /// The operations that can answer with the problem; none before the whole is known.
    pub fn answering(&self, problem: ProblemType) -> Vec<Answering> {
        let whole = self.whole();
        whole.and_then(|whole| whole.answering.get(problem.name()).cloned()).unwrap_or_default()
    }

    /// The services whose part has never come.
    fn missing(&self) -> Vec<&'static str> {
        let parts = self.parts();
        let missing =
            Service::ALL.into_iter().filter(|app| describing(*app).is_some() && !parts.contains_key(app));
        missing.map(Service::name).collect()
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<Service, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole(&self) -> Option<Whole> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Whole {
    fn of(parts: Vec<OpenApi>) -> anyhow::Result<Whole> {
        let document = describe::whole("Cartwright", parts)?;
        let json = serde_json::to_vec(&document)?;
        let tag = HeaderValue::from_str(&format!("\"{}\"", &hex::encode(Sha256::digest(&json))[..32]))?;
        Ok(Whole { json: Stored::new(json.into()), tag, answering: answering(&document) })
    }
}

fn digested(given: &[u8]) -> Digested {
    Sha256::digest(given).into()
}

/// Which operations answer with which problem, as the document says.
fn answering(document: &Value) -> Arc<HashMap<String, Vec<Answering>>> {
    let mut answering: HashMap<String, Vec<Answering>> = HashMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for problem in operation[describe::PROBLEMS].as_array().into_iter().flatten() {
                let operation = Answering {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
                };
                answering.entry(problem.as_str().unwrap_or_default().to_owned()).or_default().push(operation);
            }
        }
    }
    Arc::new(answering)
}

/// Answers with the whole, or says that it is not yet there.
pub(super) async fn read_document(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let Some(Whole { json, tag, .. }) = app.documents.whole() else {
        let missing = app.documents.missing();
        return Err(Problem::new(ProblemType::Unavailable)
            .detail("some services have not described themselves yet")
            .with("missing", missing)
            .retry_after(1));
    };
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|given| names(given, &tag));
    let fresh = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    let json_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut answer = json.answer(&headers);
    answer.headers_mut().extend(fresh.into_iter().chain(json_type));
    Ok(answer)
}

/// Whether an If-None-Match names the tag; a cache may have made it a weak one.
fn names(given: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(given), Ok(tag)) = (given.to_str(), tag.to_str()) else {
        return false;
    };
    given.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}
