//! Reading orders. Someone else's order is not found.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::configuration::ORDER_LARGEST_PAGE;
use contracts::{OrderId, Permission};
use serde::Deserialize;
use sqlx::PgConnection;
use web::{Caller, ETag, Json, List, Page, Problem, Query};

use super::{OrderSummary, OrderView};
use crate::app::App;
use crate::store::orders::{self, StoredOrder};
use crate::store::timeline::{self, TimelineEntry};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPath {
    order_id: OrderId,
}

pub async fn list_orders(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<OrderSummary>>, Problem> {
    let limit = page.limit(app.live.get(&ORDER_LARGEST_PAGE))?;
    let after = page.after::<(DateTime<Utc>, OrderId)>()?;
    let customer_id = (!caller.may(Permission::OrdersReadAny)).then_some(caller.user_id);
    let mut db = app.db.acquire().await?;
    let orders = orders::list_orders(&mut db, customer_id, after, limit + 1).await?;
    let items = orders.iter().map(OrderSummary::from).collect();
    Ok(Json(List::from_rows(items, limit, |order: &OrderSummary| (order.placed_at, order.id))))
}

pub async fn read_order(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
) -> Result<Response, Problem> {
    let mut db = app.db.acquire().await?;
    let order = visible_order(&mut db, &caller, path.order_id).await?;
    let lines = orders::list_lines(&mut db, &order.saga).await?;
    Ok((ETag(order.version), Json(OrderView::new(&order, lines))).into_response())
}

pub async fn read_timeline(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
) -> Result<Json<List<TimelineEntry>>, Problem> {
    let mut db = app.db.acquire().await?;
    visible_order(&mut db, &caller, path.order_id).await?;
    let items = timeline::list_entries(&mut db, path.order_id).await?;
    Ok(Json(List { items, next_cursor: None }))
}

async fn visible_order(db: &mut PgConnection, caller: &Caller, id: OrderId) -> Result<StoredOrder, Problem> {
    orders::find_order(db, id)
        .await?
        .filter(|order| order.saga.customer_id == caller.user_id || caller.may(Permission::OrdersReadAny))
        .ok_or_else(Problem::not_found)
}
