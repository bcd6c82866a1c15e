//! The rows of payments, one for each order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::{OrderId, PaymentId};
use sqlx::PgConnection;

use super::row::PaymentRow;
pub use super::row::{StoredPayment, Trail};
use super::{disputes, illegal, refunds};
use crate::domain::Payment;

/// The payment that has waited longest for a worker.
#[derive(Debug)]
pub enum Waiting {
    Whole(Box<StoredPayment>),
    /// No version of this service writes such a row.
    Broken {
        order_id: OrderId,
        error: sqlx::Error,
    },
}

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
        "select order_id, id, order_number, customer_id, payment_method_id, payment_method_known, amount, currency,
             charge_by, deadline, capture, stock_reserved, capture_amount, capture_currency, capture_round, end_kind,
             refunds_requested, refunds_requested_currency, stage, intent_id, refusal, charged, action_url, stage_round,
             stage_reason, due_generation, attempt_number, key_generation, step, doubt, act_at, ticket, doubted_number,
             doubted_generation, doubted_amount, calls, sides, overdue_at, overdue_reports, causation_id, traceparent
         from payment where order_id = $1 for update",
        order_id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    match row {
        Some(row) => whole(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// Locks the payment that has waited longest for a worker; those that another worker holds are passed over.
pub async fn lock_waiting_payment(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<Waiting>, sqlx::Error> {
    let row = sqlx::query_as!(
        PaymentRow,
        "select order_id, id, order_number, customer_id, payment_method_id, payment_method_known, amount, currency,
             charge_by, deadline, capture, stock_reserved, capture_amount, capture_currency, capture_round, end_kind,
             refunds_requested, refunds_requested_currency, stage, intent_id, refusal, charged, action_url, stage_round,
             stage_reason, due_generation, attempt_number, key_generation, step, doubt, act_at, ticket, doubted_number,
             doubted_generation, doubted_amount, calls, sides, overdue_at, overdue_reports, causation_id, traceparent
         from payment where next_at <= $1 order by next_at limit 1 for update skip locked",
        now
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let order_id = OrderId(row.order_id);
    match whole(tx, row).await {
        Ok(stored) => Ok(Some(Waiting::Whole(Box::new(stored)))),
        Err(error @ sqlx::Error::Decode(_)) => Ok(Some(Waiting::Broken { order_id, error })),
        Err(error) => Err(error),
    }
}

pub async fn find_payment(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<StoredPayment>, sqlx::Error> {
    let row = sqlx::query_as!(
        PaymentRow,
        "select order_id, id, order_number, customer_id, payment_method_id, payment_method_known, amount, currency,
             charge_by, deadline, capture, stock_reserved, capture_amount, capture_currency, capture_round, end_kind,
             refunds_requested, refunds_requested_currency, stage, intent_id, refusal, charged, action_url, stage_round,
             stage_reason, due_generation, attempt_number, key_generation, step, doubt, act_at, ticket, doubted_number,
             doubted_generation, doubted_amount, calls, sides, overdue_at, overdue_reports, causation_id, traceparent
         from payment where order_id = $1",
        order_id.0
    )
    .fetch_optional(&mut *db)
    .await?;
    match row {
        Some(row) => whole(db, row).await.map(Some),
        None => Ok(None),
    }
}

pub async fn payment_exists(db: &mut PgConnection, order_id: OrderId) -> Result<bool, sqlx::Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from payment where order_id = $1) as "exists!""#,
        order_id.0
    );
    exists.fetch_one(db).await
}

/// Most payments have neither refunds nor disputes, and are read in one statement.
async fn whole(db: &mut PgConnection, row: PaymentRow) -> Result<StoredPayment, sqlx::Error> {
    if row.sides == 0 {
        return row.read(BTreeMap::new(), BTreeMap::new());
    }
    let order_id = OrderId(row.order_id);
    let refunds = refunds::list_refunds(&mut *db, order_id).await?;
    let disputes = disputes::list_disputes(&mut *db, order_id).await?;
    row.read(refunds, disputes)
}

/// Writes everything but the order and the id, which never change.
pub async fn update_payment(
    tx: &mut PgConnection,
    payment: &Payment,
    cause: &Trail,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let row = PaymentRow::of(payment, cause);
    let refunds = payment.refunds.values().filter_map(|refund| refund.attempt());
    let disputes = payment.disputes.values().filter_map(|dispute| dispute.attempt());
    let side_at = refunds.chain(disputes).map(|attempt| attempt.at).min();
    // One argument a line would hide the statement.
    #[rustfmt::skip]
    let updated = sqlx::query!(
        "update payment set order_number = $2, customer_id = $3, payment_method_id = $4,
             payment_method_known = $5, amount = $6, currency = $7, charge_by = $8, deadline = $9, capture = $10,
             stock_reserved = $11, capture_amount = $12, capture_currency = $13, capture_round = $14, end_kind = $15,
             refunds_requested = $16, refunds_requested_currency = $17, stage = $18, intent_id = $19, refusal = $20,
             charged = $21, action_url = $22, stage_round = $23, stage_reason = $24, due_generation = $25,
             attempt_number = $26, key_generation = $27, step = $28, doubt = $29, act_at = $30, ticket = $31,
             doubted_number = $32, doubted_generation = $33, doubted_amount = $34, calls = $35, sides = $36,
             overdue_at = $37, overdue_reports = $38, causation_id = $39, traceparent = $40, updated_at = $41,
             postponed_until = null, side_at = $42,
             unknown_since = case when $43::boolean then coalesce(unknown_since, $41) end
         where order_id = $1",
        row.order_id, row.order_number, row.customer_id, row.payment_method_id, row.payment_method_known,
        row.amount, row.currency, row.charge_by, row.deadline, row.capture, row.stock_reserved,
        row.capture_amount, row.capture_currency, row.capture_round, row.end_kind, row.refunds_requested,
        row.refunds_requested_currency, row.stage, row.intent_id, row.refusal, row.charged, row.action_url,
        row.stage_round, row.stage_reason, row.due_generation, row.attempt_number, row.key_generation,
        row.step, row.doubt, row.act_at, row.ticket, row.doubted_number, row.doubted_generation,
        row.doubted_amount, row.calls, row.sides, row.overdue_at, row.overdue_reports, row.causation_id,
        row.traceparent, now, side_at, payment.unknown()
    )
    .execute(&mut *tx)
    .await?;
    if updated.rows_affected() != 1 {
        return Err(illegal("payment", &format!("{} rows of one order", updated.rows_affected())));
    }
    for (cause, refund) in &payment.refunds {
        refunds::upsert_refund(&mut *tx, payment.order_id, *cause, refund, now).await?;
    }
    for (id, dispute) in &payment.disputes {
        disputes::upsert_dispute(&mut *tx, payment.order_id, id, dispute, now).await?;
    }
    Ok(())
}

/// Lets a row that cannot be read wait, so that the others are worked on.
pub async fn postpone_payment(
    tx: &mut PgConnection,
    order_id: OrderId,
    until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update payment set postponed_until = $2 where order_id = $1", order_id.0, until)
        .execute(tx)
        .await?;
    Ok(())
}

/// Since when it is not known what became of an act.
pub async fn find_unknown_since(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let since = sqlx::query_scalar!("select unknown_since from payment where order_id = $1", order_id.0)
        .fetch_optional(db)
        .await?;
    Ok(since.flatten())
}
