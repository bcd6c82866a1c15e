//! Which headers pass. What is not named here stays outside, or inside: forwarding headers of the client, the
//! limiter's counters, everything of Dapr's.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What a client may say to a service. Not what it would accept: no service asks, and daprd gives up every refusal of
/// an answer that a client would rather have as a stream of events.
const INWARD: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
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

/// Whether the client has what the answer's tag names; a cache may have made the tag a weak one.
pub fn known_already(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let Some(tag) = answer.get(header::ETAG).and_then(text) else {
        return false;
    };
    let given = request.get_all(header::IF_NONE_MATCH).iter().filter_map(text);
    given.into_iter().any(|line| {
        line.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
    })
}

/// Whether a sidecar can carry the value. It makes text of it, and gives up a request whose text is none: then
/// whoever sends a single such byte could have an operation taken for broken.
pub fn carried(value: &HeaderValue) -> bool {
    std::str::from_utf8(value.as_bytes()).is_ok()
}

/// The first of each name only: two readers must not pick different ones.
fn passing(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let first = |name: &HeaderName| headers.get(name).filter(|value| carried(value));
    names.iter().filter_map(|name| Some((name.clone(), first(name)?.clone()))).collect()
}

/// What the request's head takes in memory.
pub fn size(target: usize, headers: &HeaderMap) -> usize {
    // Four bytes for the colon, the space and the line's end, as on the wire.
    headers.iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4)
}
