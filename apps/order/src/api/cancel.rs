//! Cancelling an order or a part of it, and writing something down about it.

use axum::extract::State;
use axum::response::Response;
use contracts::event::Part;
use contracts::{CancellationId, EntryKind, Operation, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{IfMatch, Json, Problem, Query};

use super::command::{Asked, Whose, Wish, run};
use super::part::{LinePart, checked_text, parts};
use super::read::OrderPath;
use crate::app::App;
use crate::domain::order::{CancelError, Exceeded};

/// What is to be cancelled.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// Left out: the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub parts: Option<Vec<LinePart>>,
    /// Why; staff have to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// What staff want to keep about an order. Never the customer's data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNote {
    #[schema(min_length = 1, max_length = 2000, example = "The customer called; the parcel may wait.")]
    pub text: String,
}

pub async fn cancel_order(
    State(app): State<App>,
    asked: Asked,
    seen: Option<IfMatch>,
    Query(path): Query<OrderPath>,
    Json(request): Json<CancelOrder>,
) -> Result<Response, Problem> {
    let reason = request.reason.as_deref().map(|reason| checked_text("reason", reason, 500)).transpose()?;
    let cancelled: Option<Vec<Part>> = request.parts.as_deref().map(parts);
    let id = CancellationId(Uuid::now_v7());
    let wish = Wish::new(Operation::CancelOrder, path.order_id, &request)?.naming("cancellation_id", id);
    let wish = Wish { seen, whose: Whose::Own { reason }, ..wish };
    run(&app, &asked, wish, |order, now| order.cancel(id, cancelled.as_deref(), now)).await
}

pub async fn add_note(
    State(app): State<App>,
    asked: Asked,
    seen: Option<IfMatch>,
    Query(path): Query<OrderPath>,
    Json(request): Json<AddNote>,
) -> Result<Response, Problem> {
    checked_text("text", &request.text, 2000)?;
    let wish =
        Wish { seen, kind: EntryKind::Note, ..Wish::new(Operation::AddNote, path.order_id, &request)? };
    run(&app, &asked, wish, |_, _| Ok::<_, Problem>(Vec::new())).await
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Problem {
        let detail = error.to_string();
        match error {
            CancelError::OnlyWhole => Problem::new(ProblemType::OnlyWhole).detail(detail),
            CancelError::Shipped => {
                Problem::new(ProblemType::NotCancellable).detail(detail).with("reason", "shipped")
            }
            CancelError::Ended { end } => {
                Problem::new(ProblemType::NotCancellable).detail(detail).with("reason", end.name())
            }
            CancelError::NoParts => Problem::new(ProblemType::InvalidField).detail(detail),
            CancelError::Exceeded(exceeded) => exceeded.into(),
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Problem {
        Problem::new(ProblemType::QuantityExceeded)
            .detail(exceeded.to_string())
            .with("product_id", exceeded.product_id)
            .with("requested", exceeded.requested)
            .with("left", exceeded.left)
    }
}
