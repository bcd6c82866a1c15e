//! One order's payment: the facts that are known, and what follows from them.
//!
//! State is a function of the facts, whatever comes first, twice or late. A final end is a tombstone: nothing but
//! undoing starts after it. Only the provider's word says what became of a charge.

mod answer;
mod capture;
mod decide;
mod disputes;
mod input;
mod intent;
mod refunds;
mod resolve;
mod task;
mod work;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::DisputeStatus;
use contracts::{CaptureMode, Event, Money, OrderId, PaymentId, PaymentMethodId, RefundCause, UserId};

use super::effect::Effect;
use super::{Answer, Charge, Dispute, Intent, NotResolvable, Refund, RefundSeen, RefundStage, Resolution};
use intent::Heard;

/// An end is missed this long after the deadline.
pub const GRACE: TimeDelta = TimeDelta::seconds(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub order_id: OrderId,
    /// Known once the order was heard to be placed.
    pub due: Option<Due>,
    pub stock_reserved: bool,
    /// The capture that was asked for.
    pub wish: Option<Wish>,
    pub end: Option<End>,
    pub charge: Charge,
    pub refunds: BTreeMap<RefundCause, Refund>,
    /// By the provider's names for them.
    pub disputes: BTreeMap<String, Dispute>,
    /// Set while an end is awaited.
    pub overdue: Option<Overdue>,
    /// Calls to the provider so far.
    pub calls: u32,
}

/// What the order owes, as it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What people call the order.
    pub number: String,
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

/// A parcel waits for the money; of two wishes the one of the later round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub amount: Money,
    /// From 1.
    pub round: u32,
}

/// What `order` decided; of two words the later of this list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Confirmed,
    Rejected,
    Cancelled {
        /// What goes back for other causes; the rest of what was captured goes back for this one.
        refunds_requested: Money,
    },
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
    CaptureRequested {
        amount: Money,
        round: u32,
    },
    RefundRequested {
        cause: RefundCause,
        amount: Money,
    },
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
    /// The provider told of an intent of its own accord, or when its list was compared.
    Seen(Intent),
    /// Likewise of a refund.
    RefundSeen {
        cause: RefundCause,
        seen: RefundSeen,
    },
    /// Likewise of a dispute.
    DisputeSeen {
        dispute_id: String,
        amount: Money,
        status: DisputeStatus,
    },
    /// What staff said or decided; nothing where the state leaves nothing of the kind open.
    Resolved(Resolution),
}

/// What a decision says and asks for.
#[derive(Debug, Default)]
struct Out {
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl End {
    /// A final end is never left; a confirmed order goes on until it is cancelled.
    pub const fn last(self) -> bool {
        match self {
            End::Confirmed => false,
            End::Rejected | End::Cancelled { .. } | End::Expired => true,
        }
    }

    /// Its place in the list, and within it the greater of two amounts.
    fn rank(self) -> (u32, i64) {
        match self {
            End::Confirmed => (0, 0),
            End::Rejected => (1, 0),
            End::Cancelled { refunds_requested } => (2, refunds_requested.amount()),
            End::Expired => (3, 0),
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
            wish: None,
            end: None,
            charge: Charge::Waiting,
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
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
            Input::CaptureRequested { amount, round } => self.note_wish(Wish { amount, round }),
            Input::RefundRequested { cause, amount } => self.note_refund(cause, amount),
            Input::Ended(end) => self.note_end(end),
            Input::Timer { patience } => self.work(patience, now, &mut out),
            Input::Answered { ticket, answer } => self.hear(ticket, answer, now, &mut out),
            Input::Seen(intent) => self.apply_provider_state(Heard::Unasked, &intent, now, &mut out),
            Input::RefundSeen { cause, seen } => self.apply_refund(cause, seen, &mut out),
            Input::DisputeSeen { dispute_id, amount, status } => {
                self.apply_dispute(dispute_id, amount, status, &mut out);
            }
            Input::Resolved(resolution) => self.apply_resolution(resolution, now, &mut out),
        }
        self.decide(now, &mut out);
        (self, out.events, out.effects)
    }

    /// What staff ask for, applied by the same functions as the provider's word.
    ///
    /// # Errors
    /// When the state leaves nothing of the kind open.
    pub fn resolve(
        self,
        resolution: Resolution,
        now: DateTime<Utc>,
    ) -> Result<(Payment, Vec<Event>, Vec<Effect>), NotResolvable> {
        self.resolvable(&resolution)?;
        Ok(self.react(Input::Resolved(resolution), now))
    }

    /// When a worker should look at it next.
    pub fn work_at(&self) -> Option<DateTime<Utc>> {
        let acts = self.attempts().map(|(_, attempt)| attempt.at);
        acts.chain(self.overdue.map(|overdue| overdue.at)).min()
    }

    /// Whether a final end waits for the provider's word or for money to go back.
    pub fn end_requested(&self) -> bool {
        self.ended() && (self.charge.open() || self.refunds.values().any(Refund::open))
    }

    /// Whether it is not known what became of an act.
    pub fn unknown(&self) -> bool {
        self.attempts().any(|(_, attempt)| attempt.unknown())
    }

    /// Refunds that wait for staff.
    pub fn refunds_failed(&self) -> impl Iterator<Item = (RefundCause, &Refund)> {
        let refunds = self.refunds.iter().map(|(cause, refund)| (*cause, refund));
        refunds.filter(|(_, refund)| matches!(refund.stage, RefundStage::Failed { .. }))
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

    fn note_wish(&mut self, wish: Wish) {
        if self.wish.is_none_or(|known| known.round < wish.round) {
            self.wish = Some(wish);
        }
    }

    fn note_end(&mut self, end: End) {
        if self.end.is_none_or(|known| known.rank() < end.rank()) {
            self.end = Some(end);
        }
        self.overdue = None;
    }
}
