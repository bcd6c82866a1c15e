//! One order's payment: the facts that are known, and what follows from them.
//!
//! State is a function of the facts, whatever comes first, twice or late. A final end is a tombstone: nothing but
//! undoing starts after it. Only the provider's word says what became of a charge.

mod answer;
mod work;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{PaymentCaptured, PaymentDeclined};
use contracts::{CaptureMode, Event, Money, OrderId, PaymentId, PaymentMethodId, Refusal, UserId};

use super::effect::{Act, Cause, Effect, ReceiptState};
use super::{Answer, Attempt, Charge, IntentId, Record, Step, Tried};

/// An end is missed this long after the deadline.
pub const GRACE: TimeDelta = TimeDelta::seconds(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub order_id: OrderId,
    /// Known once the order was heard to be placed.
    pub due: Option<Due>,
    pub stock_reserved: bool,
    pub end: Option<End>,
    pub charge: Charge,
    /// Set while an end is awaited.
    pub overdue: Option<Overdue>,
    /// Calls to the provider so far.
    pub calls: u32,
}

/// What the order owes, as it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub customer_id: UserId,
    pub method: Method,
    pub total: Money,
    pub charge_by: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub capture: CaptureMode,
}

/// The payment method that the order names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Own(PaymentMethodId),
    /// Unknown, or another customer's.
    Foreign(PaymentMethodId),
}

/// What `order` decided; of two words the later of this list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Confirmed,
    Rejected,
    Cancelled,
    Expired,
}

/// The missing end is reported at `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    pub at: DateTime<Utc>,
    pub reports: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Placed(Due),
    StockReserved,
    Ended(End),
    /// A worker has time for this payment; an answer is awaited for `patience`.
    Timer {
        patience: TimeDelta,
    },
    /// What came of the call with this ticket.
    Answered {
        ticket: u32,
        answer: Answer,
    },
}

/// What a decision says and asks for.
#[derive(Debug, Default)]
struct Out {
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl End {
    /// A final end is never left; a confirmed order goes on.
    pub const fn last(self) -> bool {
        match self {
            End::Confirmed => false,
            End::Rejected | End::Cancelled | End::Expired => true,
        }
    }
}

impl Payment {
    /// Before anything is known of the order.
    pub fn unheard(id: PaymentId, order_id: OrderId) -> Payment {
        Payment {
            id,
            order_id,
            due: None,
            stock_reserved: false,
            end: None,
            charge: Charge::Waiting,
            overdue: None,
            calls: 0,
        }
    }

    /// Adds what has become known and says what follows.
    pub fn react(mut self, input: Input, now: DateTime<Utc>) -> (Payment, Vec<Event>, Vec<Effect>) {
        let mut out = Out::default();
        match input {
            Input::Placed(due) => self.note_due(due),
            Input::StockReserved => self.stock_reserved = true,
            Input::Ended(end) => self.note_end(end),
            Input::Timer { patience } => self.work(patience, now, &mut out),
            Input::Answered { ticket, answer } => self.hear(ticket, answer, now, &mut out),
        }
        self.decide(now, &mut out);
        (self, out.events, out.effects)
    }

    /// When a worker should look at it next.
    pub fn work_at(&self) -> Option<DateTime<Utc>> {
        let act = self.charge.attempt().map(|attempt| attempt.at);
        let overdue = self.overdue.map(|overdue| overdue.at);
        act.into_iter().chain(overdue).min()
    }

    /// Whether a final end waits for the provider's word or for money to go back.
    pub fn end_requested(&self) -> bool {
        self.ended() && self.charge.open()
    }

    fn ended(&self) -> bool {
        self.end.is_some_and(End::last)
    }

    fn may_charge(&self, now: DateTime<Utc>) -> bool {
        !self.ended() && self.due.as_ref().is_some_and(|due| now < due.charge_by)
    }

    fn note_due(&mut self, due: Due) {
        if self.due.is_none() {
            if self.end.is_none() {
                self.overdue = Some(Overdue { at: due.deadline + GRACE, reports: 0 });
            }
            self.due = Some(due);
        }
    }

    fn note_end(&mut self, end: End) {
        self.end = self.end.max(Some(end));
        self.overdue = None;
    }

