//! What staff say or decide where the card processor leaves something open; each with who, when and why.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::{Operation, OrderId, ProblemType, RefundCause, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::idempotency::{self, Claim};
use web::request::{RequestId, traceparent};
use web::{Caller, IdempotencyKey, Json, Problem, Query};

use super::payments::{OrderPath, PaymentView, show_payment};
use crate::app::App;
use crate::domain::{NotResolvable, Resolution};
use crate::events;
use crate::store::payments::Trail;
use crate::store::{payments, resolutions};

const LONGEST_REASON: usize = 200;

/// What is said or decided, with the reason.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResolvePayment {
    /// A charge or capture of unknown outcome has taken the money.
    Charged {
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// It has not.
    NotCharged {
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// A refund of unknown outcome was made.
    Refunded {
        #[schema(value_type = String, example = "final_end")]
        cause: RefundCause,
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// It was not.
    NotRefunded {
        #[schema(value_type = String, example = "final_end")]
        cause: RefundCause,
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// A refund that failed is tried once more.
    RetryRefund {
        #[schema(value_type = String, example = "final_end")]
        cause: RefundCause,
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// A refund that failed was made otherwise.
    SettleRefund {
        #[schema(value_type = String, example = "final_end")]
        cause: RefundCause,
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
    /// A dispute is not contested.
    AcceptDispute {
        #[schema(min_length = 1, max_length = 255, example = "dp_1")]
        dispute_id: String,
        #[schema(min_length = 1, max_length = 200, example = "seen in the list")]
        reason: String,
    },
}

/// What was said or decided, and the payment after it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResolutionView {
    pub order_id: OrderId,
    pub action: String,
    pub reason: String,
    pub resolved_by: UserId,
    pub resolved_at: DateTime<Utc>,
    pub payment: PaymentView,
}

pub async fn resolve_payment(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Extension(request_id): Extension<RequestId>,
    Query(path): Query<OrderPath>,
    Json(request): Json<ResolvePayment>,
) -> Result<Response, Problem> {
    let operation = Operation::ResolvePayment;
    let hash = idempotency::hash(&(path.order_id, &request))?;
    let (resolution, reason) = request.read()?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await? {
        Claim::Replay(answer) => return Ok(answer.into_response()),
        Claim::New => {}
    }
    let stored = payments::lock_payment(&mut tx, path.order_id).await?.ok_or_else(Problem::not_found)?;
    let (payment, events, effects) = stored.payment.resolve(resolution.clone(), now)?;
    let cause = Trail { causation_id: Some(request_id.0), traceparent: traceparent() };
    events::keep(&mut tx, &payment, &cause, events, effects, now).await?;
    let by = caller.user_id;
    resolutions::insert_resolution(&mut tx, path.order_id, &resolution, &reason, by, &cause, now).await?;
    let view = ResolutionView {
        order_id: path.order_id,
        action: resolution.name().to_owned(),
        reason,
        resolved_by: by,
        resolved_at: now,
        payment: show_payment(&mut tx, &payment).await?.without_link(),
    };
    idempotency::store(&mut tx, by, operation, &key, StatusCode::CREATED, &view).await?;
    tx.commit().await?;
    app.wake();
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

impl ResolvePayment {
    fn read(self) -> Result<(Resolution, String), Problem> {
        let (resolution, reason) = match self {
            ResolvePayment::Charged { reason } => (Resolution::Charged, reason),
            ResolvePayment::NotCharged { reason } => (Resolution::NotCharged, reason),
            ResolvePayment::Refunded { cause, reason } => (Resolution::Refunded { cause }, reason),
            ResolvePayment::NotRefunded { cause, reason } => (Resolution::NotRefunded { cause }, reason),
            ResolvePayment::RetryRefund { cause, reason } => (Resolution::RetryRefund { cause }, reason),
            ResolvePayment::SettleRefund { cause, reason } => (Resolution::SettleRefund { cause }, reason),
            ResolvePayment::AcceptDispute { dispute_id, reason } => {
                (Resolution::AcceptDispute { dispute_id }, reason)
            }
        };
        if (1..=LONGEST_REASON).contains(&reason.trim().chars().count()) {
            Ok((resolution, reason.trim().to_owned()))
        } else {
            let detail = format!("reason: 1 to {LONGEST_REASON} characters are needed");
            Err(Problem::new(ProblemType::InvalidField).detail(detail))
        }
    }
}

impl From<NotResolvable> for Problem {
    fn from(error: NotResolvable) -> Problem {
        Problem::new(ProblemType::InvalidTransition).detail(error.to_string())
    }
}
