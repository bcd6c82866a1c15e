//! A provider that declines, hangs, answers with failures that stay, charges without a word, and acts late.

use std::collections::BTreeMap;

use crate::domain::effect::{Act, Call};
use crate::domain::{Answer, Doubt, Intent, IntentId, IntentStatus, RefundSeen};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Decline,
    AskCustomer,
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

#[derive(Debug, Default)]
pub(super) struct Simulated {
    pub intents: BTreeMap<IntentId, IntentStatus>,
    /// Refunds by cause, each time one was made.
    pub refunds: Vec<&'static str>,
    stored: BTreeMap<String, Answer>,
    late: Vec<Call>,
}

impl Simulated {
    /// What the caller hears; none when the worker dies.
    pub(super) fn ask(&mut self, call: &Call, verdict: Verdict, fault: Fault) -> Option<Answer> {
        if let Some(stored) = call.key.as_ref().and_then(|key| self.stored.get(key)) {
            let replayed = match stored {
                Answer::Unknown(_) => Answer::Unknown(Doubt::StoredError),
                Answer::Intent(_) | Answer::Refund(_) | Answer::Declined { .. } | Answer::Refused { .. } => {
                    stored.clone()
                }
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

    fn keep(&mut self, call: &Call, answer: &Answer) {
        if let Some(key) = &call.key {
            self.stored.insert(key.clone(), answer.clone());
        }
    }

    fn carry_out(&mut self, act: &Act, verdict: Verdict) -> Answer {
        match act {
            Act::Create { .. } => {
                let id = IntentId(format!("pi_{}", self.intents.len() + 1));
                self.intents.insert(id.clone(), IntentStatus::RequiresConfirmation);
                self.show(&id)
            }
            Act::Confirm { intent } => {
                if self.intents[intent] != IntentStatus::RequiresConfirmation {
                    return refused();
                }
                let declined = Some("card_declined".to_owned());
                let status = match verdict {
                    Verdict::Approve => IntentStatus::Succeeded { received: super::pounds(500) },
                    Verdict::Decline => IntentStatus::RequiresPaymentMethod { declined },
                    Verdict::AskCustomer => IntentStatus::RequiresAction,
                };
                self.intents.insert(intent.clone(), status);
                match verdict {
                    Verdict::Decline => Answer::Declined { code: "card_declined".to_owned() },
                    Verdict::Approve | Verdict::AskCustomer => self.show(intent),
                }
            }
            Act::Cancel { intent } => match self.intents[intent] {
                IntentStatus::Succeeded { .. } | IntentStatus::Canceled => refused(),
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresPaymentMethod { .. }
                | IntentStatus::RequiresAction
                | IntentStatus::Processing
                | IntentStatus::RequiresCapture { .. } => {
                    self.intents.insert(intent.clone(), IntentStatus::Canceled);
                    self.show(intent)
                }
            },
            Act::Read { intent } => self.show(intent),
            Act::Refund { cause, .. } => {
                if !self.refunds.is_empty() {
                    return refused();
                }
                self.refunds.push(cause.name());
                Answer::Refund(Some(RefundSeen::Accepted { reference: "re_1".to_owned() }))
            }
            Act::FindRefund { cause, .. } => {
                let found = self.refunds.contains(&cause.name());
                Answer::Refund(found.then(|| RefundSeen::Accepted { reference: "re_1".to_owned() }))
            }
        }
    }

    fn show(&self, id: &IntentId) -> Answer {
        Answer::Intent(Intent { id: id.clone(), status: self.intents[id].clone() })
    }
}

fn refused() -> Answer {
    Answer::Refused { code: "payment_intent_unexpected_state".to_owned() }
}
