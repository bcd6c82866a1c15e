//! One request's way through the gateway: token, body, place, slot, sidecar, and the answer back.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http;
use axum::response::{IntoResponse, Response};
use contracts::operation::{Pace, Row};
use contracts::{App as Service, Operation, ProblemType};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use web::Problem;
use web::prefer::{PREFER, Wait};
use web::request::RequestId;

use super::FORWARDED_FOR;
use super::live::going_on;
use super::upload::{self, Progress, Sending, Upload};
use super::witness::Visitor;
use crate::app::App;
use crate::app::connections::Handle;
use crate::app::gates::{Outcome, Place, Shed};
use crate::app::memory::Taken;
use crate::domain::answer::{self, Origin};
use crate::domain::client::Client;
use crate::domain::headers;
use crate::domain::route::Route;

/// Where a request comes from, told to `user` alone, which throttles logging in by it.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");
/// What the client says that it is, told to `user` alone, which lists it with the sessions.
const CLIENT_AGENT: HeaderName = HeaderName::from_static("x-client-agent");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// The trace that the answer belongs to, in the form of `traceparent` (W3C Trace Context).
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");
const REQUEST_ID: HeaderName = HeaderName::from_static(web::request::REQUEST_ID);
/// Of what the sidecar says instead of an answer, this much is logged.
const LOGGED: usize = 512;
/// Of an answer that nobody wants, this much is taken within this time, so that its connection can be used again.
const UNWANTED: usize = 64 * 1024;
const UNWANTED_WITHIN: Duration = Duration::from_secs(1);

/// Answers an operation by asking its owner, for a visitor who may ask.
pub(super) async fn forward(
    app: App,
    route: Route,
    visitor: Visitor,
    request_id: &RequestId,
    request: Request,
) -> Result<Response, Problem> {
    let row = route.row;
    let (parts, body) = request.into_parts();
    let Visitor { caller, address } = visitor;
    let connection = parts.extensions.get::<Handle>();
    let upload = Upload::of(&app, row, &parts.headers, body, connection).await?;
    let sending = upload.sending();
    let busy = connection.map(Handle::busy);
    let (client, plan) = Client::of(caller.as_ref(), address, row.pace);

    let Entered { mut place, wait } = enter(&app, row, &parts.headers)?;
    let share = plan.slots(row.pace);
    let lease = app.limiter.take(client, row.operation, share).map_err(|full| {
        count_shed(row, "slots");
        Problem::new(ProblemType::Unavailable).detail(full.to_string()).retry_after(1)
    })?;
    let mut inward = inward(&parts.headers, row, address, request_id);
    inward.insert(FORWARDED_FOR, lease.name());
    inward.extend(wait.map(|wait| (PREFER, wait.applied())));
    let trace = inward.get(TRACE_PARENT).cloned();
    let deadline = app.patience.deadline() + wait.map(|wait| wait.0).unwrap_or_default();
    let asked = tokio::time::timeout(deadline, ask(&app, &route, inward, upload)).await;
    drop(lease);

    let asked = asked.unwrap_or(Err(Failure::Late { deadline })).map_err(|failure| failure.seen_by(&sending));
    let mut answer = conclude(&mut place, row, share, asked)?;
    answer.headers_mut().extend(trace.map(|trace| (TRACE_RESPONSE, trace)));
    let answers = connection.map(Handle::answers).unwrap_or_default();
    if row.pace == Pace::Stream && answer.status().is_success() {
        let answer = going_on(&app, row, parts.headers, answer);
        return Ok(answers.keeping(answer, Some(Box::new((place, busy)))));
    }
    let known = row.method == contracts::operation::Method::Get
        && answer.status() == StatusCode::OK
        && headers::known_already(&parts.headers, answer.headers());
    if known || parts.method == Method::HEAD {
        let answer = without_body(answer).await;
        return Ok(if known { unchanged(answer) } else { answer });
    }
    // What follows is up to the client: it holds nobody up by leaving the answer where it is.
    drop((place, busy));
    Ok(answers.keeping(answer, None))
}

/// A request that may go on, and how long its answer may be held back.
struct Entered {
    place: Place,
    wait: Option<Wait>,
}

/// Takes a place, or says at once that there is none. Where no more answers can be held back, this one is not.
fn enter(app: &App, row: &'static Row, headers: &HeaderMap) -> Result<Entered, Problem> {
    let wait = Wait::of(headers).filter(|_| row.operation == Operation::PlaceOrder);
    if wait.is_some()
        && let Ok(place) = app.gates.enter_to_wait(row)
    {
        return Ok(Entered { place, wait });
    }
    let place = app.gates.enter(row).map_err(|shed| turned_away(row, shed))?;
    Ok(Entered { place, wait: None })
}

