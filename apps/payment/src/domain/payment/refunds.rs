//! Money that goes back: once for each cause, and never more in sum than was captured.

use chrono::{DateTime, Utc};
use contracts::event::{PaymentRefundFailed, PaymentRefunded};
use contracts::{Money, RefundCause};

use super::task::Task;
use super::{End, Out, Payment};
use crate::domain::attempt::pause;
use crate::domain::effect::{Effect, Posting, ReceiptState};
use crate::domain::{Attempt, Charge, Doubt, Record, Refund, RefundFailure, RefundSeen, RefundStage, Step};

/// What stands for the provider's name of a refund that staff say was made.
pub(super) const BY_HAND: &str = "by_hand";

/// What there is to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Till {
    /// It is not known yet.
    Open,
    /// Nothing was captured.
    Empty,
    Holds(Money),
}

impl Payment {
    pub(super) fn note_refund(&mut self, cause: RefundCause, amount: Money) {
        if !amount.zero_amount() {
            self.refunds.entry(cause).or_insert_with(|| Refund::new(amount));
        }
    }

    pub(super) fn decide_refunds(&mut self, now: DateTime<Utc>, out: &mut Out) {
        let till = self.till();
        if let Till::Holds(captured) = till
            && let Some(rest) = self.owed_by_the_end(captured)
        {
            self.note_refund(RefundCause::FinalEnd, rest);
        }
        let causes: Vec<_> = self.refunds.keys().copied().collect();
        for cause in causes {
            self.decide_refund(cause, till, now, out);
        }
    }

    fn till(&self) -> Till {
        match &self.charge {
            Charge::Captured { amount, .. } => Till::Holds(*amount),
            Charge::Free { .. } | Charge::Closed { .. } => Till::Empty,
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Capturing { .. }
            | Charge::Due { .. } => Till::Open,
        }
    }

    /// After a final end all goes back that does not go back for another cause.
    fn owed_by_the_end(&self, captured: Money) -> Option<Money> {
        match self.end? {
            End::Confirmed => None,
            End::Rejected | End::Expired => Some(captured),
            End::Cancelled { refunds_requested } => captured.minus(refunds_requested).ok(),
        }
    }

    fn decide_refund(&mut self, cause: RefundCause, till: Till, now: DateTime<Utc>, out: &mut Out) {
        let disputed = self.in_dispute();
        let Some(refund) = self.refunds.get_mut(&cause) else {
            return;
        };
        match (&refund.stage, till) {
            (RefundStage::Waiting, Till::Empty) => refund.stage = RefundStage::Moot,
            (RefundStage::Moot, Till::Holds(_)) if disputed => refund.stage = RefundStage::Waiting,
            (RefundStage::Waiting | RefundStage::Moot, Till::Holds(captured)) if !disputed => {
                self.begin_refund(cause, captured, now, out);
            }
            (RefundStage::InHand { attempt }, Till::Holds(_))
                if disputed && attempt.step == Step::Planned =>
            {
                refund.tried = attempt.number - 1;
                refund.stage = RefundStage::Waiting;
            }
            (RefundStage::Waiting | RefundStage::Moot | RefundStage::InHand { .. }, _) => {}
            (RefundStage::Made { .. } | RefundStage::Failed { .. } | RefundStage::Settled, _) => {}
        }
    }

    fn begin_refund(&mut self, cause: RefundCause, captured: Money, now: DateTime<Utc>, out: &mut Out) {
        if self.exceeds(cause, captured) {
            return self.fail_refund(cause, RefundFailure::Exceeds, None, out);
        }
        let Some(refund) = self.refunds.get_mut(&cause) else {
            return;
        };
        // What was sent before may have come about: that is asked first.
        let step = if refund.tried == 0 { Step::Planned } else { Step::Doubtful(Doubt::Silence) };
        let attempt = Attempt { number: refund.tried.max(1), generation: refund.generation, step, at: now };
        refund.stage = RefundStage::InHand { attempt };
        if step == Step::Planned {
            self.note_receipt(&Task::Refund(cause), ReceiptState::Planned, None, out);
        }
    }

    /// Whether more would go back than is left of what was captured.
    fn exceeds(&self, cause: RefundCause, captured: Money) -> bool {
        let Some(refund) = self.refunds.get(&cause) else {
            return true;
        };
        let others = self.refunds.iter().filter(|(other, _)| **other != cause);
        let claimed: i64 = others.map(|(_, other)| other.claim()).sum();
        let left = captured.amount() - claimed - self.lost_to_disputes();
        refund.amount.currency() != captured.currency() || left < refund.amount.amount()
    }

