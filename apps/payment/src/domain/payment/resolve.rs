//! What staff say or decide, applied as if the provider had said it. A later word of the provider still wins.

use chrono::{DateTime, Utc};
use contracts::{CaptureMode, RefundCause};

use super::intent::Heard;
use super::refunds::BY_HAND;
use super::task::Task;
use super::{Out, Payment};
use crate::domain::effect::{Effect, Posting, ReceiptState};
use crate::domain::{
    Attempt, Charge, DisputeStage, Doubted, DueReason, Intent, IntentId, IntentStatus, NotResolvable, Record,
    RefundFailure, RefundSeen, RefundStage, Resolution,
};

impl Payment {
    /// # Errors
    /// When the state leaves nothing of the kind open.
    pub(super) fn resolvable(&self, resolution: &Resolution) -> Result<(), NotResolvable> {
        let stage = |cause: &RefundCause| self.refunds.get(cause).map(|refund| &refund.stage);
        let open = match resolution {
            Resolution::Charged => self.charge.unknown() && self.charged().is_some(),
            Resolution::NotCharged => self.charge.unknown(),
            Resolution::Refunded { cause } | Resolution::NotRefunded { cause } => {
                self.attempt(&Task::Refund(*cause)).is_some_and(Attempt::unknown)
            }
            Resolution::RetryRefund { cause } | Resolution::SettleRefund { cause } => {
                matches!(stage(cause), Some(RefundStage::Failed { .. }))
            }
            Resolution::AcceptDispute { dispute_id } => {
                self.disputes.get(dispute_id).is_some_and(|dispute| dispute.stage == DisputeStage::Open)
            }
        };
        if open {
            Ok(())
        } else {
            Err(NotResolvable { attempted: resolution.name(), wanted: resolution.wanted() })
        }
    }

    pub(super) fn apply_resolution(&mut self, resolution: Resolution, now: DateTime<Utc>, out: &mut Out) {
        if self.resolvable(&resolution).is_err() {
            return;
        }
        match resolution {
            Resolution::Charged => {
                if let Some(intent) = self.charged() {
                    self.apply_provider_state(Heard::Awaited, &intent, now, out);
                }
            }
            Resolution::NotCharged => self.not_charged(now, out),
            Resolution::Refunded { cause } => {
                self.make_refund_by_hand(cause, out);
            }
            Resolution::NotRefunded { cause } => {
                self.fail_refund(cause, RefundFailure::NotMade, None, out);
            }
            Resolution::RetryRefund { cause } => self.retry_refund(cause),
            Resolution::SettleRefund { cause } => self.settle_refund(cause, out),
            Resolution::AcceptDispute { dispute_id } => self.accept_dispute(dispute_id, now, out),
        }
    }

    /// The intent as it must be if the money was taken; none where nothing could have been.
    fn charged(&self) -> Option<Intent> {
        let due = self.due.as_ref()?;
        let (id, status) = match &self.charge {
            Charge::Confirming { intent, .. } => match due.capture {
                CaptureMode::AtOnce => (intent, IntentStatus::Succeeded { received: due.total }),
                CaptureMode::BeforeShipping => (intent, IntentStatus::RequiresCapture { held: due.total }),
            },
            Charge::Capturing { intent, amount, .. }
            | Charge::Cancelling { intent, doubted: Some(Doubted::Capture { amount, .. }), .. } => {
                (intent, IntentStatus::Succeeded { received: *amount })
            }
            Charge::Cancelling { intent, doubted: Some(Doubted::Charge(_)) | None, .. } => {
                match due.capture {
                    CaptureMode::AtOnce => (intent, IntentStatus::Succeeded { received: due.total }),
                    CaptureMode::BeforeShipping => return None,
                }
            }
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::ActionRequired { .. }
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => return None,
        };
        Some(Intent { id: id.clone(), status })
    }

    fn not_charged(&mut self, now: DateTime<Utc>, out: &mut Out) {
        match self.charge.clone() {
            // What is held stays held; the capture may be asked for again.
            Charge::Capturing { .. } => {
                self.fail_capture(DueReason::Refused { code: "not_captured".to_owned() }, out);
            }
            Charge::Confirming { intent, .. } | Charge::Cancelling { intent, .. } => {
                self.cancelled_by_hand(intent, now, out);
            }
            Charge::Waiting
            | Charge::Creating { .. }
            | Charge::ActionRequired { .. }
            | Charge::Authorised { .. }
            | Charge::Due { .. }
            | Charge::Free { .. }
            | Charge::Captured { .. }
            | Charge::Closed { .. } => {}
        }
    }

    fn cancelled_by_hand(&mut self, id: IntentId, now: DateTime<Utc>, out: &mut Out) {
        let intent = Intent { id, status: IntentStatus::Canceled };
        self.apply_provider_state(Heard::Awaited, &intent, now, out);
    }

    fn make_refund_by_hand(&mut self, cause: RefundCause, out: &mut Out) {
        let seen = RefundSeen::Accepted { reference: BY_HAND.to_owned() };
        self.apply_refund(cause, seen, out);
    }

    fn retry_refund(&mut self, cause: RefundCause) {
        if let Some(refund) = self.refunds.get_mut(&cause) {
            if refund.tried > 0 {
                refund.generation += 1;
            }
            refund.stage = RefundStage::Waiting;
        }
    }

    fn settle_refund(&mut self, cause: RefundCause, out: &mut Out) {
        let Some(amount) = self.refunds.get(&cause).map(|refund| refund.amount) else {
            return;
        };
        self.set_refund(cause, RefundStage::Settled);
        out.effects.push(Effect::Record(Record::RefundSettled { cause, amount }));
        out.effects.push(Effect::Posting(Posting::Settlement { amount, cause }));
        self.say_refunded(cause, amount, out);
    }

    fn accept_dispute(&mut self, dispute_id: String, now: DateTime<Utc>, out: &mut Out) {
        if let Some(dispute) = self.disputes.get_mut(&dispute_id) {
            dispute.stage = DisputeStage::Accepting { attempt: Attempt::first(now) };
            self.note_receipt(&Task::Dispute(dispute_id), ReceiptState::Planned, None, out);
        }
    }
}
