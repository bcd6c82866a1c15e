//! Who may reach a route at all: only the own sidecar, and events never by invocation.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{FromFnLayer, Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use contracts::{App, ProblemType};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// What sidecar and service show each other.
pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("dapr-api-token");
/// Who invoked; the sidecar sets it on every invocation and on no delivery of events.
pub(crate) const CALLER_HEADER: HeaderName = HeaderName::from_static("dapr-caller-app-id");

/// Routes that the sidecar and whoever watches the process ask without a token.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

type Token = Arc<SecretString>;
type CheckToken = fn(State<Token>, Request, Next) -> BoxFuture<'static, Response>;
type Check = fn(Request, Next) -> BoxFuture<'static, Response>;

/// The service that invokes, as its sidecar says.
pub fn caller(headers: &HeaderMap) -> Option<App> {
    App::from_name(headers.get(CALLER_HEADER)?.to_str().ok()?)
}

/// The layer of [`require_app_token`].
pub type RequireAppToken = FromFnLayer<CheckToken, Token, (State<Token>, Request)>;
/// A layer that needs nothing but the request.
pub type Guard = FromFnLayer<Check, (), (Request,)>;

/// Every route but health and metrics is for the sidecar alone.
pub fn require_app_token(token: SecretString) -> RequireAppToken {
    from_fn_with_state(Arc::new(token), check_token as CheckToken)
}

/// Refuses what came by invocation: whoever may invoke this service could otherwise make events up.
pub fn never_by_invocation() -> Guard {
    guard(|request, next| {
        Box::pin(async move {
            if request.headers().contains_key(CALLER_HEADER) {
                return refusal(ProblemType::Forbidden);
            }
            next.run(request).await
        })
    })
}

pub(crate) fn guard(check: Check) -> Guard {
    from_fn(check)
}

/// A refusal in the form that every service answers with.
pub(crate) fn refusal(problem: ProblemType) -> Response {
    let status = StatusCode::from_u16(problem.status()).expect("invariant: problem types have HTTP statuses");
    let body = serde_json::json!({
        "type": format!("/problems/{}", problem.name()),
        "title": problem.title(),
        "status": problem.status(),
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

fn check_token(State(token): State<Token>, request: Request, next: Next) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        if OPEN.contains(&request.uri().path()) || shows(&request, &token) {
            return next.run(request).await;
        }
        refusal(ProblemType::Unauthenticated)
    })
}

fn shows(request: &Request, token: &SecretString) -> bool {
    let mut shown = request.headers().get_all(TOKEN_HEADER).iter();
    let (Some(only), None) = (shown.next(), shown.next()) else {
        return false;
    };
    bool::from(only.as_bytes().ct_eq(token.expose_secret().as_bytes()))
}
