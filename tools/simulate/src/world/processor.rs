//! The card processor at work: what it answers, what it does later by itself, and what it tells without being asked.

use contracts::CaptureMode;
use contracts::event::DisputeStatus;
use payment::domain::{Act, Answer, Call, Doubt, Input, IntentStatus};

use super::{Step, World};
use crate::calendar::Time;
use crate::fault::Fault;
use crate::provider::{Dispute, Verdict, intent_of, refused};

/// Something that comes about at the processor without us.
#[derive(Debug, Clone, Copy)]
pub struct Deed {
    pub intent: usize,
    pub what: What,
}

#[derive(Debug, Clone, Copy)]
pub enum What {
    BankApproves,
    BankDeclines,
    AuthorisationLapses,
    RefundFails(usize),
    DisputeOpens,
    DisputeCloses(usize, DisputeStatus),
}

/// A word of the processor on its way to us: what it says, as it was when it was said.
#[derive(Debug, Clone)]
pub struct Word {
    pub order: usize,
    pub input: Input,
}

impl World<'_> {
    pub(super) fn provider_answers(&mut self, order: usize, call: &Call) -> Answer {
        if let Some(stored) = self.provider.stored(call) {
            self.tell_processor(|| format!("answers {} as it did before: {stored:?}", call.act.name()));
            return stored;
        }
        let failure = Answer::Unknown(Doubt::ServerError);
        if self.strikes(Fault::ProviderFails) {
            return failure;
        }
        if call.key.is_some() && self.strikes(Fault::FailureStored) {
            self.provider.store(call, &failure);
            return failure;
        }
        let answer = self.carry_out(order, &call.act);
        if call.key.is_some() && self.strikes(Fault::DoneAndFailureStored) {
            self.provider.store(call, &failure);
            return failure;
        }
        self.provider.store(call, &answer);
        self.tell_processor(|| format!("answers {}: {answer:?}", call.act.name()));
        answer
    }

    fn carry_out(&mut self, order: usize, act: &Act) -> Answer {
        if let Act::Create { amount, capture, .. } = act {
            if self.strikes(Fault::MethodGone) {
                self.provider.refused.push(order);
                return refused("payment_method_gone");
            }
            let manual = match capture {
                CaptureMode::AtOnce => false,
                CaptureMode::BeforeShipping => true,
            };
            let made = self.provider.create(super::product::order_id(order), *amount, manual);
            return self.provider.intents[made].answer();
        }
        if let Act::CloseDispute { dispute_id } = act {
            return self.close_dispute(dispute_id);
        }
        let Some(intent) = intent_of(act).and_then(|intent| self.provider.find(intent)) else {
            return refused("resource_missing");
        };
        let before = self.provider.intents[intent].status.clone();
        let answer = match act {
            Act::Confirm { .. } => {
                let verdict = self.verdict();
                self.provider.intents[intent].confirm(verdict)
            }
            Act::Capture { .. } if self.strikes(Fault::CaptureRefused) => self.refuse_capture(),
            Act::Capture { amount, .. } => self.provider.intents[intent].capture(*amount),
            Act::Cancel { .. } => self.provider.intents[intent].cancel(),
            Act::Refund { .. } if self.strikes(Fault::RefundRefused) => refused("balance_insufficient"),
            Act::Refund { cause, amount, .. } => {
                let answer = self.provider.intents[intent].refund(*cause, *amount);
                if let Answer::Refund { .. } = answer {
                    self.refund_made(intent);
                }
                answer
            }
            Act::FindRefund { cause, .. } => self.provider.intents[intent].find_refund(*cause),
            Act::Read { .. } | Act::Create { .. } | Act::CloseDispute { .. } => {
                self.provider.intents[intent].answer()
            }
        };
        if self.provider.intents[intent].status != before {
            self.intent_changed(intent);
        }
        answer
    }

    fn refuse_capture(&mut self) -> Answer {
        if self.chance().one_in(2) {
            Answer::Declined { code: "card_declined".to_owned() }
        } else {
            refused("capture_refused")
        }
    }

    fn verdict(&mut self) -> Verdict {
        if self.strikes(Fault::Declined) {
            Verdict::Declines
        } else if self.strikes(Fault::ActionRequired) {
            Verdict::AsksTheCustomer
        } else if self.strikes(Fault::BankSlow) {
            Verdict::TakesItsTime
        } else {
            Verdict::Approves
        }
    }

    /// What follows from an intent's new state, and that it is told.
    fn intent_changed(&mut self, intent: usize) {
        let held = &self.provider.intents[intent];
        if let IntentStatus::RequiresPaymentMethod { .. } = held.status {
            self.provider.refused.push(held.order);
        }
        match self.provider.intents[intent].status.clone() {
            IntentStatus::RequiresAction { .. } => {
                let wait = self.chance().between(300, 45_000);
                if self.strikes(Fault::ActionNotDone) {
                    if self.chance().one_in(2) {
                        self.later(intent, What::BankDeclines, wait);
                    }
                } else {
                    self.later(intent, What::BankApproves, wait);
                }
            }
            IntentStatus::Processing => {
                let what = if self.chance().one_in(3) { What::BankDeclines } else { What::BankApproves };
                let wait = self.chance().between(1_000, 30_000);
                self.later(intent, what, wait);
            }
            IntentStatus::RequiresCapture { .. } if self.strikes(Fault::AuthorisationLapsed) => {
                let wait = self.chance().pick(&[10, 1_000, 10_000, 60_000]);
                self.later(intent, What::AuthorisationLapses, wait);
            }
            IntentStatus::Succeeded { .. } if self.strikes(Fault::Disputed) => {
                let wait = self.chance().pick(&[10, 1_000, 10_000, 20_000, 60_000]);
                self.later(intent, What::DisputeOpens, wait);
            }
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresCapture { .. }
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled => {}
        }
        let held = &self.provider.intents[intent];
        let (order, input) = (held.order, Input::Seen(held.show()));
        self.announce(order, input);
    }

    fn refund_made(&mut self, intent: usize) {
        let number = self.provider.intents[intent].refunds.len() - 1;
        if self.strikes(Fault::RefundFailsLater) {
            let wait = self.chance().pick(&[10, 1_000, 10_000, 60_000]);
            self.later(intent, What::RefundFails(number), wait);
        }
        self.refund_changed(intent, number);
    }

    fn refund_changed(&mut self, intent: usize, number: usize) {
        let held = &self.provider.intents[intent];
        let (cause, seen) = (held.refunds[number].cause, held.seen_refund(number));
        self.announce(held.order, Input::RefundSeen { cause, seen });
    }

    fn dispute_changed(&mut self, intent: usize, number: usize) {
        let held = &self.provider.intents[intent];
        let Dispute { amount, status } = held.disputes[number];
        let dispute_id = held.dispute_id(number);
        self.announce(held.order, Input::DisputeSeen { dispute_id, amount, status });
    }

    fn close_dispute(&mut self, dispute_id: &str) -> Answer {
        let Some((intent, number)) = self.provider.find_dispute(dispute_id) else {
            return refused("resource_missing");
        };
        let dispute = &mut self.provider.intents[intent].disputes[number];
        if dispute.status != DisputeStatus::Open {
            return refused("dispute_not_open");
        }
        dispute.status = DisputeStatus::Lost;
        let Dispute { amount, status } = *dispute;
        self.dispute_changed(intent, number);
        Answer::Dispute { dispute_id: dispute_id.to_owned(), amount, status }
    }

    fn later(&mut self, intent: usize, what: What, wait: Time) {
        self.deeds.push(Deed { intent, what });
        self.calendar.put(self.now + wait, Step::ProviderActs(self.deeds.len() - 1));
    }

    pub(super) fn provider_acts(&mut self, deed: usize) {
        let Deed { intent, what } = self.deeds[deed];
        let held = &mut self.provider.intents[intent];
        let happened = match what {
            What::BankApproves => held.approve(),
            What::BankDeclines => held.decline(),
            What::AuthorisationLapses => {
                let lapsed = held.lapse();
                if lapsed {
                    self.provider.refused.push(held.order);
                }
                lapsed
            }
            What::RefundFails(number) => {
                held.refunds[number].failed = true;
                self.tell_processor(|| format!("refund {number} of intent {intent} comes to nothing"));
                return self.refund_changed(intent, number);
            }
            What::DisputeOpens => return self.open_dispute(intent),
            What::DisputeCloses(number, status) => {
                let dispute = &mut held.disputes[number];
                if dispute.status == DisputeStatus::Open {
                    dispute.status = status;
                    self.tell_processor(|| format!("dispute {number} of intent {intent} is {status:?}"));
                    self.dispute_changed(intent, number);
                }
                return;
            }
        };
        if happened {
            self.tell_processor(|| format!("intent {intent}: {what:?}"));
            self.intent_changed(intent);
        }
    }

    /// The customer's bank takes back what is left of the charge.
    fn open_dispute(&mut self, intent: usize) {
        let held = &mut self.provider.intents[intent];
        let left = held.received() - held.refunded();
        let Some(amount) = contracts::Money::new(left, held.currency()).ok().filter(|_| left > 0) else {
            return;
        };
        held.disputes.push(Dispute { amount, status: DisputeStatus::Open });
        let number = held.disputes.len() - 1;
        self.tell_processor(|| format!("dispute {number} of intent {intent} over {amount} is open"));
        self.dispute_changed(intent, number);
        let status = self.chance().pick(&[DisputeStatus::Won, DisputeStatus::Lost]);
        let wait = self.chance().pick(&[1_000, 5_000, 20_000, 90_000]);
        self.later(intent, What::DisputeCloses(number, status), wait);
    }

    /// Sends a webhook: once, several times, early, late or never.
    fn announce(&mut self, order: usize, input: Input) {
        self.compared = false;
        if self.strikes(Fault::WebhookNever) {
            return;
        }
        if self.strikes(Fault::WebhookTwice) {
            for most in [2_000, 20_000, 90_000] {
                let wait = self.chance().between(most / 8, most);
                self.words.push(Word { order, input: input.clone() });
                self.calendar.put(self.now + wait, Step::ProviderTells(self.words.len() - 1));
            }
        }
        let wait = if self.strikes(Fault::WebhookEarly) {
            1
        } else if self.strikes(Fault::WebhookLate) {
            self.chance().between(5_000, 90_000)
        } else {
            2 * self.latency() + 50
        };
        self.words.push(Word { order, input });
        self.calendar.put(self.now + wait, Step::ProviderTells(self.words.len() - 1));
    }

    pub(super) fn provider_tells(&mut self, word: usize) {
        let Word { order, input } = self.words[word].clone();
        self.payment_sees(order, input, Step::ProviderTells(word));
    }

    /// The processor's own list is compared with ours: all of it is seen once more.
    pub(super) fn compare(&mut self) {
        self.cancel_strays();
        self.compared = true;
        let mut words = Vec::new();
        for held in &self.provider.intents {
            let order = held.order;
            words.push(Word { order, input: Input::Seen(held.show()) });
            for (number, refund) in held.refunds.iter().enumerate() {
                let (cause, seen) = (refund.cause, held.seen_refund(number));
                words.push(Word { order, input: Input::RefundSeen { cause, seen } });
            }
            for (number, dispute) in held.disputes.iter().enumerate() {
                let Dispute { amount, status } = *dispute;
                let dispute_id = held.dispute_id(number);
                words.push(Word { order, input: Input::DisputeSeen { dispute_id, amount, status } });
            }
        }
        for word in words {
            self.words.push(word);
            self.calendar.put(self.now + 1, Step::ProviderTells(self.words.len() - 1));
        }
    }

    /// An intent that was made without our knowing it, and can no longer become the one that is charged.
    fn cancel_strays(&mut self) {
        for intent in 0..self.provider.intents.len() {
            let held = &self.provider.intents[intent];
            let ours = self.payments.rows[held.order].payment.charge.intent();
            let stray = ours.is_some_and(|ours| *ours != held.id);
            if stray && held.status == IntentStatus::RequiresConfirmation {
                self.provider.intents[intent].cancel();
                self.tell_processor(|| format!("intent {intent} is a stray and cancelled"));
                self.intent_changed(intent);
            }
        }
    }

    fn tell_processor(&mut self, what: impl FnOnce() -> String) {
        self.story.tell(self.now, "processor", what);
    }
}
