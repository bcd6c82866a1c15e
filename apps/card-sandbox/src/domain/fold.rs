//! How records become state: at start for each line of the log, and then for each new one.

use chrono::{DateTime, Utc};

use super::book::Book;
use super::dispute::Dispute;
use super::entry::{Approved, Created, Declined, Disputed, Entry, Record, Refunded};
use super::intent::{Failure, Intent, State};
use super::money::Currency;
use super::refund::Refund;
use super::webhook::{self, Announced, Outstanding};

/// What an entry is about, as it is afterwards.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    Intent(Intent),
    Refund(Refund),
    Dispute(Dispute),
    /// The entry touches none of them.
    None,
}

/// A record that cannot have happened after those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    #[error("record {found} follows record {last}")]
    Sequence { last: u64, found: u64 },
    #[error("intent {0} was never created")]
    UnknownIntent(String),
    #[error("refund {0} is of an intent that was never captured")]
    RefundWithoutCapture(String),
    #[error("refund {0} was never made")]
    UnknownRefund(String),
    #[error("dispute {0} was never opened")]
    UnknownDispute(String),
}

impl Book {
    pub fn apply(&mut self, record: &Record) -> Result<(), Inconsistent> {
        if record.sequence != self.last_sequence + 1 {
            return Err(Inconsistent::Sequence { last: self.last_sequence, found: record.sequence });
        }
        for entry in &record.entries {
            match self.after(entry, record.recorded_at)? {
                Object::Intent(intent) => self.put_intent(intent),
                Object::Refund(refund) => self.put_refund(refund)?,
                Object::Dispute(dispute) => self.put_dispute(dispute),
                Object::None => self.note(entry, record),
            }
        }
        if let Some(answer) = &record.answer {
            self.answers.keep(answer.clone(), record.recorded_at);
        }
        self.last_sequence = record.sequence;
        Ok(())
    }

    /// What an entry would leave behind, were it applied now.
    pub fn after(&self, entry: &Entry, now: DateTime<Utc>) -> Result<Object, Inconsistent> {
        match entry {
            Entry::Created(created) => Ok(Object::Intent(new_intent(created.clone(), now))),
            Entry::ActionRequired(attempt) => {
                let (method, page) = (attempt.payment_method, attempt.page.clone());
                let return_url = attempt.return_url.clone();
                self.becomes(&attempt.payment_intent, State::RequiresAction { method, page, return_url })
            }
            Entry::Processing(attempt) => {
                let method = attempt.payment_method;
                self.becomes(&attempt.payment_intent, State::Processing { method })
            }
            Entry::Declined(declined) => {
                let failure = Some(failure(declined.clone()));
                self.becomes(&declined.payment_intent, State::RequiresPaymentMethod { failure })
            }
            Entry::Authorized(approved) => self.becomes(&approved.payment_intent, held(approved.clone())),
            Entry::Charged(approved) | Entry::Captured(approved) => {
                self.becomes(&approved.payment_intent, taken(approved.clone()))
            }
            Entry::Canceled { payment_intent, reason } => {
                let state = self.known(payment_intent)?.canceled(now, *reason);
                self.becomes(payment_intent, state)
            }
            Entry::Refunded(refunded) => {
                let currency = self.known(&refunded.payment_intent)?.currency;
                Ok(Object::Refund(refund(refunded.clone(), currency, now)))
            }
            Entry::RefundFailed { refund, reason } => {
                let known = self.refund(refund).ok_or_else(|| Inconsistent::UnknownRefund(refund.clone()))?;
                Ok(Object::Refund(Refund { failure: Some(*reason), ..known.clone() }))
            }
            Entry::Disputed(disputed) => {
                let currency = self.known(&disputed.payment_intent)?.currency;
                Ok(Object::Dispute(dispute(disputed.clone(), currency, now)))
            }
            Entry::DisputeClosed { dispute, outcome } => {
                let known =
                    self.dispute(dispute).ok_or_else(|| Inconsistent::UnknownDispute(dispute.clone()))?;
                Ok(Object::Dispute(Dispute { outcome: Some(*outcome), ..known.clone() }))
            }
            Entry::Announced(_)
            | Entry::WebhookSent { .. }
            | Entry::WebhookAnswered { .. }
            | Entry::Refused { .. }
            | Entry::Faulted { .. }
            | Entry::KeysPruned { .. } => Ok(Object::None),
        }
    }

    fn becomes(&self, id: &str, state: State) -> Result<Object, Inconsistent> {
        let intent = self.known(id)?.clone();
        Ok(Object::Intent(Intent { state, ..intent }))
    }

    fn known(&self, id: &str) -> Result<&Intent, Inconsistent> {
        self.intent(id).ok_or_else(|| Inconsistent::UnknownIntent(id.to_owned()))
    }

