//! How every command on an order goes: once for each key, under the order's lock, in one transaction with what it
//! says. A refusal leaves the order as it was, and a line on its timeline.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::{
    App as Service, EntryKind, Event, Operation, OrderId, Permission, ProblemType, TimelineEntry,
};
use serde::Serialize;
use serde_json::{Value, json};
use sidecar::fail_points;
use sqlx::PgConnection;
use web::idempotency::{self, Claim};
use web::request::{RequestId, traceparent};
use web::{Caller, ETag, IdempotencyKey, IfMatch, Json, Problem};

use super::{OrderView, trace_id};
use crate::app::App;
use crate::domain::Order;
use crate::events;
use crate::store::commands::{self, Command};
use crate::store::orders::{self, StoredOrder};
use crate::store::timeline;

/// Who asks, and under which key.
pub struct Asked {
    pub caller: Caller,
    pub key: IdempotencyKey,
    pub request_id: RequestId,
}

/// What is asked of which order.
pub struct Wish<'a> {
    pub operation: Operation,
    pub order_id: OrderId,
    /// The version that the caller has seen.
    pub seen: Option<IfMatch>,
    pub whose: Whose<'a>,
    /// The line that the timeline gets, with the request in it.
    pub kind: EntryKind,
    pub detail: Value,
    pub hash: Vec<u8>,
    pub answer: StatusCode,
}

/// Whose order it may be.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// The caller's own; with a reason anybody's, for whoever manages orders.
    Own { reason: Option<&'a str> },
    /// The operation's permission is enough.
    Anybodys,
}

impl<'a> Wish<'a> {
    /// A wish of staff that creates something.
    ///
    /// # Errors
    /// When the request cannot be written as JSON.
    pub fn new(
        operation: Operation,
        order_id: OrderId,
        request: &impl Serialize,
    ) -> Result<Wish<'a>, Problem> {
        Ok(Wish {
            operation,
            order_id,
            seen: None,
            whose: Whose::Anybodys,
            kind: EntryKind::Command,
            detail: serde_json::to_value(request).map_err(anyhow::Error::from)?,
            hash: idempotency::hash(&(order_id, request))?,
            answer: StatusCode::CREATED,
        })
    }

    /// Names on the timeline what the wish makes, or what it is about.
    pub fn naming(mut self, name: &str, id: impl Serialize) -> Wish<'a> {
        self.detail[name] = json!(id);
        self
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        let request_id = parts.extensions.get::<RequestId>().cloned();
        let request_id = request_id.ok_or_else(|| anyhow::anyhow!("a request came without an id"))?;
        Ok(Asked { caller, key, request_id })
    }
}

/// Runs the command; `act` decides, and changes nothing when it refuses.
pub async fn run<E>(
    app: &App,
    asked: &Asked,
    wish: Wish<'_>,
    act: impl FnOnce(&mut Order, DateTime<Utc>) -> Result<Vec<Event>, E>,
) -> Result<Response, Problem>
where
    Problem: From<E>,
{
    let caller = &asked.caller;
    let mut tx = app.db.begin().await?;
    if let Claim::Replay(answer) =
        idempotency::claim(&mut tx, caller.user_id, wish.operation, &asked.key, &wish.hash).await?
    {
        return Ok(answer.into_response());
    }
    let before = lock_visible(&mut tx, caller, &wish).await?;
    let now = app.clock.now();
    if done_before(&mut tx, asked, &wish, now).await? {
        // The stored answer was forgotten; the order as it now is stands in for it.
        let view = OrderView::new(&before, caller, now);
        return Ok((wish.answer, ETag(before.version), Json(view)).into_response());
    }
    let mut after = before.clone();
    let decided = wish.seen.map_or(Ok(()), |seen| seen.check(before.version));
    let said = match decided.and_then(|()| Ok(act(&mut after.order, now)?)) {
        Ok(said) => said,
        Err(problem) => {
            tx.rollback().await?;
            return refuse(app, asked, &wish, &before, problem, now).await;
        }
    };
    after.version += 1;
    let line = entry(asked, wish.operation, wish.kind, wish.detail.clone(), now);
    timeline::insert_entry(&mut tx, wish.order_id, &line).await?;
    events::save(&mut tx, &before.order, &after.order, said, now, &asked.request_id.0).await?;
    let view = OrderView::new(&after, caller, now);
    let claimed = (caller.user_id, wish.operation, &asked.key);
    idempotency::store_tagged(&mut tx, claimed, wish.answer, ETag(after.version), &view).await?;
    fail_points::commit(tx, Service::Order, wish.operation.name()).await?;
    app.outbox.wake();
    app.watches.changed(wish.order_id);
    Ok((wish.answer, ETag(after.version), Json(view)).into_response())
}

