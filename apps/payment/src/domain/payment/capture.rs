//! Captures that wait for shipping: once, in the amount that `order` asks for, again only when it asks again.

use chrono::{DateTime, Utc};
use contracts::Money;
use contracts::event::PaymentDue;

use super::task::Task;
use super::{Out, Payment};
use crate::domain::effect::{Effect, ReceiptState};
use crate::domain::{Attempt, Charge, DueReason, IntentId, Record};

impl Payment {
    /// Captures what is held, if that was asked for; `generation` is the last key that one went under.
    pub(super) fn begin_capture(
        &mut self,
        intent: IntentId,
        generation: u32,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        let Some(wish) = self.wish else { return };
        if wish.amount.zero_amount() {
            return self.plan_cancel(intent, None, None, now, out);
        }
        let attempt = Attempt { generation: generation + 1, ..Attempt::first(now) };
        self.charge =
            Charge::Capturing { intent, amount: wish.amount, round: wish.round, refused: None, attempt };
        self.note_receipt(&Task::Charge, ReceiptState::Planned, None, out);
    }

    pub(super) fn decide_due(
        &mut self,
        intent: IntentId,
        round: u32,
        generation: u32,
        reason: DueReason,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        let asked = self.wish.filter(|wish| round < wish.round);
        match (reason, asked) {
            (DueReason::Lapsed, _) if self.ended() => self.close(Some(intent), None, out),
            (DueReason::Refused { .. }, _) if self.ended() => self.plan_cancel(intent, None, None, now, out),
            (DueReason::Lapsed, Some(wish)) if wish.amount.zero_amount() => {
                self.free(Some(intent), wish.amount, out);
            }
            (DueReason::Lapsed, Some(wish)) => {
                self.charge = Charge::Due {
                    intent,
                    amount: wish.amount,
                    round: wish.round,
                    generation,
                    reason: DueReason::Lapsed,
                };
                self.say_due(wish.amount, wish.round, &DueReason::Lapsed, out);
            }
            (DueReason::Refused { .. }, Some(_)) => self.begin_capture(intent, generation, now, out),
            (DueReason::Lapsed | DueReason::Refused { .. }, None) => {}
        }
    }

    /// The provider has let go of what was held, before it was captured.
    pub(super) fn lapse(&mut self, out: &mut Out) {
        match self.charge.clone() {
            Charge::Authorised { intent, amount } => {
                let reason = DueReason::Lapsed;
                self.charge = Charge::Due { intent, amount, round: 0, generation: 0, reason };
            }
            Charge::Due { intent, amount, round, generation, reason: DueReason::Refused { .. } } => {
                let reason = DueReason::Lapsed;
                self.charge = Charge::Due { intent, amount, round, generation, reason };
            }
            Charge::Capturing { .. } => return self.fail_capture(DueReason::Lapsed, out),
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Due { reason: DueReason::Lapsed, .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => return,
        }
        out.effects.push(Effect::Record(Record::Lapsed));
    }

    /// The capture in hand has come to nothing.
    pub(super) fn fail_capture(&mut self, reason: DueReason, out: &mut Out) {
        let Charge::Capturing { intent, amount, round, attempt, .. } = self.charge.clone() else {
            return;
        };
        self.note_receipt(&Task::Charge, ReceiptState::Failed, None, out);
        let generation = attempt.generation;
        self.charge = Charge::Due { intent, amount, round, generation, reason: reason.clone() };
        if reason == DueReason::Lapsed {
            out.effects.push(Effect::Record(Record::Lapsed));
        }
        self.say_due(amount, round, &reason, out);
    }

    /// After an end of the order nobody has to decide anything any more.
    fn say_due(&self, amount: Money, round: u32, reason: &DueReason, out: &mut Out) {
        if self.ended() {
            return;
        }
        let reason = reason.code().to_owned();
        out.effects.push(Effect::Record(Record::Due { amount, round, reason: reason.clone() }));
        let said = PaymentDue { order_id: self.order_id, payment_id: self.id, amount, round, reason };
        out.events.push(said.into());
    }
}
