//! HTTP: every route, and what all answers have in common.

mod authentication;
mod call;
mod controls;
mod disputes;
mod error;
mod form;
mod list;
mod payment_intents;
mod perform;
mod refunds;
mod sandbox;

use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use call::RequestId;
use error::StripeError;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");

pub fn router(app: App) -> Router {
    Router::new()
        .route(
            "/v1/payment_intents",
            post(payment_intents::create_payment_intent).get(payment_intents::list_payment_intents),
        )
        .route("/v1/payment_intents/{id}", get(payment_intents::get_payment_intent))
        .route("/v1/payment_intents/{id}/confirm", post(payment_intents::confirm_payment_intent))
        .route("/v1/payment_intents/{id}/capture", post(payment_intents::capture_payment_intent))
        .route("/v1/payment_intents/{id}/cancel", post(payment_intents::cancel_payment_intent))
        .route("/v1/refunds", post(refunds::create_refund).get(refunds::list_refunds))
        .route("/v1/refunds/{id}", get(refunds::get_refund))
        .route("/_sandbox/log", get(sandbox::get_log))
        .route("/_sandbox/summary", get(sandbox::get_summary))
        .route("/v1/disputes", get(disputes::list_disputes))
        .route("/v1/disputes/{id}", get(disputes::get_dispute))
        .route("/v1/disputes/{id}/close", post(disputes::close_dispute))
        .route("/_sandbox/payment_intents/{id}/resolve", post(controls::resolve_payment_intent))
        .route("/_sandbox/payment_intents/{id}/lapse", post(controls::lapse_payment_intent))
        .route("/_sandbox/payment_intents/{id}/dispute", post(controls::dispute_payment_intent))
        .route(
            "/_sandbox/payment_intents/{id}/authenticate",
            get(authentication::show_step).post(authentication::take_step),
        )
        .route("/_sandbox/disputes/{id}/close", post(controls::close_dispute))
        .route("/_sandbox/refunds/{id}/fail", post(controls::fail_refund))
        .route("/_sandbox/idempotency_keys/prune", post(sandbox::prune_idempotency_keys))
        .route("/healthz", get(get_health))
        .fallback(refuse_unknown_url)
        .method_not_allowed_fallback(refuse_unknown_url)
        .layer(from_fn(name_request))
        .with_state(app)
}

/// Healthy means that what is known is on the disk.
async fn get_health(State(app): State<App>) -> StatusCode {
    match app.till.read(|_| ()).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn refuse_unknown_url(request: Request) -> Response {
    StripeError::unknown_url(request.method().as_str(), request.uri().path()).into_response()
}

/// Gives each request an id, sends back the headers that Stripe sends back, and writes one line.
async fn name_request(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("req_{}", uuid::Uuid::now_v7().simple());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let echoed: Vec<(HeaderName, HeaderValue)> = [IDEMPOTENCY_KEY, STRIPE_VERSION]
        .into_iter()
        .filter_map(|name| Some((name.clone(), request.headers().get(name)?.clone())))
        .collect();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    response.headers_mut().extend(echoed);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::info!(
        request.id = id,
        http.method = %method,
        http.path = path,
        http.status = response.status().as_u16(),
        duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered a request"
    );
    response
}
