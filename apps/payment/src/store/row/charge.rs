//! The columns that say how far the charge is.

use contracts::{Money, Refusal};

use super::{PaymentRow, count, number, refusal_from, refusal_json};
use crate::domain::{
    Attempt, Charge, Doubted, Due, DueReason, IntentId, Refund, RefundFailure, RefundStage, Tried,
};
use crate::store::illegal;

/// The stages that the release before this one wrote for a refund, which was always of the whole.
const REFUND_STAGES: [&str; 3] = ["refunding", "refunded", "refund_failed"];

/// What is written of a charge beside its attempt.
#[derive(Debug, Default)]
pub(super) struct ChargeColumns {
    pub stage: &'static str,
    pub charged: Option<i64>,
    pub refusal: Option<serde_json::Value>,
    pub doubted: Option<Tried>,
    pub doubted_amount: Option<i64>,
    pub action_url: Option<String>,
    pub stage_round: Option<i32>,
    pub stage_reason: Option<String>,
    pub due_generation: Option<i32>,
}

impl ChargeColumns {
    pub(super) fn of(charge: &Charge) -> ChargeColumns {
        let at = |stage| ChargeColumns { stage, ..ChargeColumns::default() };
        let holding = |stage, amount: Money| ChargeColumns { charged: Some(amount.amount()), ..at(stage) };
        match charge {
            Charge::Waiting => at("waiting"),
            Charge::Creating { .. } => at("creating"),
            Charge::Confirming { .. } => at("confirming"),
            Charge::ActionRequired { url, tried, .. } => {
                ChargeColumns { action_url: url.clone(), doubted: Some(*tried), ..at("action_required") }
            }
            Charge::Cancelling { refusal, doubted, .. } => {
                let (tried, amount) = match doubted {
                    Some(Doubted::Charge(tried)) => (Some(*tried), None),
                    Some(Doubted::Capture { amount, tried }) => (Some(*tried), Some(amount.amount())),
                    None => (None, None),
                };
                ChargeColumns {
                    refusal: refusal.as_ref().map(refusal_json),
                    doubted: tried,
                    doubted_amount: amount,
                    ..at("cancelling")
                }
            }
            Charge::Authorised { amount, .. } => holding("authorised", *amount),
            Charge::Capturing { amount, round, refused, .. } => ChargeColumns {
                stage_round: Some(number(*round)),
                stage_reason: refused.clone(),
                ..holding("capturing", *amount)
            },
            Charge::Due { amount, round, generation, reason, .. } => ChargeColumns {
                stage_round: Some(number(*round)),
                stage_reason: Some(reason.code().to_owned()),
                due_generation: Some(number(*generation)),
                ..holding("due", *amount)
            },
            Charge::Free { .. } => at("free"),
            Charge::Captured { amount, .. } => holding("captured", *amount),
            Charge::Closed { .. } => at("closed"),
        }
    }
}

impl PaymentRow {
    pub(super) fn charge(&self, due: Option<&Due>) -> Result<Charge, sqlx::Error> {
        let amount = || self.money(self.charged, due);
        Ok(match self.stage.as_str() {
            "waiting" => Charge::Waiting,
            "creating" => Charge::Creating { attempt: self.attempt()? },
            "confirming" => Charge::Confirming { intent: self.intent()?, attempt: self.attempt()? },
            "action_required" => Charge::ActionRequired {
                intent: self.intent()?,
                url: self.action_url.clone(),
                tried: self.tried()?.ok_or_else(|| illegal("payment", "its charge is not known"))?,
                attempt: self.attempt()?,
            },
            "cancelling" => Charge::Cancelling {
                intent: self.intent()?,
                refusal: self.refusal()?,
                doubted: self.doubted(due)?,
                attempt: self.attempt()?,
            },
            "authorised" => Charge::Authorised { intent: self.intent()?, amount: amount()? },
            "capturing" => Charge::Capturing {
                intent: self.intent()?,
                amount: amount()?,
                round: self.round()?,
                refused: self.stage_reason.clone(),
                attempt: self.attempt()?,
            },
            "due" => self.due_charge(amount()?)?,
            "free" => Charge::Free { intent: self.intent_id.clone().map(IntentId) },
            "captured" => Charge::Captured { intent: self.intent()?, amount: amount()? },
            "closed" => Charge::Closed { intent: self.intent_id.clone().map(IntentId) },
            stage if REFUND_STAGES.contains(&stage) => {
                Charge::Captured { intent: self.intent()?, amount: amount()? }
            }
            other => return Err(illegal("payment", &format!("unknown stage {other}"))),
        })
    }

    fn due_charge(&self, amount: Money) -> Result<Charge, sqlx::Error> {
        let whole = || illegal("payment", "what is due to be captured is not whole");
        Ok(Charge::Due {
            intent: self.intent()?,
            amount,
            round: self.round()?,
            generation: count(self.due_generation.ok_or_else(whole)?)?,
            reason: DueReason::from_code(self.stage_reason.clone().ok_or_else(whole)?),
        })
    }

    /// The refund that a row of the release before this one stands for.
    pub(super) fn refund_of_its_stage(&self, due: Option<&Due>) -> Result<Option<Refund>, sqlx::Error> {
        let stage = match self.stage.as_str() {
            "refunding" => RefundStage::InHand { attempt: self.attempt()? },
            "refunded" => RefundStage::Made { reference: "unknown".to_owned() },
            "refund_failed" => RefundStage::Failed { why: RefundFailure::NotMade },
            _ => return Ok(None),
        };
        let tried = if matches!(stage, RefundStage::InHand { .. }) { 0 } else { 1 };
        Ok(Some(Refund { stage, tried, ..Refund::new(self.money(self.charged, due)?) }))
    }

    fn intent(&self) -> Result<IntentId, sqlx::Error> {
        self.intent_id.clone().map(IntentId).ok_or_else(|| illegal("payment", "its stage has no intent"))
    }

    fn money(&self, amount: Option<i64>, due: Option<&Due>) -> Result<Money, sqlx::Error> {
        amount
            .zip(due)
            .and_then(|(amount, due)| Money::new(amount, due.total.currency()).ok())
            .ok_or_else(|| illegal("payment", "its stage has no amount"))
    }

    fn round(&self) -> Result<u32, sqlx::Error> {
        count(self.stage_round.ok_or_else(|| illegal("payment", "its stage has no round"))?)
    }

    fn attempt(&self) -> Result<Attempt, sqlx::Error> {
        self.attempt_columns().read()
    }

    fn tried(&self) -> Result<Option<Tried>, sqlx::Error> {
        self.doubted_number
            .zip(self.doubted_generation)
            .map(|(number, generation)| Ok(Tried { number: count(number)?, generation: count(generation)? }))
            .transpose()
    }

    fn doubted(&self, due: Option<&Due>) -> Result<Option<Doubted>, sqlx::Error> {
        let Some(tried) = self.tried()? else { return Ok(None) };
        Ok(Some(match self.doubted_amount {
            None => Doubted::Charge(tried),
            Some(_) => Doubted::Capture { amount: self.money(self.doubted_amount, due)?, tried },
        }))
    }

    fn refusal(&self) -> Result<Option<Refusal>, sqlx::Error> {
        self.refusal.clone().map(refusal_from).transpose()
    }
}
