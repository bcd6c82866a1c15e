//! Passes calls between services on to their routers, as their sidecars would.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use testkit::APP_TOKEN;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// Knows every service by its name, once they are there.
#[derive(Clone, Default)]
pub struct Switchboard(Arc<OnceLock<HashMap<&'static str, Router>>>);

impl Switchboard {
    /// Listens on a free port, which it gives back.
    pub async fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .route("/v1.0/healthz/outbound", get(StatusCode::NO_CONTENT))
            .route("/v1.0/invoke/{app}/method/{operation}", any(invoke))
            .with_state(self.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        port
    }

    pub fn connect(&self, services: HashMap<&'static str, Router>) {
        self.0.set(services).expect("the services are connected once");
    }
}

/// Only `order` asks others.
async fn invoke(
    State(board): State<Switchboard>,
    Path((app, operation)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(service) = board.0.get().and_then(|services| services.get(app.as_str())) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/{operation}"))
        .header("dapr-api-token", APP_TOKEN)
        .header("dapr-caller-app-id", "order");
    if let Some(kind) = headers.get("content-type") {
        request = request.header("content-type", kind);
    }
    let request = request.body(Body::from(body)).expect("a request");
    match service.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
