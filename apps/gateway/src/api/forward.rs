//! One request's way through the gateway: token, body, place, slot, sidecar, and the answer back.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, http};
use contracts::operation::{Access, Row};
use contracts::{App as Service, ProblemType};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use web::request::RequestId;
use web::{Caller, Problem, auth};

use super::FORWARDED_FOR;
use super::upload::Upload;
use crate::app::App;
use crate::app::gates::{Outcome, Shed};
use crate::domain::answer::{self, Origin};
use crate::domain::client::Client;
use crate::domain::headers;
use crate::domain::route::Route;

/// Where a request comes from, told to `user` alone, which throttles logging in by it.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static(web::request::REQUEST_ID);
/// Of what the sidecar says instead of an answer, this much is logged.
const LOGGED: usize = 512;

/// Answers an operation by asking its owner.
pub(super) async fn forward(
    State(app): State<App>,
    Extension(route): Extension<Route>,
    Extension(request_id): Extension<RequestId>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Problem> {
    let row = route.row;
    let (parts, body) = request.into_parts();
    let caller = caller(&app, row, &parts.headers).await?;
    let upload = Upload::of(row, &parts.headers, body).await?;
    let (client, plan) = Client::of(caller.as_ref(), peer.ip(), row.pace);

    let place = app.gates.enter(row).map_err(|shed| turned_away(row, shed))?;
    let share = plan.slots(row.pace);
    let lease = app.limiter.take(client, row.operation, share).map_err(|full| {
        count_shed(row, "slots");
        Problem::new(ProblemType::Unavailable).detail(full.to_string()).retry_after(1)
    })?;
    let mut inward = inward(&parts.headers, row, peer, &request_id);
    inward.insert(FORWARDED_FOR, lease.name());
    let asked = tokio::time::timeout(app.patience.deadline(), ask(&app, &route, inward, upload)).await;
    drop((lease, place));

    conclude(&app, row, share, asked.unwrap_or(Err(Failure::Late)))
}

/// Notes what became of the request, and what the client gets to know of it.
fn conclude(
    app: &App,
    row: &Row,
    share: u32,
    answer: Result<Response, Failure>,
) -> Result<Response, Problem> {
    match answer {
        Ok(answer) => {
            let failed = answer.status().is_server_error();
            app.gates.note(row.operation, if failed { Outcome::Failed } else { Outcome::Answered });
            Ok(answer)
        }
        Err(Failure::Limited { unit }) => {
            count_shed(row, "rate");
            Ok(limited(row, unit.map(|unit| unit.saturating_mul(share))))
        }
        Err(Failure::Sender) => {
            Err(Problem::new(ProblemType::MalformedJson).detail("the body cannot be read"))
        }
        Err(Failure::Unexplained(source)) => Err(Problem::from(source)),
        Err(Failure::Late) => {
            count_shed(row, "deadline");
            app.gates.note(row.operation, Outcome::Failed);
            Err(Problem::new(ProblemType::DeadlineExceeded).detail("it may have been done all the same"))
        }
        Err(Failure::Away(source)) => {
            app.gates.note(row.operation, Outcome::Failed);
            Err(Problem::unavailable(source))
        }
    }
}

/// Why there is no answer of a service.
enum Failure {
    /// The client has used up its share.
    Limited {
        unit: Option<u32>,
    },
    /// The client's body broke off.
    Sender,
    Late,
    /// Something on the way refused, in words that no client is meant to read.
    Unexplained(anyhow::Error),
    /// The sidecar, or the service behind it, cannot be reached.
    Away(anyhow::Error),
}

/// Who calls, where the operation wants to know; a token that is not needed only chooses the plan.
async fn caller(app: &App, row: &Row, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    match row.access {
        Access::Permitted(permission) => auth::permitted(headers, &app.keys, permission).await.map(Some),
        Access::Anonymous => match auth::bearer(headers) {
            Ok(token) => Ok(app.keys.check(token).await.ok()),
            Err(_) => Ok(None),
        },
        Access::Internal => Err(Problem::not_found()),
    }
}

fn inward(headers: &HeaderMap, row: &Row, peer: SocketAddr, request_id: &RequestId) -> HeaderMap {
    let mut inward = headers::inward(headers);
    if let Ok(id) = HeaderValue::from_str(&request_id.0) {
        inward.insert(REQUEST_ID, id);
    }
    // The span of this request is the parent from here on; where traces are off, the client's goes on.
    if let Some(parent) = web::request::traceparent().and_then(|parent| HeaderValue::from_str(&parent).ok()) {
        inward.insert(TRACE_PARENT, parent);
    }
    if row.owner == Service::User {
        let address = peer.ip().to_canonical().to_string();
        inward.insert(
            CLIENT_ADDRESS,
            HeaderValue::from_str(&address).expect("invariant: an address is a header value"),
        );
    }
    inward
}

/// Sends the request to the own sidecar and waits until the answer begins; its body follows as it comes.
async fn ask(app: &App, route: &Route, mut inward: HeaderMap, upload: Upload) -> Result<Response, Failure> {
    let body = match upload {
        Upload::None => None,
        Upload::Whole(bytes) => Some(bytes.into()),
        Upload::Streamed { length, body } => {
            inward.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            Some(reqwest::Body::wrap_stream(body.into_data_stream()))
        }
    };
    let (client, request) = app.sidecar.request(route.row.operation).headers(inward).build_split();
    let mut request = request.map_err(away)?;
    request.url_mut().set_query(Some(route.query.as_str()).filter(|query| !query.is_empty()));
    *request.body_mut() = body;
    let mut answer = client
        .execute(request)
        .await
        .map_err(|error| if error.is_body() { Failure::Sender } else { away(error) })?;
    match answer::origin(answer.status(), answer.headers()) {
        Origin::Service => Ok(passed_on(answer)),
        Origin::Limiter { unit } => Err(Failure::Limited { unit }),
        Origin::Sidecar => {
            let status = answer.status();
            let said = answer.chunk().await.ok().flatten().unwrap_or_default();
            let said = String::from_utf8_lossy(&said[..said.len().min(LOGGED)]).into_owned();
            let source = anyhow::anyhow!("the sidecar answered {status}: {said}");
            Err(if answer::blames_the_way(status, &said) {
                Failure::Away(source)
            } else {
                Failure::Unexplained(source)
            })
        }
    }
}

fn away(error: reqwest::Error) -> Failure {
    // The address holds the client's query, which may hold what no log should.
    Failure::Away(error.without_url().into())
}

fn passed_on(answer: reqwest::Response) -> Response {
    let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = parts.status;
    *response.headers_mut() = headers::outward(&parts.headers);
    response
}

fn turned_away(row: &Row, shed: Shed) -> Problem {
    count_shed(
        row,
        match shed {
            Shed::Busy => "bulkhead",
            Shed::Broken => "breaker",
        },
    );
    Problem::new(ProblemType::Unavailable).detail(shed.to_string()).retry_after(1)
}

/// A refusal with the RateLimit fields of the IETF's draft; `quota` is what this client may ask in a second.
fn limited(row: &Row, quota: Option<u32>) -> Response {
    let problem =
        Problem::new(ProblemType::RateLimited).detail("wait as long as Retry-After says").retry_after(1);
    let mut response = problem.into_response();
    let quota = quota.map(|quota| {
        (HeaderName::from_static("ratelimit-policy"), format!("\"{}\";q={quota};w=1", row.name))
    });
    let left = (HeaderName::from_static("ratelimit"), format!("\"{}\";r=0;t=1", row.name));
    for (name, value) in quota.into_iter().chain([left]) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    debug_assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    response
}

fn count_shed(row: &Row, reason: &'static str) {
    metrics::counter!("gateway_shed_total", "operation" => row.name, "reason" => reason).increment(1);
}
