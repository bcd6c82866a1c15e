//! Everything that the processor knows, and what a command would do to it.

use std::collections::{HashMap, HashSet};

use super::answer::Answers;
use super::card::{Effect, Fault, Times, Token};
use super::command::{Command, NewRefund};
use super::entry::{Created, Entry, Refunded};
use super::intent::{Intent, Refusal, Resolution};
use super::refund::Refund;
use super::{Act, FreshIds};

#[derive(Debug, Default)]
pub struct Book {
    pub(super) last_sequence: u64,
    pub(super) intents: Vec<Intent>,
    pub(super) intent_places: HashMap<String, usize>,
    pub(super) refunds: Vec<Refund>,
    pub(super) refund_places: HashMap<String, usize>,
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

    /// The order that a command is about, as its intent's metadata names it.
    pub fn order_of(&self, command: &Command) -> Option<String> {
        match command {
            Command::Create(terms) => terms.metadata.get("order_id").cloned(),
            Command::Confirm { .. }
            | Command::Capture { .. }
            | Command::Cancel { .. }
            | Command::Refund(_) => self.intent(command.subject())?.order_id().map(str::to_owned),
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
            Command::Confirm { payment_intent, payment_method } => {
                let intent = self.existing(payment_intent)?;
                let card = intent.card_to_confirm(*payment_method)?;
                Ok((intent.confirm(Some(card), ids.charge.clone())?, Some(card)))
            }
            Command::Capture { payment_intent, amount } => {
                let intent = self.existing(payment_intent)?;
                Ok((intent.capture(*amount)?, intent.card()))
            }
            Command::Cancel { payment_intent, reason } => {
                let intent = self.existing(payment_intent)?;
                Ok((intent.cancel(*reason)?, intent.card()))
            }
            Command::Refund(NewRefund { payment_intent, amount, reason, metadata }) => {
                let intent = self.existing(payment_intent)?;
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
        }
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
