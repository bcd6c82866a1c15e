//! The timer: sends what is planned, asks about what is doubtful, gives up waiting, reports a missing end.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::PaymentOverdue;

use super::task::Task;
use super::{Out, Payment};
use crate::domain::attempt::pause;
use crate::domain::effect::{Act, Call, Effect, ReceiptState};
use crate::domain::{Attempt, Charge, Doubt, Overdue, Step};

/// Between two reports of a missing end; doubled at each.
const FIRST_REPEAT: TimeDelta = TimeDelta::minutes(1);
const MOST_DOUBLINGS: u32 = 6;
/// Between two looks at an intent that waits for the customer.
pub(super) const LOOK: TimeDelta = TimeDelta::seconds(3);

impl Payment {
    /// One step of work for whatever has waited longest.
    pub(super) fn work(&mut self, patience: TimeDelta, now: DateTime<Utc>, out: &mut Out) {
        self.report_overdue(now, out);
        let before = (self.charge.clone(), self.refunds.clone());
        self.decide(now, out);
        // What was only now decided is written down before it is begun.
        if (&self.charge, &self.refunds) != (&before.0, &before.1) {
            return;
        }
        let ready = self.attempts().filter(|(_, attempt)| attempt.at <= now);
        let Some((task, attempt)) = ready.min_by_key(|(_, attempt)| attempt.at) else {
            return;
        };
        let ticket = self.calls + 1;
        match attempt.step {
            Step::Planned => {
                self.step(&task, attempt, Step::Sent { ticket }, now + patience);
                self.note_receipt(&task, ReceiptState::Sent, None, out);
                self.call(self.act(&task), attempt, out);
            }
            Step::Doubtful(doubt) => {
                self.step(&task, attempt, Step::Asked { ticket, doubt }, now + patience);
                self.call(self.question(&task), attempt, out);
            }
            Step::Sent { .. } | Step::Asked { .. } => self.doubt(&task, Doubt::Silence, now, out),
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

    fn call(&mut self, act: Option<Act>, attempt: Attempt, out: &mut Out) {
        let Some(act) = act else {
            return;
        };
        self.calls += 1;
        let key = act.key(self.id, attempt.generation);
        out.effects.push(Effect::Call(Call { ticket: self.calls, act, key }));
    }

    /// The outcome of what was sent or asked is unknown. Nothing is concluded from that.
    pub(super) fn doubt(&mut self, task: &Task, doubt: Doubt, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.attempt(task) else {
            return;
        };
        let later = now + pause(self.calls);
        match attempt.step {
            Step::Planned | Step::Doubtful(_) => {}
            Step::Asked { doubt: first, .. } => self.step(task, attempt, Step::Doubtful(first), later),
            Step::Sent { .. } => {
                self.note_receipt(task, unanswered(doubt), None, out);
                let attempt = match (doubt, task) {
                    (Doubt::StoredError | Doubt::Refused, Task::Charge | Task::Dispute(_)) => {
                        attempt.under_new_key()
                    }
                    // Another key could make a second refund.
                    (Doubt::StoredError | Doubt::Refused, Task::Refund(_))
                    | (Doubt::Silence | Doubt::ServerError, _) => attempt,
                };
                if self.done_again(task) {
                    self.plan_again(task, attempt, later, out);
                } else {
                    self.step(task, attempt, Step::Doubtful(doubt), later);
                }
            }
        }
    }

    /// Whether the act is simply done again, since nothing is lost by that.
    fn done_again(&self, task: &Task) -> bool {
        match task {
            Task::Charge => match self.charge {
                Charge::Creating { .. } | Charge::ActionRequired { .. } => true,
                Charge::Waiting
                | Charge::Confirming { .. }
                | Charge::Cancelling { .. }
                | Charge::Authorised { .. }
                | Charge::Capturing { .. }
                | Charge::Due { .. }
                | Charge::Free { .. }
                | Charge::Captured { .. }
                | Charge::Closed { .. } => false,
            },
            Task::Refund(_) => false,
            Task::Dispute(_) => true,
        }
    }
}

fn unanswered(doubt: Doubt) -> ReceiptState {
    match doubt {
        Doubt::Silence | Doubt::ServerError | Doubt::StoredError => ReceiptState::Unknown,
        Doubt::Refused => ReceiptState::Failed,
    }
}
