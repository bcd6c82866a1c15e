//! Reading orders. Someone else's order is not found.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::configuration::ORDER_LARGEST_PAGE;
use contracts::{OrderId, Permission};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::IntoParams;
use web::{Caller, ETag, Json, List, Page, Problem, Query};

use super::{OrderSummary, OrderView};
use crate::app::App;
use crate::store::orders::{self, StoredOrder};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPath {
    pub order_id: OrderId,
}

/// Which orders are listed.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrdersPage {
    /// Rows on a page; the service's largest page bounds it.
    #[param(minimum = 1, example = 20)]
    pub limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
    /// Only the order that people call by this number.
    #[param(example = "7K3M-9QXT")]
    pub number: Option<String>,
}

pub async fn list_orders(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<OrdersPage>,
) -> Result<Json<List<OrderSummary>>, Problem> {
    let page = Page { limit: asked.limit, cursor: asked.cursor };
    let limit = page.limit(app.live.for_caller(&ORDER_LARGEST_PAGE, &caller.ids()))?;
    let after = page.after::<(DateTime<Utc>, OrderId)>()?;
    let customer_id = (!caller.may(Permission::OrdersReadAny)).then_some(caller.user_id);
    let mut db = app.db.acquire().await?;
    let orders = orders::list_orders(&mut db, customer_id, asked.number.as_deref(), after, limit + 1).await?;
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
    let view = OrderView::new(&order, &caller, app.clock.now());
    Ok((ETag(order.version), Json(view)).into_response())
}

/// The order, if the caller may see it.
pub async fn visible_order(
    db: &mut PgConnection,
    caller: &Caller,
    id: OrderId,
) -> Result<StoredOrder, Problem> {
    orders::find_order(db, id)
        .await?
        .filter(|order| {
            order.order.saga.customer_id == caller.user_id || caller.may(Permission::OrdersReadAny)
        })
        .ok_or_else(Problem::not_found)
}
