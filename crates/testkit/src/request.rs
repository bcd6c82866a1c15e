//! Requests to a service's router, as its sidecar would pass them on.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use contracts::{Envelope, Operation};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::APP_TOKEN;

/// Sends requests to a router, with headers that stay.
#[derive(Clone)]
pub struct Client {
    router: Router,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Null when the body is empty or not JSON.
    pub body: Value,
}

impl Answer {
    /// The name of the problem, or the whole answer's panic.
    pub fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|uri| uri.strip_prefix("/problems/")).unwrap_or_else(|| {
            panic!("not a problem: {} {}", self.status, self.body);
        })
    }
}

impl Client {
    /// As invoked by the gateway through the sidecar.
    pub fn new(router: Router) -> Client {
        Client { router, headers: Vec::new() }
            .with("dapr-api-token", APP_TOKEN)
            .with("dapr-caller-app-id", "gateway")
    }

    /// The same client with one header set anew.
    pub fn with(&self, name: &str, value: &str) -> Client {
        let mut client = self.without(name);
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn without(&self, name: &str) -> Client {
        let mut client = self.clone();
        client.headers.retain(|(other, _)| other != name);
        client
    }

    pub fn bearer(&self, token: &str) -> Client {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Asks for an operation; `query` is what stands behind `?`.
    pub async fn ask(&self, operation: Operation, query: &str, body: Option<Value>) -> Answer {
        let row = operation.row();
        self.send(row.method.name(), &format!("/{}?{query}", row.name), body.map(|body| body.to_string()))
            .await
    }

    /// Asks for an operation whose answer goes on, and gives it as it begins.
    pub async fn open(&self, operation: Operation, query: &str) -> Response<Body> {
        let row = operation.row();
        self.begin(row.method.name(), &format!("/{}?{query}", row.name), None).await
    }

    /// Sends a body as it stands, said to be JSON.
    pub async fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let (parts, body) = self.begin(method, path, body).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    async fn begin(&self, method: &str, path: &str, body: Option<String>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path.trim_end_matches('?'));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body)),
            None => request.body(Body::empty()),
        };
        self.router.clone().oneshot(request.unwrap()).await.unwrap()
    }

    /// Delivers an event as the sidecar does; gives the verdict: `SUCCESS`, `RETRY` or `DROP`.
    pub async fn deliver(&self, envelope: &Envelope) -> String {
        let topic = envelope.event.event_type().row().publisher;
        self.deliver_raw(&format!("/events/{topic}"), envelope.to_json().to_string()).await
    }

    /// Delivers bytes to an event route.
    pub async fn deliver_raw(&self, path: &str, body: String) -> String {
        let answer = self.without("dapr-caller-app-id").send("POST", path, Some(body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["status"].as_str().unwrap().to_owned()
    }
}