    /// What follows from the facts as they are now.
    fn decide(&mut self, now: DateTime<Utc>, out: &mut Out) {
        let may_charge = self.may_charge(now);
        match self.charge.clone() {
            Charge::Waiting => self.begin(now, out),
            // An intent that was made without our knowing it is never confirmed.
            Charge::Creating { attempt } if attempt.idle() && !may_charge => {
                self.close(None, Some(Refusal::TooLate), out);
            }
            Charge::Confirming { intent, attempt } if attempt.idle() && !may_charge => {
                let refusal = if self.ended() { None } else { Some(Refusal::TooLate) };
                self.plan_cancel(intent, refusal, attempt.doubted(), now, out);
            }
            Charge::Free if self.ended() => self.charge = Charge::Closed { intent: None },
            Charge::Authorised { intent, .. } if self.ended() => {
                self.plan_cancel(intent, None, None, now, out)
            }
            Charge::Captured { intent, amount } if self.ended() => {
                self.charge = Charge::Refunding { intent, amount, attempt: Attempt::first(now) };
                self.note_receipt(ReceiptState::Planned, None, out);
            }
            Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunding { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => {}
        }
    }

    fn begin(&mut self, now: DateTime<Utc>, out: &mut Out) {
        if self.ended() {
            return self.close(None, None, out);
        }
        let Some(due) = self.due.clone() else { return };
        if let Method::Foreign(_) = due.method {
            self.close(None, Some(Refusal::PaymentMethodUnknown), out);
        } else if now >= due.charge_by {
            self.close(None, Some(Refusal::TooLate), out);
        } else if self.stock_reserved && due.total.zero_amount() {
            self.charge = Charge::Free;
            out.effects.push(Effect::Record(Record::Captured { amount: due.total }));
            out.events.push(self.captured_event(due.total));
        } else if self.stock_reserved {
            self.charge = Charge::Creating { attempt: Attempt::first(now) };
        }
    }

    /// No charge can follow from here on; that is said unless the order has ended by itself.
    fn close(&mut self, intent: Option<IntentId>, refusal: Option<Refusal>, out: &mut Out) {
        let voided = intent.is_some();
        self.charge = Charge::Closed { intent };
        match refusal {
            Some(refusal) if !self.ended() => {
                out.effects.push(Effect::Record(Record::Declined { refusal: refusal.clone() }));
                let said = PaymentDeclined { order_id: self.order_id, payment_id: self.id, refusal };
                out.events.push(said.into());
            }
            Some(_) | None if voided => out.effects.push(Effect::Record(Record::Voided)),
            Some(_) | None => {}
        }
    }

    fn plan_confirm(&mut self, intent: IntentId, now: DateTime<Utc>, out: &mut Out) {
        self.charge = Charge::Confirming { intent, attempt: Attempt::first(now) };
        if self.may_charge(now) {
            self.note_receipt(ReceiptState::Planned, None, out);
        }
    }

    fn plan_cancel(
        &mut self,
        intent: IntentId,
        refusal: Option<Refusal>,
        doubted: Option<Tried>,
        now: DateTime<Utc>,
        out: &mut Out,
    ) {
        self.charge = Charge::Cancelling { intent, refusal, doubted, attempt: Attempt::first(now) };
        self.note_receipt(ReceiptState::Planned, None, out);
    }

    /// The act in hand once more, at `at`.
    fn plan_again(&mut self, attempt: Attempt, at: DateTime<Utc>, out: &mut Out) {
        self.charge = self.charge.clone().with(attempt.again(at));
        self.note_receipt(ReceiptState::Planned, None, out);
    }

    fn step(&mut self, attempt: Attempt, step: Step, at: DateTime<Utc>) {
        self.charge = self.charge.clone().with(Attempt { step, at, ..attempt });
    }

    /// The act in hand; none where nothing is in hand.
    fn act(&self) -> Option<Act> {
        match &self.charge {
            Charge::Creating { .. } => {
                let due = self.due.as_ref()?;
                let (Method::Own(method) | Method::Foreign(method)) = due.method;
                Some(Act::Create { amount: due.total, capture: due.capture, method })
            }
            Charge::Confirming { intent, .. } => Some(Act::Confirm { intent: intent.clone() }),
            Charge::Cancelling { intent, .. } => Some(Act::Cancel { intent: intent.clone() }),
            Charge::Refunding { intent, amount, .. } => {
                Some(Act::Refund { intent: intent.clone(), amount: *amount, cause: Cause::FinalEnd })
            }
            Charge::Waiting
            | Charge::Authorised { .. }
            | Charge::Free
            | Charge::Captured { .. }
            | Charge::Refunded { .. }
            | Charge::RefundFailed { .. }
            | Charge::Closed { .. } => None,
        }
    }

    /// A line about the act in hand.
    fn note_receipt(&self, state: ReceiptState, reference: Option<String>, out: &mut Out) {
        let receipt = self
            .act()
            .zip(self.charge.attempt())
            .and_then(|(act, attempt)| act.receipt(self.id, attempt.into(), state, reference));
        out.effects.extend(receipt.map(Effect::Receipt));
    }

    /// A line about the charge whose outcome was not known, now that it is.
    fn note_doubted(&self, tried: Tried, state: ReceiptState, intent: &IntentId, out: &mut Out) {
        let act = Act::Confirm { intent: intent.clone() };
        let receipt = act.receipt(self.id, tried, state, Some(intent.0.clone()));
        out.effects.extend(receipt.map(Effect::Receipt));
    }

    fn captured_event(&self, amount: Money) -> Event {
        PaymentCaptured { order_id: self.order_id, payment_id: self.id, amount }.into()
    }
}
