//! What the public port answers: every operation with a public path, and the pages that explain them.

mod compression;
mod documentation;
mod documents;
mod enter;
mod forward;
mod identify;
mod live;
mod pages;
mod security;
mod sharing;
mod stored;
mod upload;
mod witness;

use axum::Router;
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use contracts::ProblemType;
use contracts::operation::OPERATIONS;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_http::catch_panic::CatchPanicLayer;
use web::{Problem, request};

use crate::app::App;

pub use documents::Documents;
pub(crate) use documents::describing;

/// What the limiter counts by. Only the gateway sets it.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The whole public port.
pub fn public(app: App) -> Router {
    let operations = operations(app.clone());
    let sharing = sharing::layer(&app.edge.origins);
    let answering = pages::router(app)
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(from_fn(request::observe))
        .fallback(move |request| enter::enter(operations.clone(), request))
        .layer(compression::layer());
    match sharing {
        Some(sharing) => answering.layer(sharing),
        None => answering,
    }
    .layer(map_response(security::protect))
}

/// Each operation at its name, where [`enter`] sends what was asked for; so the span and the metrics carry the name.
fn operations(app: App) -> Router {
    let mut operations = Router::new().fallback(enter::refuse);
    for row in OPERATIONS.iter().filter(|row| row.path.is_some()) {
        operations = operations.route(&format!("/{}", row.name), any(witness::witness));
    }
    operations
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(from_fn(request::observe))
        .layer(from_fn(compression::mark))
        .with_state(app)
}

fn panicked() -> Response {
    Problem::new(ProblemType::Internal).into_response()
}

/// The headers of what the gateway asks for itself: it has a name of its own for the limiter.
pub(crate) fn own_requests() -> HeaderMap {
    HeaderMap::from_iter([(FORWARDED_FOR, HeaderValue::from_static("gateway"))])
}