    fn put_intent(&mut self, intent: Intent) {
        match self.intent_places.get(&intent.id) {
            Some(place) => self.intents[*place] = intent,
            None => {
                self.intent_places.insert(intent.id.clone(), self.intents.len());
                self.intents.push(intent);
            }
        }
    }

    fn put_refund(&mut self, refund: Refund) -> Result<(), Inconsistent> {
        let place = self.intent_places.get(&refund.payment_intent).copied();
        let state = place.map(|place| &mut self.intents[place].state);
        let Some(State::Succeeded { refunded, .. }) = state else {
            return Err(Inconsistent::RefundWithoutCapture(refund.id));
        };
        match self.refund_places.get(&refund.id) {
            Some(place) => {
                *refunded += refund.given_back();
                *refunded = refunded.saturating_sub(self.refunds[*place].given_back());
                self.refunds[*place] = refund;
            }
            None => {
                *refunded += refund.given_back();
                self.refund_places.insert(refund.id.clone(), self.refunds.len());
                self.refunds.push(refund);
            }
        }
        Ok(())
    }

    fn put_dispute(&mut self, dispute: Dispute) {
        match self.disputes.iter_mut().find(|known| known.id == dispute.id) {
            Some(known) => *known = dispute,
            None => self.disputes.push(dispute),
        }
    }

    fn note(&mut self, entry: &Entry, record: &Record) {
        match entry {
            Entry::Faulted { subject, fault } => {
                self.faults_struck.insert((fault.act, subject.clone()));
            }
            Entry::KeysPruned { before } => self.answers.prune(*before),
            Entry::Announced(announced) => self.note_announced(announced, record),
            Entry::WebhookSent { event, attempt } => {
                if let Some(webhook) = self.outstanding.get_mut(event) {
                    webhook.attempts = *attempt;
                }
            }
            Entry::WebhookAnswered { event, status, .. } if webhook::takes(*status) => self.note_taken(event),
            Entry::WebhookAnswered { .. }
            | Entry::Created(_)
            | Entry::ActionRequired(_)
            | Entry::Processing(_)
            | Entry::Declined(_)
            | Entry::Authorized(_)
            | Entry::Charged(_)
            | Entry::Captured(_)
            | Entry::Canceled { .. }
            | Entry::Refunded(_)
            | Entry::RefundFailed { .. }
            | Entry::Disputed(_)
            | Entry::DisputeClosed { .. }
            | Entry::Refused { .. } => {}
        }
    }

    fn note_announced(&mut self, announced: &Announced, record: &Record) {
        if announced.delivery.times() == 0 {
            return;
        }
        let outstanding = Outstanding {
            announced: announced.clone(),
            created: record.recorded_at.timestamp(),
            order_id: record.order_id.clone(),
            attempts: 0,
            taken: 0,
        };
        self.outstanding.insert(announced.event.clone(), outstanding);
    }

    fn note_taken(&mut self, event: &str) {
        if let Some(webhook) = self.outstanding.get_mut(event) {
            webhook.taken += 1;
            if webhook.taken >= webhook.announced.delivery.times() {
                self.outstanding.remove(event);
            }
        }
    }
}

fn new_intent(created: Created, created_at: DateTime<Utc>) -> Intent {
    let Created { payment_intent, terms } = created;
    let state = match terms.payment_method {
        Some(method) => State::RequiresConfirmation { method },
        None => State::RequiresPaymentMethod { failure: None },
    };
    Intent {
        id: payment_intent,
        amount: terms.amount,
        currency: terms.currency,
        capture_method: terms.capture_method,
        metadata: terms.metadata,
        created_at,
        state,
    }
}

fn failure(declined: Declined) -> Failure {
    Failure { method: declined.payment_method, charge: declined.charge, reason: declined.reason }
}

fn held(approved: Approved) -> State {
    State::RequiresCapture { method: approved.payment_method, charge: approved.charge }
}

fn taken(approved: Approved) -> State {
    State::Succeeded {
        method: approved.payment_method,
        charge: approved.charge,
        captured: approved.amount,
        refunded: 0,
    }
}

fn refund(refunded: Refunded, currency: Currency, created_at: DateTime<Utc>) -> Refund {
    Refund {
        id: refunded.refund,
        payment_intent: refunded.payment_intent,
        charge: refunded.charge,
        amount: refunded.amount,
        currency,
        reason: refunded.reason,
        metadata: refunded.metadata,
        created_at,
        failure: None,
    }
}

fn dispute(disputed: Disputed, currency: Currency, created_at: DateTime<Utc>) -> Dispute {
    Dispute {
        id: disputed.dispute,
        payment_intent: disputed.payment_intent,
        charge: disputed.charge,
        amount: disputed.amount,
        currency,
        created_at,
        outcome: None,
    }
}
