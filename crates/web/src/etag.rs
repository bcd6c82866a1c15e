//! Entity tags: a resource's version, so that nobody overwrites what they have not seen.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};
use contracts::ProblemType;

use crate::Problem;

/// Goes out with a resource: `"<version>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag(pub i64);

impl std::fmt::Display for ETag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\"", self.0)
    }
}

/// Must come in with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// # Errors
    /// `precondition-failed`, with the present version, when the resource has changed since it was read.
    pub fn check(self, present: i64) -> Result<(), Problem> {
        if self.0 == present {
            Ok(())
        } else {
            Err(Problem::new(ProblemType::PreconditionFailed)
                .detail("read it again and decide anew")
                .with("current", format!("\"{present}\"")))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(header::IF_MATCH).ok_or_else(|| {
            Problem::new(ProblemType::PreconditionRequired).detail("send the ETag that you read")
        })?;
        header
            .to_str()
            .ok()
            .and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok())
            .map(IfMatch)
            .ok_or_else(|| Problem::new(ProblemType::PreconditionFailed).detail("that is no ETag of ours"))
    }
}

/// Where it may be left out: whoever sends it wants to be held to it.
impl<S: Send + Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        if parts.headers.contains_key(header::IF_MATCH) {
            <IfMatch as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

impl IntoResponseParts for ETag {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        let tag = HeaderValue::from_str(&self.to_string())
            .expect("invariant: digits and quotes are a header value");
        response.headers_mut().insert(header::ETAG, tag);
        Ok(response)
    }
}
