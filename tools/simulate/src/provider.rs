//! A card processor in memory, in the manner of Stripe: intents, refunds, disputes, idempotency keys whose first
//! answer comes back for ever. It does only what an intent's state allows; what goes wrong is decided outside.

use std::collections::HashMap;

use contracts::event::DisputeStatus;
use contracts::{Currency, Money, OrderId, RefundCause};
use payment::domain::{Act, Answer, Call, Doubt, Intent, IntentId, IntentStatus, RefundSeen};

use crate::world::order_place;

/// Everything that the processor knows.
#[derive(Debug, Default)]
pub struct Provider {
    pub intents: Vec<Held>,
    /// Orders, by their places, whose charge the bank or the processor has refused.
    pub refused: Vec<usize>,
    stored: HashMap<String, Answer>,
}

/// An intent with all that hangs on it.
#[derive(Debug)]
pub struct Held {
    pub id: IntentId,
    /// The order's place in the plan, as its metadata say.
    pub order: usize,
    pub amount: Money,
    /// Whether its capture waits to be asked for.
    pub manual: bool,
    pub status: IntentStatus,
    /// How often money was taken.
    pub charges: u32,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
}

#[derive(Debug)]
pub struct Refund {
    pub cause: RefundCause,
    pub amount: Money,
    pub failed: bool,
}

#[derive(Debug)]
pub struct Dispute {
    pub amount: Money,
    pub status: DisputeStatus,
}

/// How the bank takes a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approves,
    Declines,
    AsksTheCustomer,
    TakesItsTime,
}

impl Provider {
    /// The answer that is stored under the key, if it was used before.
    pub fn stored(&self, call: &Call) -> Option<Answer> {
        let stored = self.stored.get(call.key.as_ref()?)?;
        Some(match stored {
            Answer::Unknown(_) => Answer::Unknown(Doubt::StoredError),
            Answer::Intent(_)
            | Answer::Refund { .. }
            | Answer::Dispute { .. }
            | Answer::Declined { .. }
            | Answer::Refused { .. } => stored.clone(),
        })
    }

    pub fn store(&mut self, call: &Call, answer: &Answer) {
        if let Some(key) = &call.key {
            self.stored.insert(key.clone(), answer.clone());
        }
    }

    /// Makes an intent, which moves nothing.
    pub fn create(&mut self, order: OrderId, amount: Money, manual: bool) -> usize {
        let number = self.intents.len();
        self.intents.push(Held {
            id: IntentId(format!("pi_{number}")),
            order: order_place(order),
            amount,
            manual,
            status: IntentStatus::RequiresConfirmation,
            charges: 0,
            refunds: Vec::new(),
            disputes: Vec::new(),
        });
        number
    }

    pub fn find(&self, intent: &IntentId) -> Option<usize> {
        self.intents.iter().position(|held| held.id == *intent)
    }

    /// The dispute of this name, with its intent.
    pub fn find_dispute(&self, dispute_id: &str) -> Option<(usize, usize)> {
        let (intent, dispute) = dispute_id.strip_prefix("dp_")?.split_once('_')?;
        Some((intent.parse().ok()?, dispute.parse().ok()?))
    }
}

impl Held {
    pub fn show(&self) -> Intent {
        Intent { id: self.id.clone(), status: self.status.clone() }
    }

    pub fn answer(&self) -> Answer {
        Answer::Intent(self.show())
    }

    /// Confirms the intent, once.
    pub fn confirm(&mut self, verdict: Verdict) -> Answer {
        if self.status != IntentStatus::RequiresConfirmation {
            return refused("payment_intent_unexpected_state");
        }
        match verdict {
            Verdict::Approves => _ = self.approve(),
            Verdict::Declines => {
                self.decline();
                return Answer::Declined { code: "card_declined".to_owned() };
            }
            Verdict::AsksTheCustomer => {
                let url = Some("https://bank.example/step".to_owned());
                self.status = IntentStatus::RequiresAction { url };
            }
            Verdict::TakesItsTime => self.status = IntentStatus::Processing,
        }
        self.answer()
    }