    /// Applies what the provider says of a refund; what has come to nothing stays so.
    pub(super) fn apply_refund(&mut self, cause: RefundCause, seen: RefundSeen, out: &mut Out) {
        let Some(refund) = self.refunds.get_mut(&cause) else {
            return;
        };
        match seen {
            RefundSeen::Accepted { reference } | RefundSeen::Failed { reference }
                if refund.failed.contains(&reference) => {}
            RefundSeen::Accepted { reference } => self.make_refund(cause, reference, out),
            RefundSeen::Failed { reference } => match &refund.stage {
                RefundStage::Made { reference: made } if *made == reference || made == BY_HAND => {
                    self.return_refund(cause, reference, out);
                }
                RefundStage::InHand { .. } => {
                    self.fail_refund(cause, RefundFailure::Returned, Some(reference), out);
                }
                RefundStage::Waiting
                | RefundStage::Made { .. }
                | RefundStage::Failed { .. }
                | RefundStage::Settled
                | RefundStage::Moot => refund.failed.push(reference),
            },
        }
    }

    fn make_refund(&mut self, cause: RefundCause, reference: String, out: &mut Out) {
        let Some(refund) = self.refunds.get(&cause) else {
            return;
        };
        let said_before = match &refund.stage {
            RefundStage::Made { .. } => return,
            RefundStage::Settled => true,
            RefundStage::Waiting
            | RefundStage::InHand { .. }
            | RefundStage::Failed { .. }
            | RefundStage::Moot => false,
        };
        let (amount, number) = (refund.amount, refund.number());
        self.note_receipt(&Task::Refund(cause), ReceiptState::Confirmed, Some(reference.clone()), out);
        self.set_refund(cause, RefundStage::Made { reference });
        out.effects.push(Effect::Record(Record::Refunded { cause, amount }));
        out.effects.push(Effect::Posting(Posting::Refund { amount, cause, number }));
        if !said_before {
            self.say_refunded(cause, amount, out);
        }
    }

    /// It had been made, and came back.
    fn return_refund(&mut self, cause: RefundCause, reference: String, out: &mut Out) {
        let Some(refund) = self.refunds.get_mut(&cause) else {
            return;
        };
        let (amount, number) = (refund.amount, refund.number());
        refund.failed.push(reference);
        self.set_refund(cause, RefundStage::Failed { why: RefundFailure::Returned });
        out.effects.push(Effect::Record(Record::RefundReturned { cause, amount }));
        out.effects.push(Effect::Posting(Posting::RefundReturned { amount, cause, number }));
        self.say_failed(cause, amount, out);
    }

    /// The provider knows of no refund of this cause that could be the one in hand.
    pub(super) fn miss_refund(&mut self, cause: RefundCause, now: DateTime<Utc>, out: &mut Out) {
        let task = Task::Refund(cause);
        let Some(attempt) = self.attempt(&task) else {
            return;
        };
        match attempt.step {
            Step::Asked { doubt: Doubt::Silence | Doubt::ServerError, .. } => {
                self.plan_again(&task, attempt, now + pause(self.calls), out);
            }
            Step::Asked { doubt: Doubt::StoredError | Doubt::Refused, .. } => {
                self.fail_refund(cause, RefundFailure::NotMade, None, out);
            }
            // An old refund came back under a new key; what is true will be asked.
            Step::Sent { .. } => self.doubt(&task, Doubt::Silence, now, out),
            Step::Planned | Step::Doubtful(_) => {}
        }
    }

    pub(super) fn fail_refund(
        &mut self,
        cause: RefundCause,
        why: RefundFailure,
        reference: Option<String>,
        out: &mut Out,
    ) {
        self.note_receipt(&Task::Refund(cause), ReceiptState::Failed, reference.clone(), out);
        let Some(refund) = self.refunds.get_mut(&cause) else {
            return;
        };
        let amount = refund.amount;
        refund.failed.extend(reference);
        self.set_refund(cause, RefundStage::Failed { why });
        out.effects.push(Effect::Record(Record::RefundFailed { cause, amount }));
        self.say_failed(cause, amount, out);
    }

    /// What is no longer in hand is remembered by how often it was tried.
    pub(super) fn set_refund(&mut self, cause: RefundCause, stage: RefundStage) {
        if let Some(refund) = self.refunds.get_mut(&cause) {
            refund.tried = refund.attempt().map_or(refund.tried, |attempt| attempt.number);
            refund.stage = stage;
        }
    }

    pub(super) fn say_refunded(&self, cause: RefundCause, amount: Money, out: &mut Out) {
        let Some(due) = &self.due else { return };
        let said = PaymentRefunded {
            order_id: self.order_id,
            payment_id: self.id,
            number: due.number.clone(),
            customer_id: due.customer_id,
            cause,
            amount,
        };
        out.events.push(said.into());
    }

    fn say_failed(&self, cause: RefundCause, amount: Money, out: &mut Out) {
        let said = PaymentRefundFailed { order_id: self.order_id, payment_id: self.id, cause, amount };
        out.events.push(said.into());
    }
}
