//! What came of a call. An answer that nobody awaits any more says only what can no longer change.

use chrono::{DateTime, Utc};
use contracts::Refusal;

use super::intent::Heard;
use super::task::Task;
use super::{Out, Payment};
use crate::domain::attempt::pause;
use crate::domain::effect::ReceiptState;
use crate::domain::{Answer, Attempt, Charge, DisputeStage, Doubt, Doubted, Step};

impl Payment {
    pub(super) fn hear(&mut self, ticket: u32, answer: Answer, now: DateTime<Utc>, out: &mut Out) {
        match (answer, self.awaiting(ticket)) {
            (Answer::Intent(intent), Some(Task::Charge)) => {
                self.apply_provider_state(Heard::Awaited, &intent, now, out);
            }
            (Answer::Intent(intent), Some(Task::Refund(_) | Task::Dispute(_)) | None) => {
                self.apply_provider_state(Heard::Unasked, &intent, now, out);
            }
            (Answer::Refund { cause, seen: Some(seen) }, awaited) => {
                self.apply_refund(cause, seen, out);
                // What is known to have come to nothing is no answer to a later attempt.
                if awaited == Some(Task::Refund(cause)) {
                    self.miss_refund(cause, now, out);
                }
            }
            (Answer::Refund { cause, seen: None }, Some(Task::Refund(_))) => {
                self.miss_refund(cause, now, out);
            }
            (Answer::Dispute { dispute_id, amount, status }, _) => {
                self.apply_dispute(dispute_id, amount, status, out);
            }
            (Answer::Declined { code }, Some(Task::Charge)) => self.decline(code, now, out),
            (Answer::Refused { code }, Some(Task::Charge)) => self.refuse(code, now, out),
            (Answer::Declined { .. } | Answer::Refused { .. }, Some(task @ Task::Refund(_))) => {
                self.doubt(&task, Doubt::Refused, now, out);
            }
            (Answer::Declined { .. } | Answer::Refused { .. }, Some(Task::Dispute(id))) => {
                self.keep_dispute(&id, out);
            }
            (Answer::Unknown(doubt), Some(task)) => self.doubt(&task, doubt, now, out),
            // What was said about a call that nobody waits for any more is asked for again.
            (Answer::Refund { seen: None, .. }, Some(Task::Charge | Task::Dispute(_)) | None)
            | (Answer::Declined { .. } | Answer::Refused { .. } | Answer::Unknown(_), None) => {}
        }
    }

    /// The same act on the same intent; `decide` turns it into a cancellation where nothing may be charged.
    pub(super) fn repeat(&mut self, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        let at = now + pause(self.calls);
        let gives_up = match self.charge {
            Charge::Confirming { .. } => !self.may_charge(now),
            Charge::Capturing { .. } => self.ended(),
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => false,
        };
        if gives_up {
            self.step(&Task::Charge, attempt, Step::Doubtful(Doubt::Silence), at);
        } else {
            self.plan_again(&Task::Charge, attempt, at, out);
        }
    }

    /// The bank has declined; the intent is cancelled before that is said, so that no charge can follow.
    pub(super) fn decline(&mut self, code: String, now: DateTime<Utc>, out: &mut Out) {
        match self.charge.clone() {
            Charge::Confirming { intent, .. } => {
                self.note_receipt(&Task::Charge, ReceiptState::Failed, Some(intent.0.clone()), out);
                self.plan_cancel(intent, Some(Refusal::PaymentDeclined { code }), None, now, out);
            }
            Charge::ActionRequired { intent, tried, .. } => {
                self.note_tried(tried, ReceiptState::Failed, &intent, out);
                self.plan_cancel(intent, Some(Refusal::PaymentDeclined { code }), None, now, out);
            }
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Capturing { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => self.refuse(code, now, out),
        }
    }

    fn refuse(&mut self, code: String, now: DateTime<Utc>, out: &mut Out) {
        let Some(attempt) = self.charge.attempt() else {
            return;
        };
        match attempt.step {
            Step::Sent { .. } => self.refuse_sent(attempt, code, now, out),
            Step::Planned | Step::Doubtful(_) | Step::Asked { .. } => {
                self.doubt(&Task::Charge, Doubt::Refused, now, out);
            }
        }
    }

    fn refuse_sent(&mut self, attempt: Attempt, code: String, now: DateTime<Utc>, out: &mut Out) {
        match &mut self.charge {
            Charge::Creating { .. } => self.close(None, Some(Refusal::PaymentDeclined { code }), out),
            // It may be refused because an earlier attempt got through, which the cancellation will tell.
            Charge::Confirming { intent, .. } => {
                let intent = intent.clone();
                self.note_receipt(&Task::Charge, ReceiptState::Unknown, None, out);
                let doubted = attempt.doubted().map(Doubted::Charge);
                self.plan_cancel(intent, Some(Refusal::PaymentDeclined { code }), doubted, now, out);
            }
            // Likewise, which reading the intent will tell.
            Charge::Capturing { refused, .. } => {
                *refused = Some(code);
                self.doubt(&Task::Charge, Doubt::Refused, now, out);
            }
            Charge::Waiting
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => self.doubt(&Task::Charge, Doubt::Refused, now, out),
        }
    }

    /// The provider will not give the dispute up for us; it stays as it is.
    fn keep_dispute(&mut self, id: &str, out: &mut Out) {
        self.note_receipt(&Task::Dispute(id.to_owned()), ReceiptState::Failed, None, out);
        if let Some(dispute) = self.disputes.get_mut(id) {
            dispute.stage = DisputeStage::Open;
        }
    }
}
