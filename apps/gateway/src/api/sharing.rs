//! Which pages of other origins may ask, and read the answers (CORS). Tokens travel in a header that no browser sends
//! by itself, so credentials in its sense are never needed.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// A browser asks again after this.
const ASK_AGAIN: Duration = Duration::from_secs(3_600);

/// [`None`] where no other origin was named: then nothing is said of it.
pub(super) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let named =
        |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    let sent = [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "prefer",
        "traceparent",
        "tracestate",
        "x-request-id",
    ];
    let read = [
        "etag",
        "idempotent-replayed",
        "link",
        "location",
        "preference-applied",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "traceresponse",
        "www-authenticate",
        "x-request-id",
    ];
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(named(&sent))
            .expose_headers(named(&read))
            .max_age(ASK_AGAIN)
            .vary([header::ORIGIN])
    })
}
