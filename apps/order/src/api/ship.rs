//! Parcels: packed, shipped, delivered; and the money that has to be taken before the first one leaves.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use contracts::event::Part;
use contracts::{Operation, OrderId, ParcelId, ProblemType};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{IfMatch, Json, Problem, Query};

use super::command::{Asked, Wish, run};
use super::part::{LinePart, parts};
use super::read::OrderPath;
use crate::app::App;
use crate::domain::order::{DeliverError, RequestCaptureError, ShipError};

/// What goes into the parcel.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipOrder {
    /// Left out: all that is left of the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub parts: Option<Vec<LinePart>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelPath {
    order_id: OrderId,
    parcel_id: ParcelId,
}

pub async fn ship_order(
    State(app): State<App>,
    asked: Asked,
    seen: IfMatch,
    Query(path): Query<OrderPath>,
    Json(request): Json<ShipOrder>,
) -> Result<Response, Problem> {
    let packed: Option<Vec<Part>> = request.parts.as_deref().map(parts);
    let id = ParcelId(Uuid::now_v7());
    let wish = Wish::new(Operation::ShipOrder, path.order_id, &request)?.naming("parcel_id", id);
    let wish = Wish { seen: Some(seen), ..wish };
    run(&app, &asked, wish, |order, now| order.ship(id, packed.as_deref(), now)).await
}

pub async fn deliver_parcel(
    State(app): State<App>,
    asked: Asked,
    seen: IfMatch,
    Query(path): Query<ParcelPath>,
) -> Result<Response, Problem> {
    let request = json!({"parcel_id": path.parcel_id});
    let wish = Wish::new(Operation::DeliverParcel, path.order_id, &request)?;
    let wish = Wish { seen: Some(seen), answer: StatusCode::OK, ..wish };
    run(&app, &asked, wish, |order, now| order.deliver(path.parcel_id, now)).await
}

pub async fn request_capture(
    State(app): State<App>,
    asked: Asked,
    seen: IfMatch,
    Query(path): Query<OrderPath>,
) -> Result<Response, Problem> {
    let wish = Wish { seen: Some(seen), ..Wish::new(Operation::RequestCapture, path.order_id, &json!({}))? };
    run(&app, &asked, wish, |order, _| order.request_capture()).await
}

impl From<ShipError> for Problem {
    fn from(error: ShipError) -> Problem {
        let kind = match error {
            ShipError::Exceeded(exceeded) => return exceeded.into(),
            ShipError::NotConfirmed | ShipError::NothingLeft => ProblemType::InvalidTransition,
            ShipError::NoParts => ProblemType::InvalidField,
        };
        Problem::new(kind).detail(error.to_string())
    }
}

impl From<DeliverError> for Problem {
    fn from(error: DeliverError) -> Problem {
        let kind = match error {
            DeliverError::UnknownParcel => ProblemType::NotFound,
            DeliverError::NotUnderway(_) => ProblemType::InvalidTransition,
        };
        Problem::new(kind).detail(error.to_string())
    }
}

impl From<RequestCaptureError> for Problem {
    fn from(error: RequestCaptureError) -> Problem {
        match error {
            RequestCaptureError::NotConfirmed | RequestCaptureError::NotDue => {
                Problem::new(ProblemType::InvalidTransition).detail(error.to_string())
            }
        }
    }
}
