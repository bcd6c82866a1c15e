//! The row of a payment, and the payment that it stands for.

mod attempt;
mod charge;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::{
    CaptureMode, Currency, Money, OrderId, PaymentId, PaymentMethodId, RefundCause, Refusal, UserId,
};
use serde_json::Value;
use uuid::Uuid;

use super::illegal;
use crate::domain::{Dispute, Due, End, Method, Overdue, Payment, Refund, Wish};
pub(super) use attempt::{AttemptColumns, AttemptRead};
use charge::ChargeColumns;

#[derive(Debug, Clone)]
pub(super) struct PaymentRow {
    pub order_id: Uuid,
    pub id: Uuid,
    pub order_number: Option<String>,
    pub customer_id: Option<Uuid>,
    pub payment_method_id: Option<Uuid>,
    pub payment_method_known: Option<bool>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub charge_by: Option<DateTime<Utc>>,
    pub deadline: Option<DateTime<Utc>>,
    pub capture: Option<String>,
    pub stock_reserved: bool,
    pub capture_amount: Option<i64>,
    pub capture_currency: Option<String>,
    pub capture_round: Option<i32>,
    pub end_kind: Option<String>,
    pub refunds_requested: Option<i64>,
    pub refunds_requested_currency: Option<String>,
    pub stage: String,
    pub intent_id: Option<String>,
    pub refusal: Option<Value>,
    pub charged: Option<i64>,
    pub action_url: Option<String>,
    pub stage_round: Option<i32>,
    pub stage_reason: Option<String>,
    pub due_generation: Option<i32>,
    pub attempt_number: Option<i32>,
    pub key_generation: Option<i32>,
    pub step: Option<String>,
    pub doubt: Option<String>,
    pub act_at: Option<DateTime<Utc>>,
    pub ticket: Option<i32>,
    pub doubted_number: Option<i32>,
    pub doubted_generation: Option<i32>,
    pub doubted_amount: Option<i64>,
    pub calls: i32,
    pub sides: i32,
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

impl PaymentRow {
    /// The payment with its refunds and disputes, which have tables of their own.
    pub(super) fn read(
        self,
        mut refunds: BTreeMap<RefundCause, Refund>,
        disputes: BTreeMap<String, Dispute>,
    ) -> Result<StoredPayment, sqlx::Error> {
        let due = self.due()?;
        let overdue = self
            .overdue_at
            .map(|at| Ok::<_, sqlx::Error>(Overdue { at, reports: count(self.overdue_reports)? }))
            .transpose()?;
        if let Some(refund) = self.refund_of_its_stage(due.as_ref())? {
            refunds.entry(RefundCause::FinalEnd).or_insert(refund);
        }
        let payment = Payment {
            id: PaymentId(self.id),
            order_id: OrderId(self.order_id),
            charge: self.charge(due.as_ref())?,
            due,
            stock_reserved: self.stock_reserved,
            wish: self.wish()?,
            end: self.end()?,
            refunds,
            disputes,
            overdue,
            calls: count(self.calls)?,
        };
        let cause = Trail { causation_id: self.causation_id, traceparent: self.traceparent };
        Ok(StoredPayment { payment, cause })
    }

