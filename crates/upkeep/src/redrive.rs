//! Having failed events handled again, by this service's own handler and through its inbox: no topic, no other
//! subscriber.

mod run;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::facts::MOST;
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::idempotency::{self, Claim};
use web::{Api, Caller, IdempotencyKey, Json, Problem};

use crate::failed::{Reason, State};
use crate::store::Chosen;
use crate::store::redrive::{self as store, Candidate};
use crate::{Messaging, check_ids, check_reason, invalid};

const DEFAULT_RATE: u32 = 20;
const LARGEST_RATE: u32 = 100;
const MOST_ROUNDS: u32 = 5;

/// Which failed events to handle again: those named, or those that the filter finds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redrive {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 500)]
    pub ids: Option<Vec<Uuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<RedriveFilter>,
    /// Events a second; 20 when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub rate: Option<u32>,
    /// How often an event that fails again is tried; once when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 5)]
    pub rounds: Option<u32>,
    #[schema(min_length = 1, max_length = 500, example = "the price list is mended")]
    pub reason: String,
}

/// Open failed events of these kinds; what is absent does not matter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedriveFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What became of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Redriven {
    pub handled: usize,
    /// Handled or discarded meanwhile.
    pub already_handled: usize,
    /// The handler refuses them still.
    pub refused: usize,
    /// Something is away; they are tried again by themselves.
    pub postponed: usize,
    /// Not tried: an earlier event of their key failed again, or the time for one request was over.
    pub left: usize,
    pub events: Vec<RedrivenEvent>,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RedrivenEvent {
    pub id: Uuid,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Handled,
    AlreadyHandled,
    Refused,
    Postponed,
    Left,
}

pub(crate) fn mount<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |caller: Caller, key: IdempotencyKey, Json(request): Json<Redrive>| {
        let messaging = messaging.clone();
        async move { redrive(&messaging, operation, &caller, &key, request).await }
    };
    api.operation(operation, handler, |about| {
        about.body::<Redrive>().answer::<Redriven>(200).idempotent().problems(&[
            ProblemType::NotFound,
            ProblemType::AlreadyHandled,
            ProblemType::Conflict,
        ])
    })
}

/// Each event is handled in transactions of its own. What is held meanwhile is the key and the lock, so that the same
/// request waits for its answer, and another one cannot get between the events of a key.
async fn redrive(
    messaging: &Messaging,
    operation: Operation,
    caller: &Caller,
    key: &IdempotencyKey,
    request: Redrive,
) -> Result<Response, Problem> {
    check_reason(&request.reason)?;
    let (rate, rounds) = bounds(&request)?;
    let hash = idempotency::hash(&request)?;
    let mut tx = messaging.db.begin().await?;
    if let Claim::Replay(answer) = idempotency::claim(&mut tx, caller.user_id, operation, key, &hash).await? {
        return Ok(answer.into_response());
    }
    if !store::lock_redrives(&mut tx).await? {
        let busy = "failed events are being handled again by another request";
        return Err(Problem::new(ProblemType::Conflict).detail(busy).retry_after(5));
    }
    let events = match handle_again(messaging, &mut tx, caller, &request, rate, rounds).await {
        Ok(events) => events,
        Err(problem) => {
            // At once, and not whenever the connection is next looked at: until then the lock would be held.
            tx.rollback().await?;
            return Err(problem);
        }
    };
    let answer = Redriven::new(events);
    idempotency::store(&mut tx, caller.user_id, operation, key, StatusCode::OK, &answer).await?;
    tx.commit().await?;
    tracing::warn!(
        handled = answer.handled,
        refused = answer.refused,
        postponed = answer.postponed,
        left = answer.left,
        "failed events were handled again"
    );
    Ok(Json(answer).into_response())
}

async fn handle_again(
    messaging: &Messaging,
    tx: &mut PgConnection,
    caller: &Caller,
    request: &Redrive,
    rate: u32,
    rounds: u32,
) -> Result<Vec<RedrivenEvent>, Problem> {
    let (candidates, already) = choose(messaging, tx, request).await?;
    let plan = run::Plan { candidates, rate, rounds, actor: caller.user_id, reason: &request.reason };
    let mut events = run::run(messaging, plan).await?;
    events.extend(already.into_iter().map(|id| RedrivenEvent { id, outcome: Outcome::AlreadyHandled }));
    Ok(events)
}

/// What to handle, and what of it turned out to be handled already. Who names an event that was is told so.
async fn choose(
    messaging: &Messaging,
    tx: &mut PgConnection,
    request: &Redrive,
) -> Result<(Vec<Candidate>, Vec<Uuid>), Problem> {
    // Beside the transaction of the request: that they are handled stays true whatever becomes of it.
    let mut db = messaging.db.acquire().await?;
    match (&request.ids, &request.filter) {
        (Some(ids), None) => {
            let ids = check_ids(ids)?;
            if store::list_existing(tx, &ids).await?.len() < ids.len() {
                return Err(Problem::not_found());
            }
            store::update_handled_meanwhile(&mut db, &ids).await?;
            let open = store::list_named(tx, &ids).await?;
            let is_open = |id: &Uuid| open.iter().any(|candidate| candidate.id == *id);
            let settled: Vec<&Uuid> = ids.iter().filter(|id| !is_open(id)).collect();
            if !settled.is_empty() {
                return Err(Problem::new(ProblemType::AlreadyHandled).with("failed_event_ids", settled));
            }
            Ok((open, Vec::new()))
        }
        (None, Some(filter)) => {
            let chosen = Chosen {
                topic: filter.topic.as_deref(),
                event_type: filter.event_type.as_deref(),
                reason: filter.reason,
                state: Some(State::Open),
            };
            let most = i64::try_from(MOST).unwrap_or(i64::MAX);
            let mut open = store::list_chosen(tx, &chosen, most).await?;
            let ids: Vec<Uuid> = open.iter().map(|candidate| candidate.id).collect();
            let already = store::update_handled_meanwhile(&mut db, &ids).await?;
            open.retain(|candidate| !already.contains(&candidate.id));
            Ok((open, already))
        }
        (None, None) | (Some(_), Some(_)) => Err(invalid("either ids or filter is needed, and not both")),
    }
}

fn bounds(request: &Redrive) -> Result<(u32, u32), Problem> {
    let rate = request.rate.unwrap_or(DEFAULT_RATE);
    let rounds = request.rounds.unwrap_or(1);
    if !(1..=LARGEST_RATE).contains(&rate) {
        return Err(invalid("rate takes 1 to 100 events a second"));
    }
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        return Err(invalid("rounds takes 1 to 5"));
    }
    Ok((rate, rounds))
}

impl Redriven {
    fn new(events: Vec<RedrivenEvent>) -> Redriven {
        let count = |outcome| events.iter().filter(|event| event.outcome == outcome).count();
        Redriven {
            handled: count(Outcome::Handled),
            already_handled: count(Outcome::AlreadyHandled),
            refused: count(Outcome::Refused),
            postponed: count(Outcome::Postponed),
            left: count(Outcome::Left),
            events,
        }
    }
}
