//! Sends one request until it is answered: waits as long as Retry-After says, and backs off when nothing says.
//!
//! Everything this program sends may be repeated: reads, log-ins, and writes under their idempotency key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use contracts::Operation;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::{Deserialize, Serialize};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(2);
/// What a 429 without Retry-After is taken to mean.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// One request, before it is sent.
#[derive(Clone)]
pub struct Call {
    operation: Operation,
    path: String,
    query: Vec<(&'static str, String)>,
    token: Option<String>,
    idempotency_key: Option<String>,
    body: Option<Vec<u8>>,
    answer: Form,
}

/// What the body of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
}

/// Its body may hold a password, and its token is one.
impl std::fmt::Debug for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Call").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl Call {
    pub fn new(operation: Operation) -> Call {
        let path = operation.row().path.expect("invariant: only public operations are asked for");
        Call {
            operation,
            path: path.to_owned(),
            query: Vec::new(),
            token: None,
            idempotency_key: None,
            body: None,
            answer: Form::Json,
        }
    }

    /// Expects plain text.
    pub(super) fn for_text(mut self) -> Call {
        self.answer = Form::Text;
        self
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    pub fn path_parameter(mut self, name: &str, value: &str) -> Call {
        self.path = self.path.replace(&format!("{{{name}}}"), value);
        self
    }

    pub fn query(mut self, name: &'static str, value: &str) -> Call {
        self.query.push((name, value.to_owned()));
        self
    }

    pub fn query_if(mut self, name: &'static str, value: Option<String>) -> Call {
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    pub(super) fn token(mut self, token: &str) -> Call {
        self.token = Some(token.to_owned());
        self
    }

    pub fn idempotency_key(mut self, key: &str) -> Call {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    pub fn body<B: Serialize>(mut self, body: &B) -> Call {
        self.body = Some(serde_json::to_vec(body).expect("invariant: requests are plain data"));
        self
    }
}

/// A refusal as the gateway words it (RFC 9457).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: Option<String>,
    /// What it has besides.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// The last segment of its type, e.g. `price-changed`.
    pub fn name(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }

    fn read(status: u16, body: &[u8]) -> Problem {
        let mut problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        problem.status = status;
        if problem.kind.is_empty() {
            problem.kind = format!("/problems/status-{status}");
        }
        problem
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.status, self.name())?;
        match &self.detail {
            Some(detail) => write!(formatter, " ({detail})"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{} was refused: {problem}", operation.name())]
    Refused { operation: Operation, problem: Problem },
    #[error("{} was not answered within {} s: {last}", operation.name(), waited.as_secs())]
    GaveUp { operation: Operation, waited: Duration, last: String },
    #[error("the answer to {} cannot be read", operation.name())]
    Unreadable { operation: Operation, source: serde_json::Error },
}

/// How often a request had to be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pauses {
    /// For the rate limit (429).
    pub rate_limited: u64,
    /// Since the service could not be reached or failed.
    pub unavailable: u64,
}

#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    gateway: String,
    patience: Duration,
    rate_limited: AtomicU64,
    unavailable: AtomicU64,
}

/// What became of one attempt.
enum Attempt {
    Answered(Vec<u8>),
    Refused(Problem),
    Later { pause: Option<Duration>, why: String },
}

impl Transport {
    pub(super) fn new(gateway: &str, patience: Duration) -> Result<Transport, reqwest::Error> {
        Ok(Transport {
            http: reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?,
            gateway: gateway.trim_end_matches('/').to_owned(),
            patience,
            rate_limited: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
        })
    }

    pub(super) fn pauses(&self) -> Pauses {
        Pauses {
            rate_limited: self.rate_limited.load(Ordering::Relaxed),
            unavailable: self.unavailable.load(Ordering::Relaxed),
        }
    }

    /// The body of a 2xx answer, after as many attempts as patience allows.
    pub(super) async fn send(&self, call: &Call) -> Result<Vec<u8>, CallError> {
        let operation = call.operation;
        let started = Instant::now();
        let mut back_off = FIRST_BACK_OFF;
        loop {
            let (pause, why) = match self.attempt(call).await {
                Attempt::Answered(body) => return Ok(body),
                Attempt::Refused(problem) => return Err(CallError::Refused { operation, problem }),
                Attempt::Later { pause, why } => (pause.unwrap_or(back_off) + self.stagger(), why),
            };
            let waited = started.elapsed();
            if waited + pause > self.patience {
                return Err(CallError::GaveUp { operation, waited, last: why });
            }
            tokio::time::sleep(pause).await;
            back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    async fn attempt(&self, call: &Call) -> Attempt {
        let answer = match self.request(call).send().await {
            Ok(answer) => answer,
            Err(error) => return self.unreachable(error),
        };
        let status = answer.status().as_u16();
        let pause = retry_after(answer.headers(), Utc::now());
        let body = match answer.bytes().await {
            Ok(body) => body,
            Err(error) => return self.unreachable(error),
        };
        match status {
            // Whoever answered was killed before it had said all: the request may have been carried out, and is
            // asked again under its key.
            200..=299 if call.answer == Form::Json && !whole(&body) => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
                Attempt::Later { pause: None, why: format!("{status} with half an answer") }
            }
            200..=299 => Attempt::Answered(body.into()),
            429 => {
                self.rate_limited.fetch_add(1, Ordering::Relaxed);
                let why = Problem::read(status, &body).to_string();
                Attempt::Later { pause: pause.or(Some(RATE_LIMIT_PAUSE)), why }
            }
            500..=599 => {
                self.unavailable.fetch_add(1, Ordering::Relaxed);
                Attempt::Later { pause, why: Problem::read(status, &body).to_string() }
            }
            _ => Attempt::Refused(Problem::read(status, &body)),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Attempt {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
        Attempt::Later { pause: None, why: format!("{:#}", anyhow::Error::from(error)) }
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(call.operation.row().method.name().as_bytes())
            .expect("invariant: the table's methods are HTTP's");
        let mut request = self.http.request(method, format!("{}{}", self.gateway, call.path));
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(token) = &call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.header("Content-Type", "application/json").body(body.clone());
        }
        request
    }

    /// A little more time, another for each pause, so that those turned away together do not come back together.
    fn stagger(&self) -> Duration {
        let pauses = self.pauses();
        Duration::from_millis((pauses.rate_limited + pauses.unavailable) * 61 % 400)
    }
}

/// Whether it is a JSON document to its end.
fn whole(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Reads the body of an answer.
pub(super) fn read<T: for<'de> Deserialize<'de>>(operation: Operation, body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|source| CallError::Unreadable { operation, source })
}

/// Retry-After as seconds or as a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn pause(text: &'static str) -> Option<Duration> {
        let now = "2026-01-05T10:00:00Z".parse().unwrap();
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]), now)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(pause("3"), Some(Duration::from_secs(3)));
        assert_eq!(pause("Mon, 05 Jan 2026 10:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Mon, 05 Jan 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), Utc::now()), None);
    }

    #[test]
    fn a_refusal_without_a_problem_is_named_by_its_status() {
        assert_eq!(Problem::read(404, b"not here").to_string(), "404 status-404");
        let body = br#"{"type":"/problems/price-changed","title":"x","status":409,"detail":"now 2.50"}"#;
        assert_eq!(Problem::read(409, body).to_string(), "409 price-changed (now 2.50)");
    }
}
