//! The rows of payments, one for each order.

use chrono::{DateTime, Utc};
use contracts::{OrderId, PaymentId};
use sqlx::PgConnection;

use super::illegal;
use super::row::PaymentRow;
pub use super::row::{StoredPayment, Trail};
use crate::domain::Payment;

/// Makes the row unless there is one.
pub async fn insert_payment(
    tx: &mut PgConnection,
    id: PaymentId,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into payment (order_id, id, stock_reserved, stage, calls, overdue_reports, created_at, updated_at)
         values ($1, $2, false, 'waiting', 0, 0, $3, $3) on conflict on constraint payment_pkey do nothing",
        order_id.0,
        id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn lock_payment(
    tx: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<StoredPayment>, sqlx::Error> {
    let row = sqlx::query_as!(
        PaymentRow,
        "select order_id, id, customer_id, payment_method_id, payment_method_known, amount, currency, charge_by,
             deadline, capture, stock_reserved, end_kind, stage, intent_id, refusal, charged, attempt_number,
             key_generation, step, doubt, act_at, doubted_number, doubted_generation, calls, overdue_at,
             overdue_reports, causation_id, traceparent
         from payment where order_id = $1 for update",
        order_id.0
    )
    .fetch_optional(tx)
    .await?;
    row.map(StoredPayment::try_from).transpose()
}

/// Locks the payment that has waited longest for a worker; those that another worker holds are passed over.
pub async fn lock_waiting_payment(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<StoredPayment>, sqlx::Error> {
    let row = sqlx::query_as!(
        PaymentRow,
        "select order_id, id, customer_id, payment_method_id, payment_method_known, amount, currency, charge_by,
             deadline, capture, stock_reserved, end_kind, stage, intent_id, refusal, charged, attempt_number,
             key_generation, step, doubt, act_at, doubted_number, doubted_generation, calls, overdue_at,
             overdue_reports, causation_id, traceparent
         from payment where work_at <= $1 order by work_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(tx)
    .await?;
    row.map(StoredPayment::try_from).transpose()
}

pub async fn find_payment(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<StoredPayment>, sqlx::Error> {
    let row = sqlx::query_as!(
        PaymentRow,
        "select order_id, id, customer_id, payment_method_id, payment_method_known, amount, currency, charge_by,
             deadline, capture, stock_reserved, end_kind, stage, intent_id, refusal, charged, attempt_number,
             key_generation, step, doubt, act_at, doubted_number, doubted_generation, calls, overdue_at,
             overdue_reports, causation_id, traceparent
         from payment where order_id = $1",
        order_id.0
    )
    .fetch_optional(db)
    .await?;
    row.map(StoredPayment::try_from).transpose()
}

/// Writes everything but the order and the id, which never change.
pub async fn update_payment(
    tx: &mut PgConnection,
    payment: &Payment,
    cause: &Trail,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let row = PaymentRow::of(payment, cause);
    let updated = sqlx::query!(
        "update payment set customer_id = $2, payment_method_id = $3, payment_method_known = $4, amount = $5,
             currency = $6, charge_by = $7, deadline = $8, capture = $9, stock_reserved = $10, end_kind = $11,
             stage = $12, intent_id = $13, refusal = $14, charged = $15, attempt_number = $16,
             key_generation = $17, step = $18, doubt = $19, act_at = $20, doubted_number = $21,
             doubted_generation = $22, calls = $23, overdue_at = $24, overdue_reports = $25, causation_id = $26,
             traceparent = $27, updated_at = $28
         where order_id = $1",
        row.order_id,
        row.customer_id,
        row.payment_method_id,
        row.payment_method_known,
        row.amount,
        row.currency,
        row.charge_by,
        row.deadline,
        row.capture,
        row.stock_reserved,
        row.end_kind,
        row.stage,
        row.intent_id,
        row.refusal,
        row.charged,
        row.attempt_number,
        row.key_generation,
        row.step,
        row.doubt,
        row.act_at,
        row.doubted_number,
        row.doubted_generation,
        row.calls,
        row.overdue_at,
        row.overdue_reports,
        row.causation_id,
        row.traceparent,
        now
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        rows => Err(illegal("payment", &format!("{rows} rows of one order"))),
    }
}
