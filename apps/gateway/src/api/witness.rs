//! The way of every operation through the gateway, with the audit log as witness: what staff change is written down
//! before it is tried, and every refusal of permission, the gateway's or a service's, is counted.

use std::net::{IpAddr, SocketAddr};

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use contracts::identity::{AuditEntry, AuditOutcome, AuditResult};
use contracts::operation::{Access, Method, Pace, Row};
use contracts::{Operation, Permission, ProblemType};
use http::StatusCode;
use uuid::Uuid;
use web::request::RequestId;
use web::{Caller, Problem};

use super::forward::forward;
use super::identify::{Refused, caller, exchange_key};
use crate::app::{App, audit};
use crate::domain::client::Client;
use crate::domain::refusals::{Circumstances, Kind};
use crate::domain::route::Route;

/// Who stands before the gateway, found out once.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub caller: Option<Caller>,
    pub address: IpAddr,
}

/// Finds out who calls, lets the request on, and notes what the log wants to know.
pub(super) async fn witness(
    State(app): State<App>,
    Extension(route): Extension<Route>,
    Extension(request_id): Extension<RequestId>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let row = route.row;
    let address = app.edge.proxies.client(peer.ip(), request.headers());
    let circumstances = Circumstances { subject: subject(&route), request_id: request_id.0.clone() };
    let identified = match exchange_key(&app, row, address, request.headers_mut()).await {
        Ok(()) => caller(&app, row, request.headers()).await,
        Err(problem) => Err(problem.into()),
    };
    let caller = match identified {
        Ok(caller) => caller,
        Err(Refused { caller, problem }) => {
            if problem.kind == ProblemType::Forbidden {
                app.audit.refused(kind(row, caller.as_ref(), address), circumstances, Utc::now());
            }
            return problem.into_response();
        }
    };
    let attempt = match attempt(&app, row, caller.as_ref(), address, &circumstances).await {
        Ok(attempt) => attempt,
        Err(problem) => return problem.into_response(),
    };
    let visitor = Visitor { caller: caller.clone(), address };
    let answer = forward(app.clone(), route, visitor, &request_id, request).await.into_response();
    if let Some(entry_id) = attempt {
        let status = answer.status().as_u16();
        app.audit.ended(AuditOutcome { entry_id, status, at: Utc::now() });
    }
    if answer.status() == StatusCode::FORBIDDEN {
        app.audit.refused(kind(row, caller.as_ref(), address), circumstances, Utc::now());
    }
    answer
}

/// Writes down what staff are about to change. Without that it is not tried.
async fn attempt(
    app: &App,
    row: &Row,
    caller: Option<&Caller>,
    address: IpAddr,
    circumstances: &Circumstances,
) -> Result<Option<Uuid>, Problem> {
    let Some(caller) = caller else { return Ok(None) };
    let Some(permission) = privileged(row, caller) else { return Ok(None) };
    let (id, now) = (Uuid::now_v7(), Utc::now());
    let entry = AuditEntry {
        id,
        at: now,
        last_at: now,
        count: 1,
        result: AuditResult::Attempted,
        actor: Some(caller.user_id),
        api_key: caller.key_id,
        operation: row.name.to_owned(),
        permission: Some(permission.name().to_owned()),
        subject: circumstances.subject.clone(),
        address: Some(address.to_string()),
        request_id: Some(circumstances.request_id.clone()),
    };
    record(app, caller, address, entry).await?;
    Ok(Some(id))
}

/// At the cost of the caller's own share, so that nobody floods the log.
async fn record(app: &App, caller: &Caller, address: IpAddr, entry: AuditEntry) -> Result<(), Problem> {
    let (client, plan) = Client::of(Some(caller), address, Pace::Write);
    let lease = app
        .limiter
        .take(client, Operation::RecordAudit, plan.slots(Pace::Write))
        .map_err(|full| Problem::new(ProblemType::Unavailable).detail(full.to_string()).retry_after(1))?;
    audit::attempt(&app.sidecar, lease.name(), entry).await.map_err(|error| {
        if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) {
            Problem::new(ProblemType::RateLimited).detail("wait as long as Retry-After says").retry_after(1)
        } else {
            Problem::new(ProblemType::StaffUnavailable)
                .detail("it cannot be written down who does this")
                .retry_after(2)
                .because(error)
        }
    })
}

/// The permission of an operation that changes something, when no customer may ask for it or staff do: they may be
/// about somebody else's order.
fn privileged(row: &Row, caller: &Caller) -> Option<Permission> {
    match (row.access, row.method) {
        (Access::Permitted(_), Method::Get) | (Access::Anonymous | Access::Internal, _) => None,
        (Access::Permitted(permission), Method::Post | Method::Put | Method::Patch | Method::Delete) => {
            let staff = caller.permissions().iter().any(|held| held.of_staff());
            Some(permission).filter(|permission| staff || permission.of_staff())
        }
    }
}

fn kind(row: &'static Row, caller: Option<&Caller>, address: IpAddr) -> Kind {
    Kind {
        actor: caller.map(|caller| caller.user_id),
        api_key: caller.and_then(|caller| caller.key_id),
        operation: row.name,
        permission: match row.access {
            Access::Permitted(permission) => Some(permission.name()),
            Access::Anonymous | Access::Internal => None,
        },
        address: Some(address),
    }
}

/// The path's parameters: ids and names of ours, which hold nothing personal.
fn subject(route: &Route) -> String {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&route.query).unwrap_or_default();
    let path: Vec<String> = pairs
        .into_iter()
        .filter(|(name, _)| route.row.path_parameters().any(|parameter| parameter == name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    path.join("&")
}