/// Notes what became of the request, and what the client gets to know of it.
fn conclude(
    place: &mut Place,
    row: &Row,
    share: u32,
    answer: Result<Response, Failure>,
) -> Result<Response, Problem> {
    match answer {
        Ok(answer) => {
            let failed = answer.status().is_server_error();
            place.note(if failed { Outcome::Failed } else { Outcome::Answered });
            Ok(answer)
        }
        Err(Failure::Limited { unit }) => {
            count_shed(row, "rate");
            Ok(limited(row, unit.map(|unit| unit.saturating_mul(share))))
        }
        Err(Failure::Broken) => Err(upload::unreadable()),
        Err(Failure::Slow { deadline }) => Err(upload::too_slow(deadline)),
        Err(Failure::Unexplained(source)) => Err(Problem::from(source)),
        Err(Failure::Late { .. }) => {
            count_shed(row, "deadline");
            place.note(Outcome::Failed);
            Err(Problem::new(ProblemType::DeadlineExceeded).detail("it may have been done all the same"))
        }
        Err(Failure::Away(source)) => {
            place.note(Outcome::Failed);
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
    Broken,
    /// The client's body was still waited for.
    Slow {
        deadline: Duration,
    },
    Late {
        deadline: Duration,
    },
    /// Something on the way refused, in words that no client is meant to read.
    Unexplained(anyhow::Error),
    /// The sidecar, or the service behind it, cannot be reached.
    Away(anyhow::Error),
}

impl Failure {
    /// The same where it is known how far the client had come with its body: what it has not sent is no failure of
    /// the service.
    fn seen_by(self, sending: &Sending) -> Failure {
        match (self, sending.progress()) {
            (Failure::Late { .. } | Failure::Away(_), Progress::BrokenOff) => Failure::Broken,
            (Failure::Late { deadline }, Progress::Awaited) => Failure::Slow { deadline },
            (failure, Progress::Done | Progress::Awaited | Progress::BrokenOff) => failure,
        }
    }
}

fn inward(headers: &HeaderMap, row: &Row, address: IpAddr, request_id: &RequestId) -> HeaderMap {
    let mut inward = headers::inward(headers);
    if let Ok(id) = HeaderValue::from_str(&request_id.0) {
        inward.insert(REQUEST_ID, id);
    }
    // The span of this request is the parent from here on; where traces are off, the client's goes on.
    if let Some(parent) = web::request::traceparent().and_then(|parent| HeaderValue::from_str(&parent).ok()) {
        inward.insert(TRACE_PARENT, parent);
    }
    if row.owner == Service::User {
        inward.insert(
            CLIENT_ADDRESS,
            HeaderValue::from_str(&address.to_string()).expect("invariant: an address is a header value"),
        );
        if let Some(agent) = headers.get(header::USER_AGENT).filter(|agent| headers::carried(agent)) {
            inward.insert(CLIENT_AGENT, agent.clone());
        }
    }
    inward
}

/// Sends the request to the own sidecar and waits until the answer begins; its body follows as it comes.
async fn ask(app: &App, route: &Route, mut inward: HeaderMap, upload: Upload) -> Result<Response, Failure> {
    let (body, _taken) = match upload {
        Upload::None => (None, Taken::default()),
        Upload::Whole { bytes, taken } => (Some(bytes.into()), taken),
        Upload::Streamed { length, body, sending } => {
            inward.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            (Some(sending.on(body)), Taken::default())
        }
    };
    let (client, request) = app.sidecar.request(route.row.operation).build_split();
    let mut request = request.map_err(away)?;
    *request.headers_mut() = inward;
    request.url_mut().set_query(Some(route.query.as_str()).filter(|query| !query.is_empty()));
    *request.body_mut() = body;
    let mut answer = client.execute(request).await.map_err(away)?;
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

/// The head of an answer whose body nobody wants.
async fn without_body(answer: Response) -> Response {
    let (parts, mut body) = answer.into_parts();
    let rest = async {
        let mut taken = 0;
        while let Some(Ok(part)) = body.frame().await {
            taken += part.data_ref().map_or(0, axum::body::Bytes::len);
            if taken > UNWANTED {
                break;
            }
        }
    };
    // What does not come in time costs the connection to the sidecar, and nothing else.
    let _ = tokio::time::timeout(UNWANTED_WITHIN, rest).await;
    Response::from_parts(parts, Body::empty())
}

/// What the client has already.
fn unchanged(mut answer: Response) -> Response {
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    answer.headers_mut().remove(header::CONTENT_TYPE);
    answer
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

pub(super) fn count_shed(row: &Row, reason: &'static str) {
    metrics::counter!("gateway_shed_total", "operation" => row.name, "reason" => reason).increment(1);
}