    pub(super) fn of(payment: &Payment, cause: &Trail) -> PaymentRow {
        let due = payment.due.as_ref();
        let charge = ChargeColumns::of(&payment.charge);
        let attempt = AttemptColumns::of(payment.charge.attempt());
        let requested = match payment.end {
            Some(End::Cancelled { refunds_requested }) => Some(refunds_requested),
            Some(End::Confirmed | End::Rejected | End::Expired) | None => None,
        };
        let sides = payment.refunds.len() + payment.disputes.len();
        PaymentRow {
            order_id: payment.order_id.0,
            id: payment.id.0,
            order_number: due.map(|due| due.number.clone()),
            customer_id: due.map(|due| due.customer_id.0),
            payment_method_id: due.map(|due| {
                let (Method::Own(method) | Method::Foreign(method)) = due.method;
                method.0
            }),
            payment_method_known: due.map(|due| matches!(due.method, Method::Own(_))),
            amount: due.map(|due| due.total.amount()),
            currency: due.map(|due| code(due.total)),
            charge_by: due.map(|due| due.charge_by),
            deadline: due.map(|due| due.deadline),
            capture: due.map(|due| capture_name(due.capture).to_owned()),
            stock_reserved: payment.stock_reserved,
            capture_amount: payment.wish.map(|wish| wish.amount.amount()),
            capture_currency: payment.wish.map(|wish| code(wish.amount)),
            capture_round: payment.wish.map(|wish| number(wish.round)),
            end_kind: payment.end.map(|end| end_name(end).to_owned()),
            refunds_requested: requested.map(Money::amount),
            refunds_requested_currency: requested.map(code),
            stage: charge.stage.to_owned(),
            intent_id: payment.charge.intent().map(|intent| intent.0.clone()),
            refusal: charge.refusal,
            charged: charge.charged,
            action_url: charge.action_url,
            stage_round: charge.stage_round,
            stage_reason: charge.stage_reason,
            due_generation: charge.due_generation,
            attempt_number: attempt.number,
            key_generation: attempt.generation,
            step: attempt.step.map(str::to_owned),
            doubt: attempt.doubt.map(str::to_owned),
            act_at: attempt.at,
            ticket: attempt.ticket,
            doubted_number: charge.doubted.map(|tried| number(tried.number)),
            doubted_generation: charge.doubted.map(|tried| number(tried.generation)),
            doubted_amount: charge.doubted_amount,
            calls: number(payment.calls),
            sides: i32::try_from(sides).unwrap_or(i32::MAX),
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
        let capture = self.capture.as_deref().and_then(capture_from).ok_or_else(whole)?;
        Ok(Some(Due {
            // The release before this one did not note the number; the id stands in for it.
            number: self.order_number.clone().unwrap_or_else(|| self.order_id.to_string()),
            customer_id: UserId(customer_id),
            method: match self.payment_method_known.ok_or_else(whole)? {
                true => Method::Own(method),
                false => Method::Foreign(method),
            },
            total: money(self.amount, self.currency.as_deref()).ok_or_else(whole)?,
            charge_by: self.charge_by.ok_or_else(whole)?,
            deadline: self.deadline.ok_or_else(whole)?,
            capture,
        }))
    }

    fn wish(&self) -> Result<Option<Wish>, sqlx::Error> {
        let Some(round) = self.capture_round else { return Ok(None) };
        let amount = money(self.capture_amount, self.capture_currency.as_deref());
        let amount = amount.ok_or_else(|| illegal("payment", "the capture asked for has no amount"))?;
        Ok(Some(Wish { amount, round: count(round)? }))
    }

    fn end(&self) -> Result<Option<End>, sqlx::Error> {
        let requested = money(self.refunds_requested, self.refunds_requested_currency.as_deref());
        Ok(match (self.end_kind.as_deref(), requested) {
            (None, _) => None,
            (Some("confirmed"), _) => Some(End::Confirmed),
            (Some("rejected"), _) => Some(End::Rejected),
            (Some("cancelled"), Some(refunds_requested)) => Some(End::Cancelled { refunds_requested }),
            (Some("expired"), _) => Some(End::Expired),
            (Some(other), _) => return Err(illegal("payment", &format!("its end {other} is not whole"))),
        })
    }

    fn attempt_columns(&self) -> AttemptRead<'_> {
        AttemptRead {
            number: self.attempt_number,
            generation: self.key_generation,
            step: self.step.as_deref(),
            doubt: self.doubt.as_deref(),
            at: self.act_at,
            ticket: self.ticket,
            calls: self.calls,
        }
    }
}

pub(super) fn refusal_json(refusal: &Refusal) -> Value {
    serde_json::to_value(refusal).expect("invariant: a refusal holds only strings and integers")
}

pub(super) fn refusal_from(json: Value) -> Result<Refusal, sqlx::Error> {
    serde_json::from_value(json).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) fn money(amount: Option<i64>, currency: Option<&str>) -> Option<Money> {
    Money::new(amount?, Currency::from_code(currency?)?).ok()
}

pub(super) fn code(money: Money) -> String {
    money.currency().code().to_owned()
}

const fn end_name(end: End) -> &'static str {
    match end {
        End::Confirmed => "confirmed",
        End::Rejected => "rejected",
        End::Cancelled { .. } => "cancelled",
        End::Expired => "expired",
    }
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

pub(super) fn count(value: i32) -> Result<u32, sqlx::Error> {
    u32::try_from(value).map_err(|_| illegal("payment", "a count is negative"))
}

pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
