//! Returns: asked for, received, refunded.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contracts::{Money, Operation, OrderId, ProblemType, ReturnId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{IfMatch, Json, Problem, Query};

use super::command::{Asked, Whose, Wish, run};
use super::part::{LinePart, checked_text, parts};
use super::read::OrderPath;
use crate::app::App;
use crate::domain::order::{ReceiveReturnError, RefundReturnError, RequestReturnError};

/// What the customer wants to send back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestReturn {
    #[schema(min_items = 1)]
    pub parts: Vec<LinePart>,
    /// Why; staff have to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// What of it arrived. Less than was to come may; both lists empty say that nothing came.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveReturn {
    /// To be sold again.
    #[serde(default)]
    pub restocked: Vec<LinePart>,
    /// Never to be sold again.
    #[serde(default)]
    pub unusable: Vec<LinePart>,
}

/// How much goes back for it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundReturn {
    /// Left out: all that what was received had cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnPath {
    order_id: OrderId,
    return_id: ReturnId,
}

pub async fn request_return(
    State(app): State<App>,
    asked: Asked,
    seen: Option<IfMatch>,
    Query(path): Query<OrderPath>,
    Json(request): Json<RequestReturn>,
) -> Result<Response, Problem> {
    let reason = request.reason.as_deref().map(|reason| checked_text("reason", reason, 500)).transpose()?;
    let (id, sent_back) = (ReturnId(Uuid::now_v7()), parts(&request.parts));
    let wish = Wish::new(Operation::RequestReturn, path.order_id, &request)?.naming("return_id", id);
    let wish = Wish { seen, whose: Whose::Own { reason }, ..wish };
    run(&app, &asked, wish, |order, now| order.request_return(id, &sent_back, now)).await
}

pub async fn receive_return(
    State(app): State<App>,
    asked: Asked,
    seen: IfMatch,
    Query(path): Query<ReturnPath>,
    Json(request): Json<ReceiveReturn>,
) -> Result<Response, Problem> {
    let said =
        json!({"return_id": path.return_id, "restocked": request.restocked, "unusable": request.unusable});
    let wish = Wish::new(Operation::ReceiveReturn, path.order_id, &said)?;
    let wish = Wish { seen: Some(seen), answer: StatusCode::OK, ..wish };
    let (restocked, unusable) = (parts(&request.restocked), parts(&request.unusable));
    run(&app, &asked, wish, |order, now| order.receive_return(path.return_id, &restocked, &unusable, now))
        .await
}

pub async fn refund_return(
    State(app): State<App>,
    asked: Asked,
    seen: IfMatch,
    Query(path): Query<ReturnPath>,
    Json(request): Json<RefundReturn>,
) -> Result<Response, Problem> {
    let said = json!({"return_id": path.return_id, "amount": request.amount});
    let wish = Wish { seen: Some(seen), ..Wish::new(Operation::RefundReturn, path.order_id, &said)? };
    run(&app, &asked, wish, |order, now| order.refund_return(path.return_id, request.amount, now)).await
}

impl From<RequestReturnError> for Problem {
    fn from(error: RequestReturnError) -> Problem {
        let kind = match error {
            RequestReturnError::Exceeded(exceeded) => return exceeded.into(),
            RequestReturnError::NotConfirmed => ProblemType::InvalidTransition,
            RequestReturnError::NoParts => ProblemType::InvalidField,
            RequestReturnError::WindowClosed { closed_at } => {
                return Problem::new(ProblemType::ReturnWindowClosed)
                    .detail(error.to_string())
                    .with("closed_at", closed_at);
            }
        };
        Problem::new(kind).detail(error.to_string())
    }
}

impl From<ReceiveReturnError> for Problem {
    fn from(error: ReceiveReturnError) -> Problem {
        let kind = match error {
            ReceiveReturnError::Exceeded(exceeded) => return exceeded.into(),
            ReceiveReturnError::UnknownReturn => ProblemType::NotFound,
            ReceiveReturnError::AlreadyReceived => ProblemType::InvalidTransition,
        };
        Problem::new(kind).detail(error.to_string())
    }
}

impl From<RefundReturnError> for Problem {
    fn from(error: RefundReturnError) -> Problem {
        let kind = match error {
            RefundReturnError::UnknownReturn => ProblemType::NotFound,
            RefundReturnError::NotReceived | RefundReturnError::AlreadyRefunded => {
                ProblemType::InvalidTransition
            }
            RefundReturnError::OtherCurrency { .. } => ProblemType::CurrencyMismatch,
            RefundReturnError::Nothing => ProblemType::AmountOutOfRange,
            RefundReturnError::TooMuch { most, .. } => {
                return Problem::new(ProblemType::RefundExceeded)
                    .detail(error.to_string())
                    .with("most", most);
            }
        };
        Problem::new(kind).detail(error.to_string())
    }
}
