//! One payment and its provider, under faults, until nothing is left to do.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::Event;

use super::simulated::{Fault, Simulated, Verdict};
use super::{now, unheard};
use crate::domain::effect::{Effect, Posting};
use crate::domain::{Call, Input, Payment};

pub(super) struct World {
    pub payment: Payment,
    pub provider: Simulated,
    pub verdict: Verdict,
    pub now: DateTime<Utc>,
    pub events: Vec<Event>,
    pub postings: Vec<Posting>,
}

impl World {
    pub(super) fn new(verdict: Verdict) -> World {
        World {
            payment: unheard(),
            provider: Simulated::default(),
            verdict,
            now: now(),
            events: Vec::new(),
            postings: Vec::new(),
        }
    }

    pub(super) fn react(&mut self, input: Input) -> Option<Call> {
        let (payment, events, effects) = self.payment.clone().react(input, self.now);
        self.payment = payment;
        self.events.extend(events);
        let mut call = None;
        for effect in effects {
            match effect {
                Effect::Call(to_make) => call = Some(to_make),
                Effect::Posting(posting) => self.postings.push(posting),
                Effect::Receipt(_) | Effect::Record(_) => {}
            }
        }
        call
    }

    pub(super) fn work(&mut self, fault: Fault) {
        let waits = self.payment.work_at().is_some_and(|at| at <= self.now);
        if !waits {
            return;
        }
        if let Some(call) = self.react(Input::Timer { patience: TimeDelta::seconds(10) })
            && let Some(answer) = self.provider.ask(&call, self.verdict, fault)
        {
            self.react(Input::Answered { ticket: call.ticket, answer });
        }
    }

    pub(super) fn webhooks(&mut self) {
        for told in self.provider.told() {
            self.react(told);
        }
    }

    /// Everything heals; work goes on until nothing is left to do but to miss an end.
    pub(super) fn settle(&mut self) {
        self.provider.deliver_late(self.verdict);
        self.webhooks();
        for _ in 0..400 {
            let acts = Payment { overdue: None, ..self.payment.clone() };
            let Some(at) = acts.work_at() else {
                return self.webhooks();
            };
            self.now = self.now.max(at);
            self.work(Fault::None);
        }
        panic!("it does not come to rest: {:?}", self.payment);
    }

    /// What the books say was captured and not given back.
    pub(super) fn booked(&self) -> Booked {
        let mut booked = Booked::default();
        for posting in &self.postings {
            match posting {
                Posting::Capture { amount } => booked.captured += amount.amount(),
                Posting::Refund { amount, .. } => booked.refunded += amount.amount(),
                Posting::RefundReturned { amount, .. } => booked.refunded -= amount.amount(),
                Posting::Settlement { .. } => {}
                Posting::DisputeOpened { amount, .. } => booked.disputed += amount.amount(),
                Posting::DisputeWon { amount, .. } | Posting::DisputeLost { amount, .. } => {
                    booked.disputed -= amount.amount();
                }
            }
        }
        booked
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Booked {
    pub captured: i64,
    pub refunded: i64,
    pub disputed: i64,
}
