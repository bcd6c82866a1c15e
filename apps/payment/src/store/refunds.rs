//! Refunds, one for each cause of an order.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::{OrderId, RefundCause};
use sqlx::PgConnection;

use super::illegal;
use super::row::{AttemptColumns, AttemptRead, code, count, money, number};
use crate::domain::{Refund, RefundFailure, RefundStage};

#[derive(Debug)]
struct RefundRow {
    cause: String,
    amount: i64,
    currency: String,
    stage: String,
    failure: Option<String>,
    reference: Option<String>,
    failed_references: Vec<String>,
    key_generation: i32,
    tried: i32,
    attempt_number: Option<i32>,
    step: Option<String>,
    doubt: Option<String>,
    act_at: Option<DateTime<Utc>>,
    ticket: Option<i32>,
}

/// All refunds of the order; its payment's lock is theirs.
pub async fn list_refunds(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<BTreeMap<RefundCause, Refund>, sqlx::Error> {
    let rows = sqlx::query_as!(
        RefundRow,
        "select cause, amount, currency, stage, failure, reference, failed_references, key_generation, tried,
             attempt_number, step, doubt, act_at, ticket
         from payment_refund where order_id = $1",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(RefundRow::read).collect()
}

/// Writes a refund as it is.
pub async fn upsert_refund(
    tx: &mut PgConnection,
    order_id: OrderId,
    cause: RefundCause,
    refund: &Refund,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let attempt = AttemptColumns::of(refund.attempt());
    sqlx::query!(
        "insert into payment_refund (order_id, cause, amount, currency, stage, failure, reference, failed_references,
             key_generation, tried, attempt_number, step, doubt, act_at, ticket, created_at, since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
         on conflict on constraint payment_refund_pkey do update set stage = $5, failure = $6, reference = $7,
             failed_references = $8, key_generation = $9, tried = $10, attempt_number = $11, step = $12, doubt = $13,
             act_at = $14, ticket = $15,
             since = case when payment_refund.stage = $5 then payment_refund.since else $16 end",
        order_id.0,
        cause.to_string(),
        refund.amount.amount(),
        code(refund.amount),
        refund.stage.name(),
        failure(&refund.stage).map(RefundFailure::name),
        reference(&refund.stage),
        &refund.failed,
        number(refund.generation),
        number(refund.tried),
        attempt.number,
        attempt.step,
        attempt.doubt,
        attempt.at,
        attempt.ticket,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl RefundRow {
    fn read(self) -> Result<(RefundCause, Refund), sqlx::Error> {
        let whole = || illegal("payment_refund", "it is not whole");
        let cause: RefundCause =
            self.cause.parse().map_err(|_| illegal("payment_refund", "unknown cause"))?;
        let amount = money(Some(self.amount), Some(&self.currency)).ok_or_else(whole)?;
        let stage = match self.stage.as_str() {
            "waiting" => RefundStage::Waiting,
            "in_hand" => RefundStage::InHand { attempt: self.attempt().read()? },
            "made" => RefundStage::Made { reference: self.reference.clone().ok_or_else(whole)? },
            "failed" => {
                RefundStage::Failed { why: self.failure.as_deref().and_then(failure_from).ok_or_else(whole)? }
            }
            "settled" => RefundStage::Settled,
            "moot" => RefundStage::Moot,
            other => return Err(illegal("payment_refund", &format!("unknown stage {other}"))),
        };
        let (generation, tried) = (count(self.key_generation)?, count(self.tried)?);
        Ok((cause, Refund { amount, generation, tried, failed: self.failed_references, stage }))
    }

    fn attempt(&self) -> AttemptRead<'_> {
        AttemptRead {
            number: self.attempt_number,
            generation: Some(self.key_generation),
            step: self.step.as_deref(),
            doubt: self.doubt.as_deref(),
            at: self.act_at,
            ticket: self.ticket,
            calls: 0,
        }
    }
}

fn failure(stage: &RefundStage) -> Option<RefundFailure> {
    match stage {
        RefundStage::Failed { why } => Some(*why),
        RefundStage::Waiting
        | RefundStage::InHand { .. }
        | RefundStage::Made { .. }
        | RefundStage::Settled
        | RefundStage::Moot => None,
    }
}

fn failure_from(name: &str) -> Option<RefundFailure> {
    RefundFailure::ALL.into_iter().find(|failure| failure.name() == name)
}

fn reference(stage: &RefundStage) -> Option<&str> {
    match stage {
        RefundStage::Made { reference } => Some(reference),
        RefundStage::Waiting
        | RefundStage::InHand { .. }
        | RefundStage::Failed { .. }
        | RefundStage::Settled
        | RefundStage::Moot => None,
    }
}
