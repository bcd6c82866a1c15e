//! The row of a payment, and the payment that it stands for.

use chrono::{DateTime, Utc};
use contracts::{CaptureMode, Currency, Money, OrderId, PaymentId, PaymentMethodId, Refusal, UserId};
use serde_json::Value;
use uuid::Uuid;

use super::illegal;
use crate::domain::{Attempt, Charge, Doubt, Due, End, IntentId, Method, Overdue, Payment, Step, Tried};

#[derive(Debug, Clone)]
pub(super) struct PaymentRow {
    pub order_id: Uuid,
    pub id: Uuid,
    pub customer_id: Option<Uuid>,
    pub payment_method_id: Option<Uuid>,
    pub payment_method_known: Option<bool>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub charge_by: Option<DateTime<Utc>>,
    pub deadline: Option<DateTime<Utc>>,
    pub capture: Option<String>,
    pub stock_reserved: bool,
    pub end_kind: Option<String>,
    pub stage: String,
    pub intent_id: Option<String>,
    pub refusal: Option<Value>,
    pub charged: Option<i64>,
    pub attempt_number: Option<i32>,
    pub key_generation: Option<i32>,
    pub step: Option<String>,
    pub doubt: Option<String>,
    pub act_at: Option<DateTime<Utc>>,
    pub doubted_number: Option<i32>,
    pub doubted_generation: Option<i32>,
    pub calls: i32,
    pub overdue_at: Option<DateTime<Utc>>,
    pub overdue_reports: i32,
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
}

/// A payment with the event that set off what is being done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    pub payment: Payment,
    pub cause: Trail,
}

/// What the events that come of it name as their cause and trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
}

impl TryFrom<PaymentRow> for StoredPayment {
    type Error = sqlx::Error;

    fn try_from(row: PaymentRow) -> Result<StoredPayment, sqlx::Error> {
        let due = row.due()?;
        let overdue = row
            .overdue_at
            .map(|at| Ok::<_, sqlx::Error>(Overdue { at, reports: count(row.overdue_reports)? }))
            .transpose()?;
        let payment = Payment {
            id: PaymentId(row.id),
            order_id: OrderId(row.order_id),
            charge: row.charge(due.as_ref())?,
            due,
            stock_reserved: row.stock_reserved,
            end: row.end_kind.as_deref().map(end_from).transpose()?,
            overdue,
            calls: count(row.calls)?,
        };
        let cause = Trail { causation_id: row.causation_id, traceparent: row.traceparent };
        Ok(StoredPayment { payment, cause })
    }
}

impl PaymentRow {
    pub(super) fn of(payment: &Payment, cause: &Trail) -> PaymentRow {
        let due = payment.due.as_ref();
        let attempt = payment.charge.attempt();
        let (refusal, doubted) = match &payment.charge {
            Charge::Cancelling { refusal, doubted, .. } => (refusal.as_ref(), *doubted),
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => (None, None),
        };
        let (step, doubt) = attempt.map(|attempt| step_name(attempt.step)).unzip();
        PaymentRow {
            order_id: payment.order_id.0,
            id: payment.id.0,
            customer_id: due.map(|due| due.customer_id.0),
            payment_method_id: due.map(|due| {
                let (Method::Own(method) | Method::Foreign(method)) = due.method;
                method.0
            }),
            payment_method_known: due.map(|due| matches!(due.method, Method::Own(_))),
            amount: due.map(|due| due.total.amount()),
            currency: due.map(|due| due.total.currency().code().to_owned()),
            charge_by: due.map(|due| due.charge_by),
            deadline: due.map(|due| due.deadline),
            capture: due.map(|due| capture_name(due.capture).to_owned()),
            stock_reserved: payment.stock_reserved,
            end_kind: payment.end.map(|end| end_name(end).to_owned()),
            stage: stage_name(&payment.charge).to_owned(),
            intent_id: payment.charge.intent().map(|intent| intent.0.clone()),
            refusal: refusal.map(refusal_json),
            charged: charged(&payment.charge).map(Money::amount),
            attempt_number: attempt.map(|attempt| number(attempt.number)),
            key_generation: attempt.map(|attempt| number(attempt.generation)),
            step: step.map(str::to_owned),
            doubt: doubt.flatten().map(str::to_owned),
            act_at: attempt.map(|attempt| attempt.at),
            doubted_number: doubted.map(|tried| number(tried.number)),
            doubted_generation: doubted.map(|tried| number(tried.generation)),
            calls: number(payment.calls),
            overdue_at: payment.overdue.map(|overdue| overdue.at),
            overdue_reports: payment.overdue.map_or(0, |overdue| number(overdue.reports)),
            causation_id: cause.causation_id.clone(),
            traceparent: cause.traceparent.clone(),
        }
    }

