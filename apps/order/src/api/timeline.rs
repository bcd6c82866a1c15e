//! An order's timeline: what this service wrote down, and what the others tell when they are asked.

use axum::extract::State;
use contracts::timeline::{TimelinePart, TimelineQuery};
use contracts::{App as Service, EntryKind, Operation, OrderId, Permission, TimelineEntry};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use sidecar::Sidecar;
use utoipa::ToSchema;
use web::{Caller, Json, Problem, Query};

use super::read::{OrderPath, visible_order};
use crate::app::App;
use crate::store::timeline;

/// What happened to an order, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    pub items: Vec<TimelineEntry>,
    /// The services that could not be asked; what they have to tell is missing.
    #[schema(value_type = Vec<String>)]
    pub unreachable: Vec<Service>,
}

/// Who has something to tell, in the order in which it is told at the same time.
const TELLERS: [Operation; 3] =
    [Operation::ReadStockTimeline, Operation::ReadPaymentTimeline, Operation::ReadMessageTimeline];

pub async fn read_timeline(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
) -> Result<Json<Timeline>, Problem> {
    let mut db = app.db.acquire().await?;
    visible_order(&mut db, &caller, path.order_id).await?;
    let mut items = timeline::list_entries(&mut db, path.order_id).await?;
    items.extend(sidecar::events::list_failures(&mut db, Service::Order, path.order_id.0).await?);
    if !caller.may(Permission::OrdersReadAny) {
        // Staff write notes for staff.
        items.retain(|entry| entry.kind != EntryKind::Note);
    }
    // No connection is held while others are waited for.
    drop(db);
    let mut unreachable = Vec::new();
    let told = join_all(TELLERS.map(|teller| tell(&app.sidecar, teller, path.order_id))).await;
    for (teller, told) in TELLERS.iter().zip(told) {
        match told {
            Some(part) => items.extend(part.entries),
            None => unreachable.push(teller.row().owner),
        }
    }
    items.sort_by_key(|entry| entry.at);
    Ok(Json(Timeline { items, unreachable }))
}

async fn tell(sidecar: &Sidecar, teller: Operation, order_id: OrderId) -> Option<TimelinePart> {
    match sidecar.invoke(teller, Some(&TimelineQuery { order_id })).await {
        Ok(part) => Some(part),
        Err(error) => {
            let app = teller.row().owner.name();
            tracing::warn!(app, error = %error, "a part of a timeline could not be read");
            None
        }
    }
}
