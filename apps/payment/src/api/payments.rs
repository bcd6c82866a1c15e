//! What was paid for an order, as its customer or staff may see it. Someone else's order is not found.

mod view;

use axum::extract::State;
use contracts::{OrderId, Permission};
use serde::Deserialize;
use sqlx::PgConnection;
use web::{Caller, Json, List, Problem, Query};

use crate::app::App;
use crate::domain::Payment;
use crate::store::{payments, receipts, records};
pub use view::{PaymentStatus, PaymentView, ReceiptView, RefundView};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPath {
    pub order_id: OrderId,
}

pub async fn list_payments(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
) -> Result<Json<List<PaymentView>>, Problem> {
    let mut db = app.db.acquire().await?;
    let payment = visible_payment(&mut db, &caller, path.order_id).await?;
    let view = show_payment(&mut db, &payment).await?;
    let view = if own(&payment, &caller) { view } else { view.without_link() };
    Ok(Json(List { items: vec![view], next_cursor: None }))
}

/// The payment with all that is known of it.
pub async fn show_payment(db: &mut PgConnection, payment: &Payment) -> Result<PaymentView, Problem> {
    let records = records::list_records(db, payment.order_id).await?;
    let records: Vec<_> = records.into_iter().map(|shown| shown.record).collect();
    let receipts = receipts::list_receipts(db, &[payment.order_id]).await?;
    let unknown_since = payments::find_unknown_since(db, payment.order_id).await?;
    PaymentView::new(payment, &records, receipts, unknown_since)
}

async fn visible_payment(db: &mut PgConnection, caller: &Caller, id: OrderId) -> Result<Payment, Problem> {
    payments::find_payment(db, id)
        .await?
        .map(|stored| stored.payment)
        .filter(|payment| own(payment, caller) || caller.may(Permission::PaymentsReadAny))
        .ok_or_else(Problem::not_found)
}

fn own(payment: &Payment, caller: &Caller) -> bool {
    payment.due.as_ref().is_some_and(|due| due.customer_id == caller.user_id)
}
