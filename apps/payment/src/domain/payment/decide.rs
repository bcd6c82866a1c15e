//! What follows from the facts as they are.

use chrono::{DateTime, Utc};
use contracts::event::{PaymentCaptured, PaymentDeclined, PaymentVoided};
use contracts::{Event, Money, Refusal};

use super::task::Task;
use super::{Method, Out, Payment};
use crate::domain::effect::{Effect, ReceiptState};
use crate::domain::{Attempt, Charge, Doubted, IntentId, Record};

impl Payment {
    pub(super) fn decide(&mut self, now: DateTime<Utc>, out: &mut Out) {
        self.decide_charge(now, out);
        self.decide_refunds(now, out);
    }

    fn decide_charge(&mut self, now: DateTime<Utc>, out: &mut Out) {
        match self.charge.clone() {
            Charge::Waiting => self.begin(now, out),
            // An intent that was made without our knowing it is never confirmed.
            Charge::Creating { attempt } if attempt.idle() && !self.may_charge(now) => {
                self.close(None, Some(Refusal::TooLate), out);
            }
            Charge::Confirming { intent, attempt } if attempt.idle() && !self.may_charge(now) => {
                let doubted = attempt.doubted().map(Doubted::Charge);
                self.plan_cancel(intent, self.unless_ended(Refusal::TooLate), doubted, now, out);
            }
            Charge::ActionRequired { intent, tried, attempt, .. }
                if attempt.idle() && !self.may_charge(now) =>
            {
                let refusal = self.unless_ended(Refusal::AuthenticationRequired);
                self.plan_cancel(intent, refusal, Some(Doubted::Charge(tried)), now, out);
            }
            Charge::Authorised { intent, .. } if self.ended() => {
                self.plan_cancel(intent, None, None, now, out);
            }
            Charge::Authorised { intent, .. } => self.begin_capture(intent, 0, now, out),
            Charge::Capturing { intent, amount, attempt, .. } if attempt.idle() && self.ended() => {
                let doubted = attempt.doubted().map(|tried| Doubted::Capture { amount, tried });
                self.plan_cancel(intent, None, doubted, now, out);
            }
            Charge::Due { intent, round, generation, reason, .. } => {
                self.decide_due(intent, round, generation, reason, now, out);
            }
            Charge::Free { intent } if self.ended() => self.charge = Charge::Closed { intent },
            Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Capturing { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => {}
        }
    }

    /// What is said when no charge can follow; an end of the order says enough.
    fn unless_ended(&self, refusal: Refusal) -> Option<Refusal> {
        if self.ended() { None } else { Some(refusal) }
    }

    fn begin(&mut self, now: DateTime<Utc>, out: &mut Out) {
        if self.ended() {
            return self.close(None, None, out);
        }
        let Some(due) = self.due.clone() else { return };
        if let Method::Foreign(_) = due.method {
            self.close(None, Some(Refusal::PaymentMethodUnknown), out);
        } else if now >= due.charge_by {
            self.close(None, Some(Refusal::TooLate), out);
        } else if self.stock_reserved && due.total.zero_amount() {
            self.free(None, due.total, out);
        } else if self.stock_reserved {
            self.charge = Charge::Creating { attempt: Attempt::first(now) };
        }
    }

    /// Nothing is to be paid, or no more.
    pub(super) fn free(&mut self, intent: Option<IntentId>, nothing: Money, out: &mut Out) {
        self.charge = Charge::Free { intent };
        out.effects.push(Effect::Record(Record::Captured { amount: nothing }));
        out.events.push(self.captured_event(nothing));
    }

    /// No charge can follow from here on; what that is called depends on whether the order has ended by itself.
    pub(super) fn close(&mut self, intent: Option<IntentId>, refusal: Option<Refusal>, out: &mut Out) {
        let voided = intent.is_some();
        self.charge = Charge::Closed { intent };
        match refusal {
            Some(refusal) if !self.ended() => {
                out.effects.push(Effect::Record(Record::Declined { refusal: refusal.clone() }));
                let said = PaymentDeclined { order_id: self.order_id, payment_id: self.id, refusal };
                out.events.push(said.into());
            }
            Some(_) | None if voided => {
                out.effects.push(Effect::Record(Record::Voided));
                let said = PaymentVoided { order_id: self.order_id, payment_id: self.id };
                out.events.push(said.into());
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn plan_confirm(&mut self, intent: IntentId, now: DateTime<Utc>, out: &mut Out) {
        self.charge = Charge::Confirming { intent, attempt: Attempt::first(now) };
        if self.may_charge(now) {
            self.note_receipt(&Task::Charge, ReceiptState::Planned, None, out);
        }
    }

    pub(super) fn plan_cancel(
        &mut self,
        intent: IntentId,
        refusal: Option<Refusal>,
        doubted: Option<Doubted>,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        self.charge = Charge::Cancelling { intent, refusal, doubted, attempt: Attempt::first(now) };
        self.note_receipt(&Task::Charge, ReceiptState::Planned, None, out);
    }

    pub(super) fn captured_event(&self, amount: Money) -> Event {
        PaymentCaptured { order_id: self.order_id, payment_id: self.id, amount }.into()
    }
}
