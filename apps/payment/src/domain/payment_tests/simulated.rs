//! A provider that declines, hangs, answers with failures that stay, charges without a word, and acts late.

use std::collections::BTreeMap;

use contracts::event::DisputeStatus;
use contracts::{CaptureMode, Money, RefundCause};

use super::pounds;
use crate::domain::effect::{Act, Call};
use crate::domain::{Answer, Doubt, Input, Intent, IntentId, IntentStatus, RefundSeen};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Decline,
    AskCustomer,
    /// The charge is approved, its capture refused.
    RefuseCapture,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Never arrives.
    Lost,
    /// Done, but nobody hears of it.
    Unheard,
    /// Not done; the failure is kept under the key.
    Error,
    /// Done; a failure is kept under the key all the same.
    DoneWithError,
    /// Arrives some time later.
    Late,
    /// Answered, but the worker dies before it can write that down.
    WorkerDies,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadeRefund {
    pub reference: String,
    pub cause: RefundCause,
    pub amount: i64,
    pub failed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Simulated {
    pub intents: BTreeMap<IntentId, IntentStatus>,
    manual: bool,
    /// Every refund that was ever made.
    pub refunds: Vec<MadeRefund>,
    pub dispute: Option<DisputeStatus>,
    stored: BTreeMap<String, Answer>,
    late: Vec<Call>,
}

/// What the customer's bank disputes.
pub(super) const DISPUTED: i64 = 50;

impl Simulated {
    /// What the caller hears; none when the worker dies.
    pub(super) fn ask(&mut self, call: &Call, verdict: Verdict, fault: Fault) -> Option<Answer> {
        if let Some(stored) = call.key.as_ref().and_then(|key| self.stored.get(key)) {
            let replayed = match stored {
                Answer::Unknown(_) => Answer::Unknown(Doubt::StoredError),
                Answer::Intent(_)
                | Answer::Refund { .. }
                | Answer::Dispute { .. }
                | Answer::Declined { .. }
                | Answer::Refused { .. } => stored.clone(),
            };
            return Some(replayed);
        }
        let failure = Answer::Unknown(Doubt::ServerError);
        match fault {
            Fault::Lost => Some(Answer::Unknown(Doubt::Silence)),
            Fault::Late => {
                self.late.push(call.clone());
                Some(Answer::Unknown(Doubt::Silence))
            }
            Fault::Error => {
                self.keep(call, &failure);
                Some(failure)
            }
            Fault::DoneWithError => {
                self.carry_out(&call.act, verdict);
                self.keep(call, &failure);
                Some(failure)
            }
            Fault::None | Fault::Unheard | Fault::WorkerDies => {
                let answer = self.carry_out(&call.act, verdict);
                self.keep(call, &answer);
                match fault {
                    Fault::Unheard => Some(Answer::Unknown(Doubt::Silence)),
                    Fault::WorkerDies => None,
                    Fault::None | Fault::Lost | Fault::Error | Fault::DoneWithError | Fault::Late => {
                        Some(answer)
                    }
                }
            }
        }
    }

    /// What was long on its way arrives.
    pub(super) fn deliver_late(&mut self, verdict: Verdict) {
        for call in std::mem::take(&mut self.late) {
            let known = call.key.as_ref().is_some_and(|key| self.stored.contains_key(key));
            if !known {
                let answer = self.carry_out(&call.act, verdict);
                self.keep(&call, &answer);
            }
        }
    }

    pub(super) fn charges(&self) -> usize {
        self.intents.values().filter(|status| matches!(status, IntentStatus::Succeeded { .. })).count()
    }

    pub(super) fn captured(&self) -> i64 {
        let received = self.intents.values().filter_map(|status| match status {
            IntentStatus::Succeeded { received } => Some(received.amount()),
            _ => None,
        });
        received.sum()
    }

    pub(super) fn given_back(&self) -> i64 {
        self.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.amount).sum()
    }

    /// The customer confirms with their bank whatever waits for that.
    pub(super) fn customer_confirms(&mut self) {
        let status = self.approved();
        for intent in self.intents.values_mut() {
            if matches!(intent, IntentStatus::RequiresAction { .. }) {
                *intent = status.clone();
            }
        }
    }

    /// What is held is let go.
    pub(super) fn lapse(&mut self) {
        for intent in self.intents.values_mut() {
            if matches!(intent, IntentStatus::RequiresCapture { .. }) {
                *intent = IntentStatus::Canceled;
            }
        }
    }

    /// The bank sends the last refund back.
    pub(super) fn refund_fails(&mut self) {
        if let Some(refund) = self.refunds.last_mut() {
            refund.failed = true;
        }
    }

    /// A dispute is opened, then closed.
    pub(super) fn disputes(&mut self, closed: DisputeStatus) {
        let room = self.captured() - self.given_back() >= DISPUTED;
        self.dispute = match self.dispute {
            None if room => Some(DisputeStatus::Open),
            Some(DisputeStatus::Open) => Some(closed),
            other => other,
        };
    }

    /// Everything that a webhook can tell, in no order worth relying on.
    pub(super) fn told(&self) -> Vec<Input> {
        let intents = self
            .intents
            .iter()
            .map(|(id, status)| Input::Seen(Intent { id: id.clone(), status: status.clone() }));
        let refunds =
            self.refunds.iter().map(|refund| Input::RefundSeen { cause: refund.cause, seen: seen(refund) });
        let dispute = self.dispute.map(|status| Input::DisputeSeen {
            dispute_id: "dp_1".to_owned(),
            amount: pounds(DISPUTED),
            status,
        });
        refunds.chain(intents).chain(dispute).collect()
    }

    fn keep(&mut self, call: &Call, answer: &Answer) {
        if let Some(key) = &call.key {
            self.stored.insert(key.clone(), answer.clone());
        }
    }

    fn approved(&self) -> IntentStatus {
        if self.manual {
            IntentStatus::RequiresCapture { held: pounds(500) }
        } else {
            IntentStatus::Succeeded { received: pounds(500) }
        }
    }

    fn carry_out(&mut self, act: &Act, verdict: Verdict) -> Answer {
        match act {
            Act::Create { capture, .. } => {
                self.manual = *capture == CaptureMode::BeforeShipping;
                let id = IntentId(format!("pi_{}", self.intents.len() + 1));
                self.intents.insert(id.clone(), IntentStatus::RequiresConfirmation);
                self.show(&id)
            }
            Act::Confirm { intent } => self.confirm(intent, verdict),
            Act::Capture { intent, amount } => self.capture(intent, *amount, verdict),
            Act::Cancel { intent } => match self.intents[intent] {
                IntentStatus::Succeeded { .. } | IntentStatus::Canceled => refused(),
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresPaymentMethod { .. }
                | IntentStatus::RequiresAction { .. }
                | IntentStatus::Processing
                | IntentStatus::RequiresCapture { .. } => {
                    self.intents.insert(intent.clone(), IntentStatus::Canceled);
                    self.show(intent)
                }
            },
            Act::Read { intent } => self.show(intent),
            Act::Refund { cause, amount, .. } => self.refund(*cause, amount.amount()),
            Act::FindRefund { cause, .. } => {
                let mut of_cause = self.refunds.iter().rev().filter(|refund| refund.cause == *cause);
                let found = of_cause.clone().find(|refund| !refund.failed).or_else(|| of_cause.next());
                Answer::Refund { cause: *cause, seen: found.map(seen) }
            }
            Act::CloseDispute { dispute_id } => {
                if self.dispute != Some(DisputeStatus::Open) {
                    return refused();
                }
                self.dispute = Some(DisputeStatus::Lost);
                let (dispute_id, status) = (dispute_id.clone(), DisputeStatus::Lost);
                Answer::Dispute { dispute_id, amount: pounds(DISPUTED), status }
            }
        }
    }

    fn confirm(&mut self, intent: &IntentId, verdict: Verdict) -> Answer {
        if self.intents[intent] != IntentStatus::RequiresConfirmation {
            return refused();
        }
        let declined = Some("card_declined".to_owned());
        let status = match verdict {
            Verdict::Approve | Verdict::RefuseCapture => self.approved(),
            Verdict::Decline => IntentStatus::RequiresPaymentMethod { declined },
            Verdict::AskCustomer => IntentStatus::RequiresAction { url: None },
        };
        self.intents.insert(intent.clone(), status);
        match verdict {
            Verdict::Decline => Answer::Declined { code: "card_declined".to_owned() },
            Verdict::Approve | Verdict::AskCustomer | Verdict::RefuseCapture => self.show(intent),
        }
    }

    fn capture(&mut self, intent: &IntentId, amount: Money, verdict: Verdict) -> Answer {
        match (&self.intents[intent], verdict) {
            (IntentStatus::RequiresCapture { .. }, Verdict::RefuseCapture) => {
                Answer::Declined { code: "card_declined".to_owned() }
            }
            (IntentStatus::RequiresCapture { .. }, _) => {
                self.intents.insert(intent.clone(), IntentStatus::Succeeded { received: amount });
                self.show(intent)
            }
            _ => refused(),
        }
    }

    fn refund(&mut self, cause: RefundCause, amount: i64) -> Answer {
        let lost = if self.dispute == Some(DisputeStatus::Lost) { DISPUTED } else { 0 };
        let left = self.captured() - self.given_back() - lost;
        if self.dispute == Some(DisputeStatus::Open) || left < amount {
            return refused();
        }
        let reference = format!("re_{}", self.refunds.len() + 1);
        self.refunds.push(MadeRefund { reference, cause, amount, failed: false });
        Answer::Refund { cause, seen: self.refunds.last().map(seen) }
    }

    fn show(&self, id: &IntentId) -> Answer {
        Answer::Intent(Intent { id: id.clone(), status: self.intents[id].clone() })
    }
}

fn seen(refund: &MadeRefund) -> RefundSeen {
    let reference = refund.reference.clone();
    if refund.failed { RefundSeen::Failed { reference } } else { RefundSeen::Accepted { reference } }
}

fn refused() -> Answer {
    Answer::Refused { code: "payment_intent_unexpected_state".to_owned() }
}
