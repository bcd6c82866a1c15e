//! An intent as the provider shows it. Answers, webhooks, comparisons and staff all come through one function.

use chrono::{DateTime, Utc};
use contracts::event::{PaymentActionRequired, PaymentAuthorised};
use contracts::{Money, Refusal};

use super::task::Task;
use super::work::LOOK;
use super::{Out, Payment};
use crate::domain::effect::{Effect, Posting, ReceiptState};
use crate::domain::{Attempt, Charge, Doubt, DueReason, Intent, IntentId, IntentStatus, Record, Step, Tried};

/// How a state of the provider came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answers the call in hand.
    Awaited,
    /// It may be older than what is known.
    Unasked,
}

impl Payment {
    /// What can no longer change holds whenever it is heard; a state that may still change is used only where it
    /// was asked for.
    pub(super) fn apply_provider_state(
        &mut self,
        heard: Heard,
        intent: &Intent,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        let ours = match (self.charge.intent(), heard) {
            (Some(known), Heard::Awaited | Heard::Unasked) => *known == intent.id,
            (None, Heard::Awaited) => true,
            (None, Heard::Unasked) => false,
        };
        if !ours {
            return;
        }
        match &intent.status {
            IntentStatus::Succeeded { received } => self.capture(&intent.id, *received, out),
            IntentStatus::Canceled => self.cancel(&intent.id, out),
            IntentStatus::RequiresCapture { held } => self.authorise(heard, &intent.id, *held, now, out),
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing => match heard {
                Heard::Awaited => self.still_open(intent, now, out),
                Heard::Unasked => self.look_now(now),
            },
        }
    }

