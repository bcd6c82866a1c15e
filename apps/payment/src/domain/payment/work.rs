//! The timer: sends what is planned, asks about what is doubtful, gives up waiting, reports a missing end.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::PaymentOverdue;

use super::{Out, Payment};
use crate::domain::charge::pause;
use crate::domain::effect::{Act, Call, Cause, Effect, ReceiptState};
use crate::domain::{Charge, Doubt, Overdue, Step};

/// Between two reports of a missing end; doubled at each.
const FIRST_REPEAT: TimeDelta = TimeDelta::minutes(1);
const MOST_DOUBLINGS: u32 = 6;

impl Payment {
    /// One step of work, if its time has come.
    pub(super) fn work(&mut self, patience: TimeDelta, now: DateTime<Utc>, out: &mut Out) {
        self.report_overdue(now, out);
        let before = self.charge.clone();
        self.decide(now, out);
        // What was only now decided is written down before it is begun.
        if self.charge != before {
            return;
        }
        let Some(attempt) = self.charge.attempt().filter(|attempt| attempt.at <= now) else {
            return;
        };
        match attempt.step {
            Step::Planned => {
                self.step(attempt, Step::Sent, now + patience);
                self.note_receipt(ReceiptState::Sent, None, out);
                self.call(self.act(), out);
            }
            Step::Doubtful(doubt) => {
                self.step(attempt, Step::Asked(doubt), now + patience);
                self.call(self.question(), out);
            }
            Step::Sent | Step::Asked(_) => self.doubt(Doubt::Silence, now, out),
        }
    }

    fn report_overdue(&mut self, now: DateTime<Utc>, out: &mut Out) {
        if let Some(Overdue { at, reports }) = self.overdue
            && at <= now
        {
            out.events.push(PaymentOverdue { order_id: self.order_id }.into());
            let wait = FIRST_REPEAT * (1 << reports.min(MOST_DOUBLINGS));
            self.overdue = Some(Overdue { at: now + wait, reports: reports + 1 });
        }
    }

    fn call(&mut self, act: Option<Act>, out: &mut Out) {
        let Some((act, attempt)) = act.zip(self.charge.attempt()) else {
            return;
        };
        self.calls += 1;
        let key = act.key(self.id, attempt.generation);
        out.effects.push(Effect::Call(Call { ticket: self.calls, act, key }));
    }

    /// What tells the outcome of the act in hand. Making an intent is never asked about: it is made again.
    fn question(&self) -> Option<Act> {
        match &self.charge {
            Charge::Confirming { intent, .. } | Charge::Cancelling { intent, .. } => {
                Some(Act::Read { intent: intent.clone() })
            }
            Charge::Refunding { intent, .. } => {
                Some(Act::FindRefund { intent: intent.clone(), cause: Cause::FinalEnd })
            }
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => None,
        }
    }

    /// The outcome of what was sent or asked is unknown. Nothing is concluded from that.
    pub(super) fn doubt(&mut self, doubt: Doubt, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        let later = now + pause(self.calls);
        match attempt.step {
            Step::Planned | Step::Doubtful(_) => {}
            Step::Asked(first) => self.step(attempt, Step::Doubtful(first), later),
            Step::Sent => {
                self.note_receipt(unanswered(doubt), None, out);
                let refund = matches!(self.charge, Charge::Refunding { .. });
                let attempt = match doubt {
                    Doubt::StoredError | Doubt::Refused if !refund => attempt.under_new_key(),
                    Doubt::StoredError | Doubt::Refused | Doubt::Silence | Doubt::ServerError => attempt,
                };
                match self.charge {
                    Charge::Creating { .. } => self.plan_again(attempt, later, out),
                    Charge::Waiting
                    | Charge::Confirming { .. }
                    | Charge::Cancelling { .. }
                    | Charge::Authorised { .. }
                    | Charge::Free
                    | Charge::Captured { .. }
                    | Charge::Refunding { .. }
                    | Charge::Refunded { .. }
                    | Charge::RefundFailed { .. }
                    | Charge::Closed { .. } => self.step(attempt, Step::Doubtful(doubt), later),
                }
            }
        }
    }
}

fn unanswered(doubt: Doubt) -> ReceiptState {
    match doubt {
        Doubt::Silence | Doubt::ServerError | Doubt::StoredError => ReceiptState::Unknown,
        Doubt::Refused => ReceiptState::Failed,
    }
}