    fn due(&self) -> Result<Option<Due>, sqlx::Error> {
        let Some(customer_id) = self.customer_id else {
            return Ok(None);
        };
        let whole = || illegal("payment", "what is due is not whole");
        let method = PaymentMethodId(self.payment_method_id.ok_or_else(whole)?);
        let currency = self.currency.as_deref().and_then(Currency::from_code).ok_or_else(whole)?;
        let capture = self.capture.as_deref().and_then(capture_from).ok_or_else(whole)?;
        Ok(Some(Due {
            customer_id: UserId(customer_id),
            method: match self.payment_method_known.ok_or_else(whole)? {
                true => Method::Own(method),
                false => Method::Foreign(method),
            },
            total: Money::new(self.amount.ok_or_else(whole)?, currency).map_err(|_| whole())?,
            charge_by: self.charge_by.ok_or_else(whole)?,
            deadline: self.deadline.ok_or_else(whole)?,
            capture,
        }))
    }

    fn charge(&self, due: Option<&Due>) -> Result<Charge, sqlx::Error> {
        let intent = || {
            self.intent_id.clone().map(IntentId).ok_or_else(|| illegal("payment", "its stage has no intent"))
        };
        let amount = || {
            self.charged
                .zip(due)
                .and_then(|(charged, due)| Money::new(charged, due.total.currency()).ok())
                .ok_or_else(|| illegal("payment", "its stage has no amount"))
        };
        Ok(match self.stage.as_str() {
            "waiting" => Charge::Waiting,
            "creating" => Charge::Creating { attempt: self.attempt()? },
            "confirming" => Charge::Confirming { intent: intent()?, attempt: self.attempt()? },
            "cancelling" => Charge::Cancelling {
                intent: intent()?,
                refusal: self.refusal()?,
                doubted: self.doubted()?,
                attempt: self.attempt()?,
            },
            "authorised" => Charge::Authorised { intent: intent()?, amount: amount()? },
            "free" => Charge::Free,
            "captured" => Charge::Captured { intent: intent()?, amount: amount()? },
            "refunding" => {
                Charge::Refunding { intent: intent()?, amount: amount()?, attempt: self.attempt()? }
            }
            "refunded" => Charge::Refunded { intent: intent()?, amount: amount()? },
            "refund_failed" => Charge::RefundFailed { intent: intent()?, amount: amount()? },
            "closed" => Charge::Closed { intent: self.intent_id.clone().map(IntentId) },
            other => return Err(illegal("payment", &format!("unknown stage {other}"))),
        })
    }

    fn attempt(&self) -> Result<Attempt, sqlx::Error> {
        let whole = || illegal("payment", "its attempt is not whole");
        let doubt = self.doubt.as_deref().map(doubt_from).transpose()?;
        let step = match (self.step.as_deref(), doubt) {
            (Some("planned"), None) => Step::Planned,
            (Some("sent"), None) => Step::Sent,
            (Some("doubtful"), Some(doubt)) => Step::Doubtful(doubt),
            (Some("asked"), Some(doubt)) => Step::Asked(doubt),
            _ => return Err(whole()),
        };
        Ok(Attempt {
            number: count(self.attempt_number.ok_or_else(whole)?)?,
            generation: count(self.key_generation.ok_or_else(whole)?)?,
            step,
            at: self.act_at.ok_or_else(whole)?,
        })
    }

