//! One span for each request, with its id; the id comes in with the request or is made here.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::{Extractor, Injector};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// The header that carries it, in and out.
pub const REQUEST_ID: &str = "x-request-id";

/// Identifies one request in every log it touches.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A request id is short and plain, or it is replaced: it goes into logs and headers.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// Middleware: opens the span, logs the answer, counts it.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .trim_start_matches('/')
        .to_owned();
    let span =
        tracing::info_span!("request", request.id = id, operation = route, order.id = tracing::field::Empty);
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderReader(request.headers()))
    });
    // Without an exporter there is no tracing layer to take the parent, and that is no fault.
    let _ = span.set_parent(parent);
    request.extensions_mut().insert(RequestId(id.clone()));

    let started = Instant::now();
    let mut response = async {
        let response = next.run(request).await;
        let (status, elapsed) = (response.status(), started.elapsed());
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if status.is_server_error() {
            tracing::error!(status = status.as_u16(), duration_ms, "answered");
        } else if !matches!(route.as_str(), "healthz" | "readyz" | "metrics") {
            tracing::info!(status = status.as_u16(), duration_ms, "answered");
        }
        let labels = [("operation", route.clone()), ("status", status.as_u16().to_string())];
        metrics::counter!("http_requests_total", &labels).increment(1);
        metrics::histogram!("http_request_duration_seconds", "operation" => route.clone())
            .record(elapsed.as_secs_f64());
        response
    }
    .instrument(span)
    .await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The present span's trace context as a W3C `traceparent`, where traces are on.
pub fn traceparent() -> Option<String> {
    let mut headers = HeaderMap::new();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&tracing::Span::current().context(), &mut HeaderWriter(&mut headers));
    });
    headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

struct HeaderReader<'a>(&'a HeaderMap);

impl Extractor for HeaderReader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct HeaderWriter<'a>(&'a mut HeaderMap);

impl Injector for HeaderWriter<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(name, value);
        }
    }
}
