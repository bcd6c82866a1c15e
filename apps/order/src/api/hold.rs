//! `Prefer: wait`: an answer that is held back until its order has ended, or waits for its customer.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::OrderId;
use tokio::time::Instant;
use web::prefer::{PREFERENCE_APPLIED, Wait};
use web::{Caller, ETag, Json, Problem, idempotency};

use super::OrderView;
use crate::app::App;
use crate::app::watches::Purpose;
use crate::store::orders;

/// An order's answer as it would go out now.
pub struct Placed {
    pub order_id: OrderId,
    pub answer: Response,
}

/// Answers with the order as it is when it has ended, at the latest when the wait is over. Where there is no room for
/// another wait the preference is left alone: the answer goes out at once, and says nothing of it.
///
/// # Errors
/// When the database fails; the order is placed all the same.
pub async fn hold(
    app: &App,
    caller: &Caller,
    placed: Placed,
    wait: Option<Wait>,
    asked_at: Instant,
) -> Result<Response, Problem> {
    let Placed { order_id, answer } = placed;
    let Some(wait) = wait else { return Ok(answer) };
    let Ok(mut watch) = app.watches.watch(caller.user_id, order_id, Purpose::Wait) else {
        return Ok(answer);
    };
    // Over or settled: the answer is the order as it then is.
    let _ = tokio::time::timeout_at(asked_at + wait.0, watch.settled()).await;
    drop(watch);
    let order = orders::find_order(&mut *app.db.acquire().await?, order_id).await?;
    let order = order.ok_or_else(Problem::not_found)?;
    let view = OrderView::new(&order, caller, app.clock.now());
    let applied = [(PREFERENCE_APPLIED, wait.applied())];
    let mut held = (StatusCode::CREATED, applied, ETag(order.version), Json(view)).into_response();
    if let Some(replayed) = answer.headers().get(idempotency::REPLAYED) {
        held.headers_mut().insert(idempotency::REPLAYED, replayed.clone());
    }
    Ok(held)
}
