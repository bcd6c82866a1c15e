//! Extractors whose refusals are named problems.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::ProblemType;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body, in or out.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(
                |value| value.split(';').next().unwrap_or_default().trim() == "application/json",
            );
        if !json {
            return Err(Problem::new(ProblemType::UnsupportedMediaType));
        }
        parse(&whole(request, state).await?).map(Json)
    }
}

/// A request's body to its end, within the limit that its route has.
pub(crate) async fn whole<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        match rejection.into_response().status().as_u16() {
            413 => Problem::new(ProblemType::BodyTooLarge),
            _ => Problem::new(ProblemType::MalformedJson).detail("the body could not be read to its end"),
        }
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(Problem::new(ProblemType::NulCharacter));
        }
        serde_urlencoded::from_str(query)
            .map(Query)
            .map_err(|error| Problem::new(ProblemType::InvalidParameter).detail(error.to_string()))
    }
}

/// Reads JSON and names what is wrong with it.
///
/// # Errors
/// `malformed-json`, `nul-character`, `unknown-field`, `quantity-out-of-range`, `amount-out-of-range`, `invalid-field`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if holds_nul(body) {
        return Err(Problem::new(ProblemType::NulCharacter));
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        let kind = match error.classify() {
            serde_json::error::Category::Data => kind_of(&message),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => ProblemType::MalformedJson,
        };
        Problem::new(kind).detail(message)
    })
}

/// The types of `contracts` refuse values in their own words; serde passes only the words on.
fn kind_of(message: &str) -> ProblemType {
    if message.starts_with("unknown field") {
        ProblemType::UnknownField
    } else if message.starts_with("quantity ") {
        ProblemType::QuantityOutOfRange
    } else if message.starts_with("amount ") {
        ProblemType::AmountOutOfRange
    } else {
        ProblemType::InvalidField
    }
}

/// PostgreSQL's text cannot hold NUL, so `\u0000` is refused before it gets there.
fn holds_nul(body: &[u8]) -> bool {
    let mut at = 0;
    while let Some(offset) = body[at..].iter().position(|byte| *byte == b'\\') {
        let escape = at + offset;
        if body[escape..].starts_with(b"\\u0000") {
            return true;
        }
        at = (escape + 2).min(body.len());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{Money, Quantity};

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Line {
        quantity: Quantity,
        price: Option<Money>,
        note: Option<String>,
    }

    fn kind(body: &str) -> &'static str {
        parse::<Line>(body.as_bytes()).map_or_else(|problem| problem.kind.name(), |_| "fine")
    }

    #[test]
    fn names_what_is_wrong_with_a_body() {
        assert_eq!(kind(r#"{"quantity":1}"#), "fine");
        assert_eq!(kind(r#"{"quantity":1,"note":"a\\u0000"}"#), "fine");
        assert_eq!(kind(r#"{"quantity":1,"note":"a\u0000"}"#), "nul-character");
        assert_eq!(kind(r#"{"quantity":1,"#), "malformed-json");
        assert_eq!(kind("quantity=1"), "malformed-json");
        assert_eq!(kind(r#"{"quantity":0}"#), "quantity-out-of-range");
        assert_eq!(kind(r#"{"quantity":-7}"#), "quantity-out-of-range");
        assert_eq!(kind(r#"{"quantity":"1"}"#), "invalid-field");
        assert_eq!(kind("{}"), "invalid-field");
        assert_eq!(kind(r#"{"quantity":1,"total":5}"#), "unknown-field");
        assert_eq!(
            kind(r#"{"quantity":1,"price":{"amount":100000000,"currency":"GBP"}}"#),
            "amount-out-of-range"
        );
    }
}
