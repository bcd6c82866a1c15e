//! What happened to an order's money, append-only.

use chrono::{DateTime, Utc};
use contracts::event::DisputeStatus;
use contracts::{Money, OrderId, RefundCause};
use serde_json::Value;
use sqlx::PgConnection;

use super::illegal;
use super::payments::Trail;
use super::row::{count, money, number, refusal_from, refusal_json};
use crate::domain::Record;

/// A record with when it was written, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordShown {
    pub record: Record,
    pub at: DateTime<Utc>,
    pub cause: Trail,
}

#[derive(Debug)]
struct RecordRow {
    kind: String,
    amount: Option<i64>,
    currency: Option<String>,
    refusal: Option<Value>,
    cause: Option<String>,
    round: Option<i32>,
    reason: Option<String>,
    dispute_id: Option<String>,
    status: Option<String>,
    at: DateTime<Utc>,
    causation_id: Option<String>,
    traceparent: Option<String>,
}

/// Adds a record. The lock on the order's payment keeps the numbers in order.
pub async fn insert_record(
    tx: &mut PgConnection,
    order_id: OrderId,
    record: &Record,
    cause: &Trail,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (round, reason) = record.due().unzip();
    let (dispute_id, status) = record.dispute().unzip();
    sqlx::query!(
        "insert into payment_event (order_id, number, kind, amount, currency, refusal, cause, round, reason,
             dispute_id, status, causation_id, traceparent, at)
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
         from payment_event where order_id = $1",
        order_id.0,
        record.kind(),
        record.amount().map(Money::amount),
        record.amount().map(|amount| amount.currency().code()),
        record.refusal().map(refusal_json),
        record.cause().map(|cause| cause.to_string()),
        round.map(number),
        reason,
        dispute_id,
        status.map(status_name),
        cause.causation_id,
        cause.traceparent,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn list_records(db: &mut PgConnection, order_id: OrderId) -> Result<Vec<RecordShown>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RecordRow,
        "select kind, amount, currency, refusal, cause, round, reason, dispute_id, status, at, causation_id,
             traceparent
         from payment_event where order_id = $1 order by number",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(RecordShown::try_from).collect()
}

impl TryFrom<RecordRow> for RecordShown {
    type Error = sqlx::Error;

    fn try_from(row: RecordRow) -> Result<RecordShown, sqlx::Error> {
        let record = row.record()?;
        let cause = Trail { causation_id: row.causation_id, traceparent: row.traceparent };
        Ok(RecordShown { record, at: row.at, cause })
    }
}

impl RecordRow {
    fn record(&self) -> Result<Record, sqlx::Error> {
        let whole = |what| illegal("payment_event", what);
        let amount = || money(self.amount, self.currency.as_deref()).ok_or_else(|| whole("it has no amount"));
        Ok(match self.kind.as_str() {
            "action_required" => Record::ActionRequired,
            "authorised" => Record::Authorised { amount: amount()? },
            "lapsed" => Record::Lapsed,
            "captured" => Record::Captured { amount: amount()? },
            "due" => Record::Due {
                amount: amount()?,
                round: count(self.round.ok_or_else(|| whole("it has no round"))?)?,
                reason: self.reason.clone().ok_or_else(|| whole("it has no reason"))?,
            },
            "voided" => Record::Voided,
            "declined" => {
                let refusal = self.refusal.clone().ok_or_else(|| whole("it has no refusal"))?;
                Record::Declined { refusal: refusal_from(refusal)? }
            }
            "refunded" => Record::Refunded { cause: self.refund_cause()?, amount: amount()? },
            "refund_failed" => Record::RefundFailed { cause: self.refund_cause()?, amount: amount()? },
            "refund_returned" => Record::RefundReturned { cause: self.refund_cause()?, amount: amount()? },
            "refund_settled" => Record::RefundSettled { cause: self.refund_cause()?, amount: amount()? },
            "disputed" => Record::Disputed {
                dispute_id: self.dispute_id.clone().ok_or_else(|| whole("it has no dispute"))?,
                amount: amount()?,
                status: self
                    .status
                    .as_deref()
                    .and_then(status_from)
                    .ok_or_else(|| whole("it has no status"))?,
            },
            other => return Err(whole(&format!("unknown kind {other}"))),
        })
    }

    /// The release before this one knew of no other cause, and wrote none.
    fn refund_cause(&self) -> Result<RefundCause, sqlx::Error> {
        let cause = self.cause.as_deref().unwrap_or("final_end");
        cause.parse().map_err(|_| illegal("payment_event", "unknown cause"))
    }
}

const fn status_name(status: DisputeStatus) -> &'static str {
    match status {
        DisputeStatus::Open => "open",
        DisputeStatus::Won => "won",
        DisputeStatus::Lost => "lost",
    }
}

fn status_from(name: &str) -> Option<DisputeStatus> {
    [DisputeStatus::Open, DisputeStatus::Won, DisputeStatus::Lost]
        .into_iter()
        .find(|status| status_name(*status) == name)
}