    /// The bank says yes, at once or later; whether it still matters.
    pub fn approve(&mut self) -> bool {
        match self.status {
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing => {
                if self.manual {
                    self.status = IntentStatus::RequiresCapture { held: self.amount };
                } else {
                    self.charges += 1;
                    self.status = IntentStatus::Succeeded { received: self.amount };
                }
                true
            }
            IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresCapture { .. }
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled => false,
        }
    }

    /// The bank says no, at once or later; whether it still matters.
    pub fn decline(&mut self) -> bool {
        match self.status {
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing => {
                let declined = Some("card_declined".to_owned());
                self.status = IntentStatus::RequiresPaymentMethod { declined };
                true
            }
            IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresCapture { .. }
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled => false,
        }
    }

    pub fn capture(&mut self, amount: Money) -> Answer {
        match self.status {
            IntentStatus::RequiresCapture { held } if amount.amount() <= held.amount() => {
                self.charges += 1;
                self.status = IntentStatus::Succeeded { received: amount };
                self.answer()
            }
            IntentStatus::RequiresCapture { .. }
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled => refused("payment_intent_unexpected_state"),
        }
    }

    /// Cancels what has not moved money; a bank that has not answered yet cannot be stopped.
    pub fn cancel(&mut self) -> Answer {
        match self.status {
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::RequiresCapture { .. } => {
                self.status = IntentStatus::Canceled;
                self.answer()
            }
            IntentStatus::Processing | IntentStatus::Succeeded { .. } | IntentStatus::Canceled => {
                refused("payment_intent_unexpected_state")
            }
        }
    }

    /// What is held is let go, unasked; whether anything was.
    pub fn lapse(&mut self) -> bool {
        let held = matches!(self.status, IntentStatus::RequiresCapture { .. });
        if held {
            self.status = IntentStatus::Canceled;
        }
        held
    }

    /// Refunds do not ask for their cause: two under different keys are two.
    pub fn refund(&mut self, cause: RefundCause, amount: Money) -> Answer {
        let left = self.received() - self.refunded();
        let disputed = self.disputes.iter().any(|dispute| dispute.status != DisputeStatus::Won);
        if disputed {
            return refused("charge_disputed");
        }
        if amount.amount() > left {
            return refused("refund_exceeds_charge");
        }
        self.refunds.push(Refund { cause, amount, failed: false });
        Answer::Refund { cause, seen: Some(self.seen_refund(self.refunds.len() - 1)) }
    }

    /// An accepted refund of the cause if there is one, else the newest failed one.
    pub fn find_refund(&self, cause: RefundCause) -> Answer {
        let of_cause = || self.refunds.iter().enumerate().filter(|(_, refund)| refund.cause == cause);
        let accepted = of_cause().find(|(_, refund)| !refund.failed);
        let found = accepted.or_else(|| of_cause().next_back());
        Answer::Refund { cause, seen: found.map(|(number, _)| self.seen_refund(number)) }
    }

    pub fn seen_refund(&self, number: usize) -> RefundSeen {
        let reference = format!("re_{}_{number}", self.id.0);
        if self.refunds[number].failed {
            RefundSeen::Failed { reference }
        } else {
            RefundSeen::Accepted { reference }
        }
    }

    pub fn dispute_id(&self, number: usize) -> String {
        format!("dp_{}_{number}", self.id.0.trim_start_matches("pi_"))
    }

    /// What was taken, in pence.
    pub fn received(&self) -> i64 {
        match self.status {
            IntentStatus::Succeeded { received } => received.amount(),
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing
            | IntentStatus::RequiresCapture { .. }
            | IntentStatus::Canceled => 0,
        }
    }

    /// What went back, in pence.
    pub fn refunded(&self) -> i64 {
        self.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.amount.amount()).sum()
    }

    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }
}

pub fn refused(code: &str) -> Answer {
    Answer::Refused { code: code.to_owned() }
}

/// The intent that an act is about, where it names one.
pub fn intent_of(act: &Act) -> Option<&IntentId> {
    match act {
        Act::Confirm { intent }
        | Act::Capture { intent, .. }
        | Act::Cancel { intent }
        | Act::Read { intent }
        | Act::Refund { intent, .. }
        | Act::FindRefund { intent, .. } => Some(intent),
        Act::Create { .. } | Act::CloseDispute { .. } => None,
    }
}
