//! What the provider says. Every intent, from whichever call, is applied by one function.

use chrono::{DateTime, Utc};
use contracts::event::{PaymentAuthorised, PaymentRefunded};
use contracts::{Money, Refusal};

use super::{Out, Payment};
use crate::domain::charge::pause;
use crate::domain::effect::{Cause, Effect, Posting, ReceiptState};
use crate::domain::{Answer, Charge, Doubt, Intent, IntentId, IntentStatus, Record, RefundSeen, Step};

impl Payment {
    pub(super) fn hear(&mut self, ticket: u32, answer: Answer, now: DateTime<Utc>, out: &mut Out) {
        let awaited = self.awaits(ticket);
        match answer {
            Answer::Intent(intent) => self.apply_provider_state(ticket, &intent, now, out),
            Answer::Refund(Some(seen)) => self.apply_refund(seen, out),
            Answer::Refund(None) if awaited => self.miss_refund(now, out),
            Answer::Declined { code } if awaited => self.decline(code, now, out),
            Answer::Refused { code } if awaited => self.refuse(code, now, out),
            Answer::Unknown(doubt) if awaited => self.doubt(doubt, now, out),
            // What was said about a call that nobody waits for any more is asked for again.
            Answer::Refund(None) | Answer::Declined { .. } | Answer::Refused { .. } | Answer::Unknown(_) => {}
        }
    }

    /// Applies the intent as the provider shows it. What can no longer change holds whenever it is heard; a state
    /// that may still change is used only where it was asked for.
    fn apply_provider_state(&mut self, ticket: u32, intent: &Intent, now: DateTime<Utc>, out: &mut Out) {
        let of_another_intent = self.charge.intent().is_some_and(|known| *known != intent.id);
        if of_another_intent {
            return;
        }
        match &intent.status {
            IntentStatus::Succeeded { received } => self.capture(&intent.id, *received, out),
            IntentStatus::Canceled => self.cancel(&intent.id, out),
            IntentStatus::RequiresCapture { held } => self.authorise(ticket, &intent.id, *held, now, out),
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction
            | IntentStatus::Processing => self.still_open(ticket, intent, now, out),
        }
    }

    fn awaits(&self, ticket: u32) -> bool {
        self.calls == ticket && self.charge.attempt().is_some_and(|attempt| !attempt.idle())
    }

