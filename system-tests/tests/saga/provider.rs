//! A card processor in memory: it does what it is asked at most once for each intent, and does not always say so.

use std::collections::BTreeMap;

use contracts::{Currency, Money, OrderId};
use payment::domain::effect::Act;
use payment::domain::{Answer, Doubt, Intent, IntentId, IntentStatus, RefundSeen};

/// What it does when it is asked to charge.
#[derive(Debug, Clone, Copy)]
pub enum Mood {
    Approves,
    Declines,
    ChargesAndIsSilent,
    Hangs,
}

#[derive(Default)]
pub struct Provider {
    intents: BTreeMap<IntentId, IntentStatus>,
    amounts: BTreeMap<IntentId, Money>,
    /// How often money moved for an intent, there and back.
    pub charges: BTreeMap<IntentId, u32>,
    pub refunds: BTreeMap<IntentId, u32>,
}

impl Provider {
    pub fn intent_of(order: OrderId) -> IntentId {
        IntentId(format!("pi_{order}"))
    }

    pub fn answer(&mut self, order: OrderId, act: &Act, mood: Mood) -> Answer {
        match act {
            Act::Create { amount, .. } => {
                let intent = Provider::intent_of(order);
                self.amounts.insert(intent.clone(), *amount);
                self.intents.entry(intent.clone()).or_insert(IntentStatus::RequiresConfirmation);
                self.show(&intent)
            }
            Act::Confirm { intent } => self.confirm(intent, mood),
            Act::Cancel { intent } => match self.intents.get(intent) {
                Some(IntentStatus::Succeeded { .. }) => refused(),
                Some(_) | None => {
                    self.intents.insert(intent.clone(), IntentStatus::Canceled);
                    self.show(intent)
                }
            },
            Act::Read { intent } => self.show(intent),
            Act::Refund { intent, .. } => {
                // Under its key it is made once.
                self.refunds.insert(intent.clone(), 1);
                match mood {
                    Mood::ChargesAndIsSilent => Answer::Unknown(Doubt::Silence),
                    Mood::Approves | Mood::Declines | Mood::Hangs => self.refund_of(intent),
                }
            }
            Act::FindRefund { intent, .. } => self.refund_of(intent),
        }
    }

    fn confirm(&mut self, intent: &IntentId, mood: Mood) -> Answer {
        if self.intents.get(intent) != Some(&IntentStatus::RequiresConfirmation) {
            return refused();
        }
        match mood {
            Mood::Approves | Mood::ChargesAndIsSilent => {
                let received = self.amounts.get(intent).copied().unwrap_or(Money::zero(Currency::Gbp));
                self.intents.insert(intent.clone(), IntentStatus::Succeeded { received });
                *self.charges.entry(intent.clone()).or_default() += 1;
                match mood {
                    Mood::ChargesAndIsSilent => Answer::Unknown(Doubt::Silence),
                    Mood::Approves | Mood::Declines | Mood::Hangs => self.show(intent),
                }
            }
            Mood::Declines => {
                let code = "card_declined".to_owned();
                let status = IntentStatus::RequiresPaymentMethod { declined: Some(code.clone()) };
                self.intents.insert(intent.clone(), status);
                Answer::Declined { code }
            }
            Mood::Hangs => Answer::Unknown(Doubt::Silence),
        }
    }

    fn show(&self, intent: &IntentId) -> Answer {
        match self.intents.get(intent) {
            Some(status) => Answer::Intent(Intent { id: intent.clone(), status: status.clone() }),
            None => refused(),
        }
    }

    fn refund_of(&self, intent: &IntentId) -> Answer {
        let made = self.refunds.contains_key(intent);
        Answer::Refund(made.then(|| RefundSeen::Accepted { reference: format!("re_{}", intent.0) }))
    }
}

fn refused() -> Answer {
    Answer::Refused { code: "payment_intent_unexpected_state".to_owned() }
}
