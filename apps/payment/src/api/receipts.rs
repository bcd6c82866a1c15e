//! An order's receipts with their hashes, recomputed.

use axum::extract::State;
use contracts::receipt::{self, ReceiptChain};
use web::{Json, Problem, Query};

use super::payments::OrderPath;
use crate::app::App;
use crate::store::{payments, receipts};

pub async fn verify_receipts(
    State(app): State<App>,
    Query(path): Query<OrderPath>,
) -> Result<Json<ReceiptChain>, Problem> {
    let order_id = path.order_id;
    let mut db = app.db.acquire().await?;
    let lines = receipts::list_receipts(&mut db, &[order_id]).await?;
    if lines.is_empty() && !payments::payment_exists(&mut db, order_id).await? {
        return Err(Problem::not_found());
    }
    let receipts: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    let broken_at = receipt::verify(order_id, &receipts);
    Ok(Json(ReceiptChain { order_id, receipts, broken_at }))
}