/// The order under its lock; somebody else's is not found.
async fn lock_visible(
    tx: &mut PgConnection,
    caller: &Caller,
    wish: &Wish<'_>,
) -> Result<StoredOrder, Problem> {
    let order = orders::lock_order(tx, wish.order_id).await?.ok_or_else(Problem::not_found)?;
    let own = order.order.saga.customer_id == caller.user_id;
    match wish.whose {
        Whose::Anybodys => Ok(order),
        Whose::Own { .. } if own => Ok(order),
        Whose::Own { .. } if !caller.may(Permission::OrdersManage) => Err(Problem::not_found()),
        Whose::Own { reason: Some(_) } => Ok(order),
        Whose::Own { reason: None } => Err(Problem::new(ProblemType::InvalidField)
            .detail("reason says why somebody else's order is changed, in 1 to 500 characters")),
    }
}

/// Whether this was asked under this key before, however long ago; if not, it is noted.
async fn done_before(
    tx: &mut PgConnection,
    asked: &Asked,
    wish: &Wish<'_>,
    at: DateTime<Utc>,
) -> Result<bool, Problem> {
    let command = Command {
        caller: asked.caller.user_id,
        operation: wish.operation,
        key: &asked.key.0,
        hash: &wish.hash,
        order_id: wish.order_id,
        at,
    };
    if commands::insert_command(tx, &command).await? {
        return Ok(false);
    }
    let known = commands::find_hash(tx, command.caller, command.operation, command.key).await?;
    if known.as_deref() == Some(command.hash) { Ok(true) } else { Err(idempotency::reused()) }
}

/// Answers a refusal, once it stands on the timeline. Whoever had not seen the order as it is sees it now.
async fn refuse(
    app: &App,
    asked: &Asked,
    wish: &Wish<'_>,
    order: &StoredOrder,
    problem: Problem,
    now: DateTime<Utc>,
) -> Result<Response, Problem> {
    let body = problem.body();
    let detail = json!({"problem": problem.kind.name(), "detail": body["detail"], "request": wish.detail});
    let line = entry(asked, wish.operation, EntryKind::Refused, detail, now);
    let mut tx = app.db.begin().await?;
    timeline::lock(&mut tx, wish.order_id).await?;
    timeline::insert_entry(&mut tx, wish.order_id, &line).await?;
    tx.commit().await?;
    app.watches.changed(wish.order_id);
    if problem.kind == ProblemType::PreconditionFailed {
        let problem = problem.with("order", OrderView::new(order, &asked.caller, now));
        return Ok((ETag(order.version), problem).into_response());
    }
    Err(problem)
}

fn entry(
    asked: &Asked,
    operation: Operation,
    kind: EntryKind,
    detail: Value,
    at: DateTime<Utc>,
) -> TimelineEntry {
    TimelineEntry {
        at,
        kind,
        name: operation.name().into(),
        who: asked.caller.user_id.to_string(),
        cause: Some(asked.request_id.0.clone()),
        trace_id: traceparent().as_deref().and_then(trace_id),
        detail,
    }
}
