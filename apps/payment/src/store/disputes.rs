//! Charges that the customer's bank disputes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::OrderId;
use sqlx::PgConnection;

use super::illegal;
use super::row::{AttemptColumns, AttemptRead, code, money};
use crate::domain::{Dispute, DisputeStage};

#[derive(Debug)]
struct DisputeRow {
    dispute_id: String,
    amount: i64,
    currency: String,
    stage: String,
    attempt_number: Option<i32>,
    key_generation: Option<i32>,
    step: Option<String>,
    doubt: Option<String>,
    act_at: Option<DateTime<Utc>>,
    ticket: Option<i32>,
}

/// All disputes of the order; its payment's lock is theirs.
pub async fn list_disputes(
    db: &mut PgConnection,
    order_id: OrderId,
) -> Result<BTreeMap<String, Dispute>, sqlx::Error> {
    let rows = sqlx::query_as!(
        DisputeRow,
        "select dispute_id, amount, currency, stage, attempt_number, key_generation, step, doubt, act_at, ticket
         from payment_dispute where order_id = $1",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(DisputeRow::read).collect()
}

/// Writes a dispute as it is.
pub async fn upsert_dispute(
    tx: &mut PgConnection,
    order_id: OrderId,
    dispute_id: &str,
    dispute: &Dispute,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let attempt = AttemptColumns::of(dispute.attempt());
    sqlx::query!(
        "insert into payment_dispute (order_id, dispute_id, amount, currency, stage, attempt_number, key_generation,
             step, doubt, act_at, ticket, created_at, since)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
         on conflict on constraint payment_dispute_pkey do update set stage = $5, attempt_number = $6,
             key_generation = $7, step = $8, doubt = $9, act_at = $10, ticket = $11,
             since = case when payment_dispute.stage = $5 then payment_dispute.since else $12 end",
        order_id.0,
        dispute_id,
        dispute.amount.amount(),
        code(dispute.amount),
        stage_name(dispute.stage),
        attempt.number,
        attempt.generation,
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

impl DisputeRow {
    fn read(self) -> Result<(String, Dispute), sqlx::Error> {
        let amount = money(Some(self.amount), Some(&self.currency))
            .ok_or_else(|| illegal("payment_dispute", "it is not whole"))?;
        let stage = match self.stage.as_str() {
            "open" => DisputeStage::Open,
            "accepting" => DisputeStage::Accepting { attempt: self.attempt().read()? },
            "won" => DisputeStage::Won,
            "lost" => DisputeStage::Lost,
            other => return Err(illegal("payment_dispute", &format!("unknown stage {other}"))),
        };
        Ok((self.dispute_id, Dispute { amount, stage }))
    }

    fn attempt(&self) -> AttemptRead<'_> {
        AttemptRead {
            number: self.attempt_number,
            generation: self.key_generation,
            step: self.step.as_deref(),
            doubt: self.doubt.as_deref(),
            at: self.act_at,
            ticket: self.ticket,
            calls: 0,
        }
    }
}

const fn stage_name(stage: DisputeStage) -> &'static str {
    match stage {
        DisputeStage::Open => "open",
        DisputeStage::Accepting { .. } => "accepting",
        DisputeStage::Won => "won",
        DisputeStage::Lost => "lost",
    }
}
