//! Which answers are compressed as they are sent, for clients that ask for it. Pages are not: they are kept compressed.
//!
//! Only what was read, never what was done: the answer to a log-in holds a secret, and its size would tell of it. Live
//! events are sent as they come.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderMap, Method, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;

/// What is shorter gains nothing.
const WORTH: u64 = 1_024;
const TEXTS: [&str; 6] = [
    "application/json",
    "application/yaml",
    "application/javascript",
    "text/html",
    "text/css",
    "text/javascript",
];

/// Stands on an answer that may be compressed.
#[derive(Debug, Clone, Copy)]
struct MayBeCompressed;

pub(super) fn layer()
-> CompressionLayer<impl Fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool + Clone> {
    CompressionLayer::new().gzip(true).compress_when(
        |_status, _version, _headers: &HeaderMap, marks: &Extensions| {
            marks.get::<MayBeCompressed>().is_some()
        },
    )
}

/// Marks what may be compressed.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let reads = request.method() == Method::GET;
    let mut answer = next.run(request).await;
    if reads && answer.status() == StatusCode::OK && text(answer.headers()) && long(answer.headers()) {
        answer.extensions_mut().insert(MayBeCompressed);
    }
    answer
}

fn text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    TEXTS.contains(&kind.split(';').next().unwrap_or_default().trim())
}

/// A length that is not known is taken for long: sidecars pass answers on without one.
fn long(headers: &HeaderMap) -> bool {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length >= WORTH)
}
