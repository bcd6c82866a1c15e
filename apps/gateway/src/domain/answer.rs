//! Whose answer came back: the service's own, the limiter's, or the sidecar's word that it could not ask.

use http::header::{self, HeaderMap};
use http::{HeaderName, StatusCode};

/// The limiter's rate in its answers: what one slot may ask for in a second.
const LIMITER_RATE: HeaderName = HeaderName::from_static("ratelimit-limit");

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// To be passed on, whatever its status.
    Service,
    /// The slot is used up for this second.
    Limiter { unit: Option<u32> },
    /// Most likely no service was asked, or none has answered; [`blames_the_way`] tells by the body.
    Sidecar,
}

/// Whether a refusal that is no service's problem means that the service could not be reached. A 4xx without the
/// sidecar's error code is none: some layer of a service refused in words of its own, and so a client could make it.
pub fn blames_the_way(status: StatusCode, body: &str) -> bool {
    status.is_server_error() || body.contains("\"errorCode\"")
}

/// Services refuse with `application/problem+json` and nothing else; the sidecar never does.
pub fn origin(status: StatusCode, headers: &HeaderMap) -> Origin {
    let refusal = status.is_client_error() || status.is_server_error();
    let problem = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
    if !refusal || problem {
        return Origin::Service;
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        let unit = headers.get(LIMITER_RATE).and_then(|value| value.to_str().ok()?.parse().ok());
        return Origin::Limiter { unit };
    }
    Origin::Sidecar
}