    fn capture(&mut self, intent: &IntentId, amount: Money, out: &mut Out) {
        match self.charge.clone() {
            Charge::Confirming { .. } | Charge::Capturing { .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Confirmed, Some(intent.0.clone()), out);
            }
            Charge::ActionRequired { tried, .. } => {
                self.note_tried(tried, ReceiptState::Confirmed, intent, out);
            }
            Charge::Cancelling { doubted, .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Failed, None, out);
                if let Some(doubted) = doubted {
                    self.note_doubted(doubted, ReceiptState::Confirmed, intent, out);
                }
            }
            Charge::Creating { .. }
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Closed { .. } => {}
            Charge::Waiting | Charge::Free { .. } | Charge::Captured { .. } => return,
        }
        self.charge = Charge::Captured { intent: intent.clone(), amount };
        out.effects.push(Effect::Record(Record::Captured { amount }));
        out.effects.push(Effect::Posting(Posting::Capture { amount }));
        out.events.push(self.captured_event(amount));
    }

    fn cancel(&mut self, intent: &IntentId, out: &mut Out) {
        let canceled = || Some(Refusal::PaymentDeclined { code: "canceled".to_owned() });
        match self.charge.clone() {
            Charge::Cancelling { refusal, doubted, .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Confirmed, Some(intent.0.clone()), out);
                if let Some(doubted) = doubted {
                    self.note_doubted(doubted, ReceiptState::Failed, intent, out);
                }
                self.settle_cancelled(intent, refusal, out);
            }
            Charge::Creating { .. } | Charge::Confirming { .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Failed, Some(intent.0.clone()), out);
                self.close(Some(intent.clone()), canceled(), out);
            }
            Charge::ActionRequired { tried, .. } => {
                self.note_tried(tried, ReceiptState::Failed, intent, out);
                self.close(Some(intent.clone()), canceled(), out);
            }
            Charge::Authorised { .. } | Charge::Capturing { .. } | Charge::Due { .. } => self.lapse(out),
            Charge::Waiting | Charge::Free { .. } | Charge::Captured { .. } | Charge::Closed { .. } => {}
        }
    }

    fn settle_cancelled(&mut self, intent: &IntentId, refusal: Option<Refusal>, out: &mut Out) {
        let currency = self.due.as_ref().map(|due| due.total.currency());
        match (refusal, currency) {
            // Nothing was left to capture, and the order goes on.
            (None, Some(currency)) if !self.ended() => {
                self.free(Some(intent.clone()), Money::zero(currency), out);
            }
            (refusal, _) => self.close(Some(intent.clone()), refusal, out),
        }
    }

    fn authorise(
        &mut self,
        heard: Heard,
        intent: &IntentId,
        amount: Money,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        match self.charge.clone() {
            Charge::Creating { .. } | Charge::Confirming { .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Confirmed, Some(intent.0.clone()), out);
            }
            Charge::ActionRequired { tried, .. } => {
                self.note_tried(tried, ReceiptState::Confirmed, intent, out);
            }
            Charge::Capturing { refused: Some(code), .. } if heard == Heard::Awaited => {
                return self.fail_capture(DueReason::Refused { code }, out);
            }
            Charge::Cancelling { .. } | Charge::Capturing { .. } if heard == Heard::Awaited => {
                return self.repeat(now, out);
            }
            Charge::Waiting
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Capturing { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => return,
        }
        self.charge = Charge::Authorised { intent: intent.clone(), amount };
        out.effects.push(Effect::Record(Record::Authorised { amount }));
        let said = PaymentAuthorised { order_id: self.order_id, payment_id: self.id, amount };
        out.events.push(said.into());
    }

    /// Something has happened to an open intent: it is asked what, at once.
    fn look_now(&mut self, now: DateTime<Utc>) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        let looks_next = match (&self.charge, attempt.step) {
            (Charge::ActionRequired { .. }, Step::Planned) => true,
            (_, Step::Doubtful(_)) => true,
            (_, Step::Planned | Step::Sent { .. } | Step::Asked { .. }) => false,
        };
        if looks_next {
            self.charge.set_attempt(Attempt { at: attempt.at.min(now), ..attempt });
        }
    }

    /// An open intent settles nothing: a request that is still on its way may yet arrive.
    fn still_open(&mut self, intent: &Intent, now: DateTime<Utc>, out: &mut Out) {
        match self.charge.clone() {
            Charge::Creating { .. } => self.plan_confirm(intent.id.clone(), now, out),
            Charge::Confirming { attempt, .. } => self.still_confirming(intent, attempt.into(), now, out),
            Charge::ActionRequired { intent: id, url, tried, attempt } => match &intent.status {
                IntentStatus::RequiresPaymentMethod { declined } => {
                    self.decline(declined_code(declined.as_deref()), now, out);
                }
                IntentStatus::RequiresAction { url: shown } => {
                    let url = shown.clone().or(url);
                    let attempt = attempt.again(now + LOOK);
                    self.charge = Charge::ActionRequired { intent: id, url, tried, attempt };
                }
                IntentStatus::RequiresConfirmation | IntentStatus::Processing => {
                    self.charge.set_attempt(attempt.again(now + LOOK));
                }
                IntentStatus::RequiresCapture { .. }
                | IntentStatus::Succeeded { .. }
                | IntentStatus::Canceled => {}
            },
            Charge::Cancelling { .. } | Charge::Capturing { .. } => match intent.status {
                // A bank that has not answered yet cannot be stopped.
                IntentStatus::Processing => self.doubt(&Task::Charge, Doubt::Silence, now, out),
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresPaymentMethod { .. }
                | IntentStatus::RequiresAction { .. } => self.repeat(now, out),
                IntentStatus::RequiresCapture { .. }
                | IntentStatus::Succeeded { .. }
                | IntentStatus::Canceled => {}
            },
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => {}
        }
    }

    fn still_confirming(&mut self, intent: &Intent, tried: Tried, now: DateTime<Utc>, out: &mut Out) {
        match &intent.status {
            IntentStatus::RequiresPaymentMethod { declined } => {
                self.decline(declined_code(declined.as_deref()), now, out);
            }
            IntentStatus::RequiresAction { url } => {
                let attempt = Attempt::first(now + LOOK);
                self.charge =
                    Charge::ActionRequired { intent: intent.id.clone(), url: url.clone(), tried, attempt };
                self.say_action_required(out);
            }
            IntentStatus::Processing => self.doubt(&Task::Charge, Doubt::Silence, now, out),
            IntentStatus::RequiresConfirmation => self.repeat(now, out),
            IntentStatus::RequiresCapture { .. }
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled => {}
        }
    }

    /// After an end of the order nobody has to do anything any more.
    fn say_action_required(&self, out: &mut Out) {
        let Some(due) = self.due.as_ref().filter(|_| !self.ended()) else {
            return;
        };
        out.effects.push(Effect::Record(Record::ActionRequired));
        let said = PaymentActionRequired {
            order_id: self.order_id,
            payment_id: self.id,
            number: due.number.clone(),
            customer_id: due.customer_id,
        };
        out.events.push(said.into());
    }
}

fn declined_code(code: Option<&str>) -> String {
    code.unwrap_or("no_payment_method").to_owned()
}
