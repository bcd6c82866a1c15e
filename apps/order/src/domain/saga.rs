//! The saga's arbiter: what `product` and `payment` say are facts; the end follows from them and is decided once.

use chrono::{DateTime, Utc};
use contracts::event::{OrderCancelled, OrderConfirmed, OrderExpired, OrderRejected};
use contracts::{Event, Money, OrderId, Refusal, UserId};
use serde::Serialize;

use super::Input;

/// One order as its saga sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saga {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub total: Money,
    pub deadline: DateTime<Utc>,
    pub facts: Facts,
    pub end: Option<End>,
}

/// What has been heard; each is kept from when it is first heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub stock_reserved: Option<DateTime<Utc>>,
    pub stock_refusal: Option<Refusal>,
    pub payment_action_required: Option<DateTime<Utc>>,
    pub payment_authorised: Option<DateTime<Utc>>,
    pub payment_captured: Option<DateTime<Utc>>,
    pub payment_refunded: Option<DateTime<Utc>>,
    pub payment_refusal: Option<Refusal>,
    pub payment_voided: Option<DateTime<Utc>>,
}

/// The outcome of the saga. All but `Confirmed` are final; a confirmed order may still be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum End {
    Confirmed {
        at: DateTime<Utc>,
    },
    Rejected {
        at: DateTime<Utc>,
        refusal: Refusal,
    },
    Expired {
        at: DateTime<Utc>,
    },
    /// `refunds_requested` is the sum of what had been asked back before, part by part.
    Cancelled {
        at: DateTime<Utc>,
        refunds_requested: Money,
    },
}

impl Saga {
    /// Adds what was heard and says what follows: the decision, if this was what it waited for.
    pub fn react(mut self, input: &Input, now: DateTime<Utc>) -> (Saga, Vec<Event>) {
        self.note(input, now);
        if self.end.is_none() {
            self.end = self.decide(now);
            let said = self.say_end();
            return (self, said);
        }
        let asked_again = matches!(input, Input::Overdue);
        let said = if asked_again { self.say_end() } else { Vec::new() };
        (self, said)
    }

    /// Ends the order on somebody's wish; whoever calls has seen that it may be.
    pub(super) fn cancel(&mut self, refunds_requested: Money, at: DateTime<Utc>) -> Vec<Event> {
        self.end = Some(End::Cancelled { at, refunds_requested });
        self.say_end()
    }

    fn note(&mut self, input: &Input, now: DateTime<Utc>) {
        let facts = &mut self.facts;
        match input {
            Input::StockReserved => _ = facts.stock_reserved.get_or_insert(now),
            Input::StockRejected(refusal) => _ = facts.stock_refusal.get_or_insert_with(|| refusal.clone()),
            Input::PaymentActionRequired => _ = facts.payment_action_required.get_or_insert(now),
            Input::PaymentAuthorised { .. } => _ = facts.payment_authorised.get_or_insert(now),
            Input::PaymentCaptured { .. } => _ = facts.payment_captured.get_or_insert(now),
            Input::PaymentDeclined(refusal) => {
                _ = facts.payment_refusal.get_or_insert_with(|| refusal.clone())
            }
            Input::PaymentVoided => _ = facts.payment_voided.get_or_insert(now),
            Input::PaymentRefunded { .. } => _ = facts.payment_refunded.get_or_insert(now),
            Input::PaymentDue { .. }
            | Input::PaymentRefundFailed { .. }
            | Input::PaymentDisputed { .. }
            | Input::Overdue
            | Input::Sweep => {}
        }
    }

    /// The end that the facts call for. A refusal wins over the deadline, and whole facts win over both.
    fn decide(&self, at: DateTime<Utc>) -> Option<End> {
        let facts = &self.facts;
        let money_safe = facts.payment_authorised.or(facts.payment_captured).is_some();
        let refusal = facts.stock_refusal.as_ref().or(facts.payment_refusal.as_ref());
        if let Some(refusal) = refusal {
            Some(End::Rejected { at, refusal: refusal.clone() })
        } else if facts.stock_reserved.is_some() && money_safe {
            Some(End::Confirmed { at })
        } else if at >= self.deadline {
            Some(End::Expired { at })
        } else {
            None
        }
    }

    /// The end as an event: when it is decided, and again whenever someone has not heard it.
    fn say_end(&self) -> Vec<Event> {
        let (order_id, number, customer_id) = (self.order_id, self.number.clone(), self.customer_id);
        match &self.end {
            None => Vec::new(),
            Some(End::Confirmed { .. }) => {
                vec![OrderConfirmed { order_id, number, customer_id, total: self.total }.into()]
            }
            Some(End::Rejected { refusal, .. }) => {
                vec![OrderRejected { order_id, number, customer_id, refusal: refusal.clone() }.into()]
            }
            Some(End::Expired { .. }) => vec![OrderExpired { order_id, number, customer_id }.into()],
            Some(End::Cancelled { refunds_requested, .. }) => {
                let refunds_requested = *refunds_requested;
                vec![OrderCancelled { order_id, number, customer_id, refunds_requested }.into()]
            }
        }
    }
}

impl End {
    /// As it stands in the database and in answers.
    pub const fn name(&self) -> &'static str {
        match self {
            End::Confirmed { .. } => "confirmed",
            End::Rejected { .. } => "rejected",
            End::Expired { .. } => "expired",
            End::Cancelled { .. } => "cancelled",
        }
    }

    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            End::Confirmed { at }
            | End::Rejected { at, .. }
            | End::Expired { at }
            | End::Cancelled { at, .. } => *at,
        }
    }
}

#[cfg(test)]
#[path = "saga_tests.rs"]
mod tests;
