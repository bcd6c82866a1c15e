//! What was paid for an order, as its customer or staff may see it. Someone else's order is not found.

use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::{Currency, Money, OrderId, PaymentId, Permission, Refusal};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use web::{Caller, Json, List, Problem, Query};

use crate::app::App;
use crate::domain::{Charge, Payment, Record, record};
use crate::store::receipts::ReceiptShown;
use crate::store::{payments, receipts, records};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPath {
    order_id: OrderId,
}

/// How far an order's payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Waits for the order or its stock.
    Waiting,
    Processing,
    /// The card processor has not told what became of it.
    Unknown,
    Authorised,
    Captured,
    Cancelling,
    /// No charge can follow.
    Cancelled,
    Declined,
    Refunding,
    Refunded,
    /// Staff have to refund it.
    RefundFailed,
}

/// The one payment of an order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    pub id: PaymentId,
    pub order_id: OrderId,
    pub status: PaymentStatus,
    /// The order has ended otherwise than confirmed, and what was begun is being undone.
    pub end_requested: bool,
    /// Absent until the order is known.
    pub due: Option<Money>,
    pub authorised: Option<Money>,
    pub captured: Option<Money>,
    pub refunded: Option<Money>,
    /// Why it was declined.
    pub refusal: Option<Refusal>,
    pub receipts: Vec<ReceiptView>,
}

/// One line about what was done at the card processor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    pub sequence: i32,
    /// `charge`, `capture`, `void` or `refund`.
    pub kind: String,
    /// `planned`, `sent`, `confirmed`, `unknown` or `failed`.
    pub state: String,
    pub attempt: i32,
    pub at: DateTime<Utc>,
}

pub async fn list_payments(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
) -> Result<Json<List<PaymentView>>, Problem> {
    let mut db = app.db.acquire().await?;
    let payment = visible_payment(&mut db, &caller, path.order_id).await?;
    let records = records::list_records(&mut db, path.order_id).await?;
    let receipts = receipts::list_receipts(&mut db, path.order_id).await?;
    Ok(Json(List { items: vec![PaymentView::new(&payment, &records, receipts)?], next_cursor: None }))
}

async fn visible_payment(db: &mut PgConnection, caller: &Caller, id: OrderId) -> Result<Payment, Problem> {
    let own = |payment: &Payment| payment.due.as_ref().is_some_and(|due| due.customer_id == caller.user_id);
    payments::find_payment(db, id)
        .await?
        .map(|stored| stored.payment)
        .filter(|payment| own(payment) || caller.may(Permission::PaymentsReadAny))
        .ok_or_else(Problem::not_found)
}

impl PaymentView {
    fn new(
        payment: &Payment,
        records: &[Record],
        receipts: Vec<ReceiptShown>,
    ) -> Result<PaymentView, Problem> {
        let due = payment.due.as_ref().map(|due| due.total);
        let sums = due.map(|due| sums(due.currency(), records)).transpose()?;
        Ok(PaymentView {
            id: payment.id,
            order_id: payment.order_id,
            status: status(&payment.charge, records),
            end_requested: payment.end_requested(),
            due,
            authorised: sums.map(|sums| sums.authorised),
            captured: sums.map(|sums| sums.captured),
            refunded: sums.map(|sums| sums.refunded),
            refusal: refusal(records),
            receipts: receipts.into_iter().map(ReceiptView::from).collect(),
        })
    }
}

impl From<ReceiptShown> for ReceiptView {
    fn from(receipt: ReceiptShown) -> ReceiptView {
        ReceiptView {
            sequence: receipt.sequence,
            kind: receipt.kind,
            state: receipt.state,
            attempt: receipt.attempt,
            at: receipt.at,
        }
    }
}

fn sums(currency: Currency, records: &[Record]) -> Result<record::Amounts, Problem> {
    record::amounts(currency, records).map_err(|error| Problem::from(anyhow::Error::from(error)))
}

fn refusal(records: &[Record]) -> Option<Refusal> {
    records.iter().rev().find_map(Record::refusal).cloned()
}

fn status(charge: &Charge, records: &[Record]) -> PaymentStatus {
    if charge.unknown() {
        return PaymentStatus::Unknown;
    }
    match charge {
        Charge::Waiting => PaymentStatus::Waiting,
        Charge::Creating { .. } | Charge::Confirming { .. } => PaymentStatus::Processing,
        Charge::Cancelling { .. } => PaymentStatus::Cancelling,
        Charge::Authorised { .. } => PaymentStatus::Authorised,
        Charge::Free | Charge::Captured { .. } => PaymentStatus::Captured,
        Charge::Refunding { .. } => PaymentStatus::Refunding,
        Charge::Refunded { .. } => PaymentStatus::Refunded,
        Charge::RefundFailed { .. } => PaymentStatus::RefundFailed,
        Charge::Closed { .. } if refusal(records).is_some() => PaymentStatus::Declined,
        Charge::Closed { .. } => PaymentStatus::Cancelled,
    }
}
