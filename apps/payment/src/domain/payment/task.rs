//! The acts of a payment: at most one for the charge, one for each refund, one for each dispute.

use chrono::{DateTime, Utc};
use contracts::RefundCause;

use super::{Method, Out, Payment};
use crate::domain::effect::{Act, Effect, ReceiptState};
use crate::domain::{Attempt, Charge, DisputeStage, Doubted, IntentId, RefundStage, Step, Tried};

/// What an attempt is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    Charge,
    Refund(RefundCause),
    Dispute(String),
}

impl Payment {
    /// Whatever is in hand.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (Task, Attempt)> {
        let charge = self.charge.attempt().map(|attempt| (Task::Charge, attempt));
        let refunds = self
            .refunds
            .iter()
            .filter_map(|(cause, refund)| refund.attempt().map(|attempt| (Task::Refund(*cause), attempt)));
        let disputes = self.disputes.iter().filter_map(|(id, dispute)| {
            dispute.attempt().map(|attempt| (Task::Dispute(id.clone()), attempt))
        });
        charge.into_iter().chain(refunds).chain(disputes)
    }

    /// What awaits the answer to this call.
    pub(super) fn awaiting(&self, ticket: u32) -> Option<Task> {
        self.attempts().find(|(_, attempt)| attempt.awaits(ticket)).map(|(task, _)| task)
    }

    pub(super) fn attempt(&self, task: &Task) -> Option<Attempt> {
        match task {
            Task::Charge => self.charge.attempt(),
            Task::Refund(cause) => self.refunds.get(cause)?.attempt(),
            Task::Dispute(id) => self.disputes.get(id)?.attempt(),
        }
    }

    pub(super) fn set_attempt(&mut self, task: &Task, new: Attempt) {
        match task {
            Task::Charge => self.charge.set_attempt(new),
            Task::Refund(cause) => {
                if let Some(RefundStage::InHand { attempt }) =
                    self.refunds.get_mut(cause).map(|refund| &mut refund.stage)
                {
                    *attempt = new;
                }
            }
            Task::Dispute(id) => {
                if let Some(DisputeStage::Accepting { attempt }) =
                    self.disputes.get_mut(id).map(|dispute| &mut dispute.stage)
                {
                    *attempt = new;
                }
            }
        }
    }

    pub(super) fn step(&mut self, task: &Task, attempt: Attempt, step: Step, at: DateTime<Utc>) {
        self.set_attempt(task, Attempt { step, at, ..attempt });
    }

    /// The act once more, at `at`.
    pub(super) fn plan_again(&mut self, task: &Task, attempt: Attempt, at: DateTime<Utc>, out: &mut Out) {
        self.set_attempt(task, attempt.again(at));
        self.note_receipt(task, ReceiptState::Planned, None, out);
    }

    /// The act in hand; none where nothing is in hand.
    pub(super) fn act(&self, task: &Task) -> Option<Act> {
        match task {
            Task::Charge => self.charge_act(),
            Task::Refund(cause) => {
                let intent = self.charge.intent()?.clone();
                Some(Act::Refund { intent, amount: self.refunds.get(cause)?.amount, cause: *cause })
            }
            Task::Dispute(id) => Some(Act::CloseDispute { dispute_id: id.clone() }),
        }
    }

    fn charge_act(&self) -> Option<Act> {
        match &self.charge {
            Charge::Creating { .. } => {
                let due = self.due.as_ref()?;
                let (Method::Own(method) | Method::Foreign(method)) = due.method;
                Some(Act::Create { amount: due.total, capture: due.capture, method })
            }
            Charge::Confirming { intent, .. } => Some(Act::Confirm { intent: intent.clone() }),
            Charge::ActionRequired { intent, .. } => Some(Act::Read { intent: intent.clone() }),
            Charge::Cancelling { intent, .. } => Some(Act::Cancel { intent: intent.clone() }),
            Charge::Capturing { intent, amount, .. } => {
                Some(Act::Capture { intent: intent.clone(), amount: *amount })
            }
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => None,
        }
    }

    /// What tells the outcome of the act in hand. Making an intent and giving up a dispute are never asked about:
    /// they are done again.
    pub(super) fn question(&self, task: &Task) -> Option<Act> {
        let intent = self.charge.intent()?.clone();
        match task {
            Task::Charge => Some(Act::Read { intent }),
            Task::Refund(cause) => Some(Act::FindRefund { intent, cause: *cause }),
            Task::Dispute(_) => None,
        }
    }

    /// A line about the act in hand.
    pub(super) fn note_receipt(
        &self,
        task: &Task,
        state: ReceiptState,
        reference: Option<String>,
        out: &mut Out,
    ) {
        let receipt = self
            .act(task)
            .zip(self.attempt(task))
            .and_then(|(act, attempt)| act.receipt(self.id, attempt.into(), state, reference));
        out.effects.extend(receipt.map(Effect::Receipt));
    }

    /// A line about what was in doubt, now that it is known.
    pub(super) fn note_doubted(
        &self,
        doubted: Doubted,
        state: ReceiptState,
        intent: &IntentId,
        out: &mut Out,
    ) {
        let (act, tried) = match doubted {
            Doubted::Charge(tried) => (Act::Confirm { intent: intent.clone() }, tried),
            Doubted::Capture { amount, tried } => (Act::Capture { intent: intent.clone(), amount }, tried),
        };
        let receipt = act.receipt(self.id, tried, state, Some(intent.0.clone()));
        out.effects.extend(receipt.map(Effect::Receipt));
    }

    /// A line about the charge that waits for the customer.
    pub(super) fn note_tried(&self, tried: Tried, state: ReceiptState, intent: &IntentId, out: &mut Out) {
        self.note_doubted(Doubted::Charge(tried), state, intent, out);
    }
}
