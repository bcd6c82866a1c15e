//! `/openapi.json`: the services' documents as one, gathered in the background by `jobs`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::{App as Service, Operation};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;
use utoipa::openapi::server::Server;
use web::{Problem, describe};

use crate::app::App;

/// Each service's part, and the whole once no part is missing.
#[derive(Default)]
pub struct Documents {
    parts: Mutex<HashMap<Service, OpenApi>>,
    whole: Mutex<Option<Whole>>,
}

#[derive(Clone)]
struct Whole {
    json: Bytes,
    tag: HeaderValue,
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
    /// Takes a service's part, and puts the whole together when something is new.
    ///
    /// # Errors
    /// When the whole cannot be written as JSON.
    pub fn put(&self, app: Service, part: OpenApi) -> anyhow::Result<()> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.get(&app) == Some(&part) {
            return Ok(());
        }
        parts.insert(app, part);
        let described: Vec<Service> =
            Service::ALL.into_iter().filter(|app| describing(*app).is_some()).collect();
        let complete: Option<Vec<OpenApi>> = described.iter().map(|app| parts.get(app).cloned()).collect();
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

    /// The services whose part has never come.
    fn missing(&self) -> Vec<&'static str> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let missing =
            Service::ALL.into_iter().filter(|app| describing(*app).is_some() && !parts.contains_key(app));
        missing.map(Service::name).collect()
    }

    fn whole(&self) -> Option<Whole> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Whole {
    fn of(parts: Vec<OpenApi>) -> anyhow::Result<Whole> {
        let mut document = describe::merge("Cartwright", parts);
        document.servers = Some(vec![Server::new("/")]);
        let json = serde_json::to_vec(&document)?;
        let tag = HeaderValue::from_str(&format!("\"{}\"", &hex::encode(Sha256::digest(&json))[..32]))?;
        Ok(Whole { json: json.into(), tag })
    }
}

/// Answers with the whole, or says that it is not yet there.
pub(super) async fn read_document(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let Some(Whole { json, tag }) = app.documents.whole() else {
        let missing = app.documents.missing();
        return Err(Problem::new(contracts::ProblemType::Unavailable)
            .detail("some services have not described themselves yet")
            .with("missing", missing)
            .retry_after(1));
    };
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|given| names(given, &tag));
    let fresh = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    Ok((fresh, [(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Whether an If-None-Match names the tag; a cache may have made it a weak one.
fn names(given: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(given), Ok(tag)) = (given.to_str(), tag.to_str()) else {
        return false;
    };
    given.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}