    fn capture(&mut self, intent: &IntentId, amount: Money, out: &mut Out) {
        match &self.charge {
            Charge::Confirming { .. } => {
                self.note_receipt(ReceiptState::Confirmed, Some(intent.0.clone()), out);
            }
            Charge::Cancelling { doubted, .. } => {
                self.note_receipt(ReceiptState::Failed, None, out);
                if let Some(tried) = doubted {
                    self.note_doubted(*tried, ReceiptState::Confirmed, intent, out);
                }
            }
            Charge::Creating { .. } | Charge::Authorised { .. } | Charge::Closed { .. } => {}
            Charge::Waiting
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. } => return,
        }
        self.charge = Charge::Captured { intent: intent.clone(), amount };
        out.effects.push(Effect::Record(Record::Captured { amount }));
        out.effects.push(Effect::Posting(Posting::Capture { amount }));
        out.events.push(self.captured_event(amount));
    }

    fn cancel(&mut self, intent: &IntentId, out: &mut Out) {
        let refusal = match &self.charge {
            Charge::Cancelling { refusal, doubted, .. } => {
                self.note_receipt(ReceiptState::Confirmed, Some(intent.0.clone()), out);
                if let Some(tried) = doubted {
                    self.note_doubted(*tried, ReceiptState::Failed, intent, out);
                }
                refusal.clone()
            }
            Charge::Creating { .. } | Charge::Confirming { .. } => {
                self.note_receipt(ReceiptState::Failed, Some(intent.0.clone()), out);
                Some(Refusal::PaymentDeclined { code: "canceled".to_owned() })
            }
            Charge::Authorised { .. } => None,
            Charge::Waiting
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => return,
        };
        self.close(Some(intent.clone()), refusal, out);
    }

    fn authorise(
        &mut self,
        ticket: u32,
        intent: &IntentId,
        amount: Money,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        match self.charge {
            Charge::Creating { .. } | Charge::Confirming { .. } => {
                self.note_receipt(ReceiptState::Confirmed, Some(intent.0.clone()), out);
                self.charge = Charge::Authorised { intent: intent.clone(), amount };
                out.effects.push(Effect::Record(Record::Authorised { amount }));
                let said = PaymentAuthorised { order_id: self.order_id, payment_id: self.id, amount };
                out.events.push(said.into());
            }
            Charge::Cancelling { .. } if self.awaits(ticket) => self.repeat(now, out),
            Charge::Waiting
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => {}
        }
    }

    /// An open intent settles nothing: a request that is still on its way may yet arrive.
    fn still_open(&mut self, ticket: u32, intent: &Intent, now: DateTime<Utc>, out: &mut Out) {
        if !self.awaits(ticket) {
            return;
        }
        match &self.charge {
            Charge::Creating { .. } => self.plan_confirm(intent.id.clone(), now, out),
            Charge::Confirming { .. } => match &intent.status {
                IntentStatus::RequiresPaymentMethod { declined } => {
                    self.decline(
                        declined.clone().unwrap_or_else(|| "no_payment_method".to_owned()),
                        now,
                        out,
                    );
                }
                IntentStatus::RequiresAction => {
                    self.note_receipt(ReceiptState::Failed, Some(intent.id.0.clone()), out);
                    self.plan_cancel(
                        intent.id.clone(),
                        Some(Refusal::AuthenticationRequired),
                        None,
                        now,
                        out,
                    );
                }
                IntentStatus::Processing => self.doubt(Doubt::Silence, now, out),
                IntentStatus::RequiresConfirmation => self.repeat(now, out),
                IntentStatus::RequiresCapture { .. }
                | IntentStatus::Succeeded { .. }
                | IntentStatus::Canceled => {}
            },
            Charge::Cancelling { .. } => match intent.status {
                // A bank that has not answered yet cannot be stopped.
                IntentStatus::Processing => self.doubt(Doubt::Silence, now, out),
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresPaymentMethod { .. }
                | IntentStatus::RequiresAction => self.repeat(now, out),
                IntentStatus::RequiresCapture { .. }
                | IntentStatus::Succeeded { .. }
                | IntentStatus::Canceled => {}
            },
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => {}
        }
    }

    /// The same act on the same intent; `decide` turns it into a cancellation where nothing may be charged.
    fn repeat(&mut self, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        let at = now + pause(self.calls);
        let gives_up = matches!(self.charge, Charge::Confirming { .. }) && !self.may_charge(now);
        if gives_up {
            self.step(attempt, Step::Doubtful(Doubt::Silence), at);
        } else {
            self.plan_again(attempt, at, out);
        }
    }

    /// The bank has declined; the intent is cancelled before that is said, so that no charge can follow.
    fn decline(&mut self, code: String, now: DateTime<Utc>, out: &mut Out) {
        match self.charge.clone() {
            Charge::Confirming { intent, .. } => {
                self.note_receipt(ReceiptState::Failed, Some(intent.0.clone()), out);
                self.plan_cancel(intent, Some(Refusal::PaymentDeclined { code }), None, now, out);
            }
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => self.refuse(code, now, out),
        }
    }

    fn refuse(&mut self, code: String, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        match (self.charge.clone(), attempt.step) {
            (Charge::Creating { .. }, Step::Sent) => {
                self.close(None, Some(Refusal::PaymentDeclined { code }), out);
            }
            // It may be refused because an earlier attempt got through, which the cancellation will tell.
            (Charge::Confirming { intent, .. }, Step::Sent) => {
                self.note_receipt(ReceiptState::Unknown, None, out);
                let refusal = Refusal::PaymentDeclined { code };
                self.plan_cancel(intent, Some(refusal), attempt.doubted(), now, out);
            }
            (_, Step::Planned | Step::Sent | Step::Doubtful(_) | Step::Asked(_)) => {
                self.doubt(Doubt::Refused, now, out);
            }
        }
    }

    fn apply_refund(&mut self, seen: RefundSeen, out: &mut Out) {
        let (Charge::Refunding { intent, amount, .. } | Charge::RefundFailed { intent, amount }) =
            self.charge.clone()
        else {
            return;
        };
        match seen {
            RefundSeen::Accepted { reference } => {
                self.note_receipt(ReceiptState::Confirmed, Some(reference), out);
                self.charge = Charge::Refunded { intent, amount };
                out.effects.push(Effect::Record(Record::Refunded { amount }));
                out.effects.push(Effect::Posting(Posting::Refund { amount, cause: Cause::FinalEnd }));
                let said = PaymentRefunded { order_id: self.order_id, payment_id: self.id, amount };
                out.events.push(said.into());
            }
            RefundSeen::Failed { reference } => self.fail_refund(Some(reference), out),
        }
    }

    /// The provider knows of no refund of this cause.
    fn miss_refund(&mut self, now: DateTime<Utc>, out: &mut Out) {
        let Charge::Refunding { attempt, .. } = self.charge else {
            return;
        };
        match attempt.step {
            Step::Asked(Doubt::Silence | Doubt::ServerError) => {
                self.plan_again(attempt, now + pause(self.calls), out);
            }
            Step::Asked(Doubt::StoredError | Doubt::Refused) => self.fail_refund(None, out),
            Step::Planned | Step::Sent | Step::Doubtful(_) => {}
        }
    }

    fn fail_refund(&mut self, reference: Option<String>, out: &mut Out) {
        let Charge::Refunding { intent, amount, .. } = self.charge.clone() else {
            return;
        };
        self.note_receipt(ReceiptState::Failed, reference, out);
        self.charge = Charge::RefundFailed { intent, amount };
        out.effects.push(Effect::Record(Record::RefundFailed { amount }));
    }
}
