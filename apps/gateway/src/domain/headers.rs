//! Which headers pass. What is not named here stays outside, or inside: forwarding headers of the client, the
//! limiter's counters, everything of Dapr's.

use http::header::{self, HeaderMap, HeaderName};

/// What a client may say to a service.
const INWARD: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("stripe-signature"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// What a service may say to a client.
const OUTWARD: [HeaderName; 13] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::LINK,
    header::RETRY_AFTER,
    header::CACHE_CONTROL,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::CONTENT_DISPOSITION,
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("preference-applied"),
];

/// The request headers that a service gets to see.
pub fn inward(headers: &HeaderMap) -> HeaderMap {
    passing(headers, &INWARD)
}

/// The answer's headers that a client gets to see.
pub fn outward(headers: &HeaderMap) -> HeaderMap {
    passing(headers, &OUTWARD)
}

/// The first of each name only: two readers must not pick different ones.
fn passing(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}

/// What the request's head takes in memory.
pub fn size(target: usize, headers: &HeaderMap) -> usize {
    // Four bytes for the colon, the space and the line's end, as on the wire.
    headers.iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4)
}
