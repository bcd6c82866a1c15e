//! The one error of the HTTP edge: an RFC 9457 problem.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::ProblemType;
use contracts::Refusal;
use serde_json::{Map, Value, json};

/// Why a request was refused. Answers as `application/problem+json`.
#[derive(Debug)]
pub struct Problem {
    pub kind: ProblemType,
    detail: Option<String>,
    members: Map<String, Value>,
    retry_after: Option<u32>,
    source: Option<anyhow::Error>,
}

impl Problem {
    pub fn new(kind: ProblemType) -> Problem {
        Problem { kind, detail: None, members: Map::new(), retry_after: None, source: None }
    }

    /// What is wrong with this request, and what to do next.
    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = Some(detail.into());
        self
    }

    /// A member of its own beside the standard ones.
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Problem {
        self.members.insert(name.to_owned(), json!(value));
        self
    }

    /// Seconds after which trying again makes sense.
    pub fn retry_after(mut self, seconds: u32) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// What failed on our side; logged, never answered.
    pub fn because(mut self, source: impl Into<anyhow::Error>) -> Problem {
        self.source = Some(source.into());
        self
    }

    pub fn not_found() -> Problem {
        Problem::new(ProblemType::NotFound)
    }

    pub fn unavailable(source: impl Into<anyhow::Error>) -> Problem {
        Problem::new(ProblemType::Unavailable).detail("try again in a moment").retry_after(1).because(source)
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status())
            .expect("invariant: the table of problem types holds valid statuses")
    }

    /// The problem document.
    pub fn body(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("type".into(), json!(format!("/problems/{}", self.kind.name())));
        body.insert("title".into(), json!(self.kind.title()));
        body.insert("status".into(), json!(self.kind.status()));
        if let Some(detail) = &self.detail {
            body.insert("detail".into(), json!(detail));
        }
        Value::Object(body)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(source: anyhow::Error) -> Problem {
        Problem::new(ProblemType::Internal).because(source)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        let away = matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)
        ) || error.as_database_error().and_then(|error| error.code()).is_some_and(|code| {
            // Classes 57 (shutting down), 08 (connection), 53 (resources) and 40 (rolled back because of others) of
            // PostgreSQL's SQLSTATE.
            ["57", "08", "53", "40"].iter().any(|class| code.starts_with(class))
        });
        if away { Problem::unavailable(error) } else { Problem::from(anyhow::Error::from(error)) }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        let mut problem = Problem::new(refusal.problem_type());
        if let Ok(Value::Object(members)) = serde_json::to_value(refusal) {
            problem.members = members;
            problem.members.remove("type");
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            tracing::error!(problem.type = self.kind.name(), error = format!("{source:#}"), "request failed");
        }
        let mut response = (self.status(), axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind.status() == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
