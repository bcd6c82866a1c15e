//! Everything that the processor knows, and what a command would do to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::answer::Answers;
use super::card::{Effect, Fault, Times, Token};
use super::command::{Command, NewRefund};
use super::dispute::{Dispute, Outcome};
use super::entry::{Created, Disputed, Entry, Refunded};
use super::fold::{Inconsistent, Object};
use super::intent::{Intent, Refusal, Resolution, Step};
use super::refund::Refund;
use super::view;
use super::webhook::{self, Announced, Outstanding};
use super::{Act, FreshIds};

#[derive(Debug, Default)]
pub struct Book {
    pub(super) last_sequence: u64,
    pub(super) intents: Vec<Intent>,
    pub(super) intent_places: HashMap<String, usize>,
    pub(super) refunds: Vec<Refund>,
    pub(super) refund_places: HashMap<String, usize>,
    pub(super) disputes: Vec<Dispute>,
    pub(super) outstanding: BTreeMap<String, Outstanding>,
    pub(super) faults_struck: HashSet<(Act, String)>,
    pub answers: Answers,
}

/// What a command does, unless a fault is in the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub entry: Entry,
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    #[error("no intent {0}")]
    NoSuchIntent(String),
    #[error("no refund {0}")]
    NoSuchRefund(String),
    #[error("no dispute {0}")]
    NoSuchDispute(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Book {
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// In order of creation.
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// In order of creation.
    pub fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    /// In order of creation.
    pub fn disputes(&self) -> &[Dispute] {
        &self.disputes
    }

    /// Webhooks that were not taken yet, the oldest first.
    pub fn outstanding(&self) -> impl Iterator<Item = &Outstanding> {
        self.outstanding.values()
    }

    pub fn webhook(&self, event: &str) -> Option<&Outstanding> {
        self.outstanding.get(event)
    }

    pub fn dispute(&self, id: &str) -> Option<&Dispute> {
        self.disputes.iter().find(|dispute| dispute.id == id)
    }

    pub fn dispute_of(&self, payment_intent: &str) -> Option<&Dispute> {
        self.disputes.iter().find(|dispute| dispute.payment_intent == payment_intent)
    }

    /// Refunds that were made and will come to nothing.
    pub fn refunds_to_fail(&self) -> impl Iterator<Item = &Refund> {
        self.refunds.iter().filter(|refund| refund.failure.is_none() && self.fails_later(refund))
    }

    /// Whether a refund comes to nothing by itself: the first of its intent, where the card is of that kind.
    pub fn fails_later(&self, refund: &Refund) -> bool {
        let card = self.intent(&refund.payment_intent).and_then(Intent::card);
        let mut before = self.refunds.iter().take_while(|earlier| earlier.id != refund.id);
        card.is_some_and(|card| card.first_refund_fails())
            && !before.any(|earlier| earlier.payment_intent == refund.payment_intent)
    }

    pub fn intent(&self, id: &str) -> Option<&Intent> {
        self.intent_places.get(id).map(|place| &self.intents[*place])
    }

    pub fn refund(&self, id: &str) -> Option<&Refund> {
        self.refund_places.get(id).map(|place| &self.refunds[*place])
    }

    pub fn decide(&self, command: &Command, ids: &FreshIds) -> Result<Plan, DecideError> {
        let (entry, card) = self.entry_and_card(command, ids)?;
        let fault = card
            .and_then(|card| card.fault_at(command.act()))
            .filter(|fault| self.may_strike(*fault, command.subject()));
        Ok(Plan { entry, fault })
    }

    pub fn decide_resolution(
        &self,
        payment_intent: &str,
        resolution: Resolution,
        ids: &FreshIds,
    ) -> Result<Entry, DecideError> {
        Ok(self.existing(payment_intent)?.resolve(resolution, ids.charge.clone())?)
    }

    pub fn decide_lapse(&self, payment_intent: &str) -> Result<Entry, DecideError> {
        Ok(self.existing(payment_intent)?.lapse()?)
    }

    /// One dispute for each intent.
    pub fn decide_dispute(&self, payment_intent: &str, ids: &FreshIds) -> Result<Entry, DecideError> {
        let (charge, amount) = self.existing(payment_intent)?.disputable()?;
        if self.dispute_of(payment_intent).is_some() {
            return Err(Refusal::ChargeDisputed { charge }.into());
        }
        let (dispute, payment_intent) = (ids.dispute.clone(), payment_intent.to_owned());
        Ok(Entry::Disputed(Disputed { dispute, payment_intent, charge, amount }))
    }

    pub fn decide_dispute_close(&self, dispute: &str, outcome: Outcome) -> Result<Entry, DecideError> {
        let found = self.dispute(dispute).ok_or_else(|| DecideError::NoSuchDispute(dispute.to_owned()))?;
        Ok(found.close(outcome)?)
    }

    pub fn decide_refund_failure(&self, refund: &str) -> Result<Entry, DecideError> {
        let found = self.refund(refund).ok_or_else(|| DecideError::NoSuchRefund(refund.to_owned()))?;
        Ok(found.fail()?)
    }

    /// The intent that an entry is about.
    pub fn intent_of(&self, entry: &Entry) -> Option<&Intent> {
        let id = match entry {
            Entry::Created(created) => &created.payment_intent,
            Entry::ActionRequired(attempt) | Entry::Processing(attempt) => &attempt.payment_intent,
            Entry::Declined(declined) => &declined.payment_intent,
            Entry::Authorized(approved) | Entry::Charged(approved) | Entry::Captured(approved) => {
                &approved.payment_intent
            }
            Entry::Canceled { payment_intent, .. } => payment_intent,
            Entry::Refunded(refunded) => &refunded.payment_intent,
            Entry::RefundFailed { refund, .. } => &self.refund(refund)?.payment_intent,
            Entry::Disputed(disputed) => &disputed.payment_intent,
            Entry::DisputeClosed { dispute, .. } => &self.dispute(dispute)?.payment_intent,
            Entry::Announced(_)
            | Entry::WebhookSent { .. }
            | Entry::WebhookAnswered { .. }
            | Entry::Refused { .. }
            | Entry::Faulted { .. }
            | Entry::KeysPruned { .. } => return None,
        };
        self.intent(id)
    }

    /// What the webhooks tell of these entries, which are decided upon this very book.
    pub fn announcements(
        &self,
        entries: &[Entry],
        now: DateTime<Utc>,
        fresh_id: impl Fn() -> String,
    ) -> Result<Vec<Announced>, Inconsistent> {
        let mut announced = Vec::new();
        for entry in entries {
            let object = self.after(entry, now)?;
            let after = if let Object::Intent(intent) = &object { intent.card() } else { None };
            let card = after.or_else(|| self.intent_of(entry)?.card());
            let object = view::object(&object);
            announced.extend(webhook::kinds(entry).iter().map(|kind| Announced {
                event: fresh_id(),
                kind: *kind,
                delivery: webhook::delivery(card),
                object: object.clone(),
            }));
        }
        Ok(announced)
    }

    /// The order that a command is about, as its intent's metadata names it.
    pub fn order_of(&self, command: &Command) -> Option<String> {
        match command {
            Command::Create(terms) => terms.metadata.get("order_id").cloned(),
            Command::Confirm { .. }
            | Command::Capture { .. }
            | Command::Cancel { .. }
            | Command::Refund(_) => self.intent(command.subject())?.order_id().map(str::to_owned),
            Command::CloseDispute { dispute } => {
                self.intent(&self.dispute(dispute)?.payment_intent)?.order_id().map(str::to_owned)
            }
        }
    }

    /// What the command does, and the card whose faults it may meet.
    fn entry_and_card(
        &self,
        command: &Command,
        ids: &FreshIds,
    ) -> Result<(Entry, Option<Token>), DecideError> {
        match command {
            Command::Create(terms) => {
                let payment_intent = ids.payment_intent.clone();
                Ok((Entry::Created(Created { payment_intent, terms: terms.clone() }), terms.payment_method))
            }
            Command::Confirm { payment_intent, payment_method, return_url } => {
                let intent = self.existing(payment_intent)?;
                let card = intent.card_to_confirm(*payment_method)?;
                let page = Some(format!("{}/{payment_intent}/authenticate", ids.authentication_pages));
                let step = Step { page, return_url: return_url.clone() };
                Ok((intent.confirm(Some(card), ids.charge.clone(), step)?, Some(card)))
            }
            Command::Capture { payment_intent, amount } => {
                let intent = self.existing(payment_intent)?;
                Ok((intent.capture(*amount)?, intent.card()))
            }
            Command::Cancel { payment_intent, reason } => {
                let intent = self.existing(payment_intent)?;
                Ok((intent.cancel(*reason)?, intent.card()))
            }
            Command::Refund(refund) => self.refund_and_card(refund, ids),
            Command::CloseDispute { dispute } => {
                Ok((self.decide_dispute_close(dispute, Outcome::Lost)?, None))
            }
        }
    }

    fn refund_and_card(
        &self,
        NewRefund { payment_intent, amount, reason, metadata }: &NewRefund,
        ids: &FreshIds,
    ) -> Result<(Entry, Option<Token>), DecideError> {
        let intent = self.existing(payment_intent)?;
        let disputed = self.dispute_of(payment_intent).filter(|dispute| dispute.holds_money());
        if let Some(dispute) = disputed {
            return Err(Refusal::ChargeDisputed { charge: dispute.charge.clone() }.into());
        }
        let (charge, amount) = intent.refundable(*amount)?;
        let entry = Entry::Refunded(Refunded {
            refund: ids.refund.clone(),
            payment_intent: intent.id.clone(),
            charge,
            amount,
            reason: *reason,
            metadata: metadata.clone(),
        });
        Ok((entry, intent.card()))
    }

    fn existing(&self, id: &str) -> Result<&Intent, DecideError> {
        self.intent(id).ok_or_else(|| DecideError::NoSuchIntent(id.to_owned()))
    }

    fn may_strike(&self, fault: Fault, subject: &str) -> bool {
        match fault.times {
            Times::Always => true,
            Times::Once => !self.faults_struck.contains(&(fault.act, subject.to_owned())),
        }
    }
}

impl Plan {
    /// Whether the act itself takes place now.
    pub fn takes_effect(&self) -> bool {
        match self.fault.map(|fault| fault.effect) {
            None | Some(Effect::Done) => true,
            Some(Effect::Nothing | Effect::Late) => false,
        }
    }
}