    fn doubted(&self) -> Result<Option<Tried>, sqlx::Error> {
        self.doubted_number
            .zip(self.doubted_generation)
            .map(|(number, generation)| Ok(Tried { number: count(number)?, generation: count(generation)? }))
            .transpose()
    }

    fn refusal(&self) -> Result<Option<Refusal>, sqlx::Error> {
        self.refusal.clone().map(refusal_from).transpose()
    }
}

pub(super) fn refusal_json(refusal: &Refusal) -> Value {
    serde_json::to_value(refusal).expect("invariant: a refusal holds only strings and integers")
}

pub(super) fn refusal_from(json: Value) -> Result<Refusal, sqlx::Error> {
    serde_json::from_value(json).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn charged(charge: &Charge) -> Option<Money> {
    match charge {
        Charge::Authorised { amount, .. }
        | Charge::Captured { amount, .. }
        | Charge::Refunding { amount, .. }
        | Charge::Refunded { amount, .. }
        | Charge::RefundFailed { amount, .. } => Some(*amount),
        Charge::Waiting
        | Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::Cancelling { .. }
        | Charge::Free
        | Charge::Closed { .. } => None,
    }
}

const fn stage_name(charge: &Charge) -> &'static str {
    match charge {
        Charge::Waiting => "waiting",
        Charge::Creating { .. } => "creating",
        Charge::Confirming { .. } => "confirming",
        Charge::Cancelling { .. } => "cancelling",
        Charge::Authorised { .. } => "authorised",
        Charge::Free => "free",
        Charge::Captured { .. } => "captured",
        Charge::Refunding { .. } => "refunding",
        Charge::Refunded { .. } => "refunded",
        Charge::RefundFailed { .. } => "refund_failed",
        Charge::Closed { .. } => "closed",
    }
}

const fn step_name(step: Step) -> (&'static str, Option<&'static str>) {
    match step {
        Step::Planned => ("planned", None),
        Step::Sent => ("sent", None),
        Step::Doubtful(doubt) => ("doubtful", Some(doubt_name(doubt))),
        Step::Asked(doubt) => ("asked", Some(doubt_name(doubt))),
    }
}

const fn doubt_name(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Silence => "silence",
        Doubt::ServerError => "server_error",
        Doubt::StoredError => "stored_error",
        Doubt::Refused => "refused",
    }
}

fn doubt_from(name: &str) -> Result<Doubt, sqlx::Error> {
    [Doubt::Silence, Doubt::ServerError, Doubt::StoredError, Doubt::Refused]
        .into_iter()
        .find(|doubt| doubt_name(*doubt) == name)
        .ok_or_else(|| illegal("payment", "unknown doubt"))
}

const fn end_name(end: End) -> &'static str {
    match end {
        End::Confirmed => "confirmed",
        End::Rejected => "rejected",
        End::Cancelled => "cancelled",
        End::Expired => "expired",
    }
}

fn end_from(name: &str) -> Result<End, sqlx::Error> {
    [End::Confirmed, End::Rejected, End::Cancelled, End::Expired]
        .into_iter()
        .find(|end| end_name(*end) == name)
        .ok_or_else(|| illegal("payment", "unknown end"))
}

const fn capture_name(capture: CaptureMode) -> &'static str {
    match capture {
        CaptureMode::AtOnce => "at_once",
        CaptureMode::BeforeShipping => "before_shipping",
    }
}

fn capture_from(name: &str) -> Option<CaptureMode> {
    [CaptureMode::AtOnce, CaptureMode::BeforeShipping]
        .into_iter()
        .find(|capture| capture_name(*capture) == name)
}

fn count(value: i32) -> Result<u32, sqlx::Error> {
    u32::try_from(value).map_err(|_| illegal("payment", "a count is negative"))
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
