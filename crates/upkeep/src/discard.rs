//! Giving failed events up, with a reason.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{SubsecRound, Utc};
use contracts::{Operation, Permission, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::idempotency::{self, Claim};
use web::{Api, Caller, IdempotencyKey, Json, Problem};

use crate::store::audit::{self, NewLine};
use crate::store::redrive as store;
use crate::{Messaging, check_ids, check_reason};

/// Failed events that nobody is to handle any more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Discards {
    #[schema(min_items = 1, max_items = 500)]
    pub ids: Vec<Uuid>,
    #[schema(min_length = 1, max_length = 500, example = "sent by a test")]
    pub reason: String,
}

/// How many were given up.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Discarded {
    pub discarded: usize,
}

pub(crate) fn mount<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |caller: Caller, key: IdempotencyKey, Json(request): Json<Discards>| {
        let messaging = messaging.clone();
        async move { discard(&messaging, operation, &caller, &key, request).await }
    };
    api.operation(operation, handler, |about| {
        about
            .body::<Discards>()
            .answer::<Discarded>(200)
            .idempotent()
            .problems(&[ProblemType::NotFound, ProblemType::AlreadyHandled])
    })
}

/// All of them or none, each with its line.
async fn discard(
    messaging: &Messaging,
    operation: Operation,
    caller: &Caller,
    key: &IdempotencyKey,
    request: Discards,
) -> Result<Response, Problem> {
    check_reason(&request.reason)?;
    let ids = check_ids(&request.ids)?;
    let hash = idempotency::hash(&request)?;
    let mut tx = messaging.db.begin().await?;
    if let Claim::Replay(answer) = idempotency::claim(&mut tx, caller.user_id, operation, key, &hash).await? {
        return Ok(answer.into_response());
    }
    if store::list_existing(&mut tx, &ids).await?.len() < ids.len() {
        return Err(Problem::not_found());
    }
    let now = Utc::now().trunc_subsecs(6);
    let discarded = store::update_discarded(&mut tx, &ids, now).await?;
    let handled: Vec<&Uuid> = ids.iter().filter(|id| !discarded.contains(id)).collect();
    if !handled.is_empty() {
        return Err(Problem::new(ProblemType::AlreadyHandled).with("failed_event_ids", handled));
    }
    for id in &discarded {
        let line = NewLine {
            at: now,
            actor: caller.user_id,
            permission: Permission::EventsRedrive,
            act: "discard",
            failed_event_id: *id,
            reason: &request.reason,
        };
        audit::insert_line(&mut tx, &line).await?;
    }
    let answer = Discarded { discarded: discarded.len() };
    idempotency::store(&mut tx, caller.user_id, operation, key, StatusCode::OK, &answer).await?;
    tx.commit().await?;
    tracing::warn!(discarded = answer.discarded, "failed events were given up");
    Ok(Json(answer).into_response())
}
