//! The books: whether orders, stock, money and events agree. Facts in, violations out; one room for each statement of
//! what always holds.
//!
//! Services change while they are asked, so facts of two of them are never of one moment. What only holds once an order
//! has come to rest is therefore judged by its age ([`Finding::since`]); what holds within one service's snapshot is
//! wrong at once. And whatever seems wrong is read a second time before it is called so.

mod charges;
mod course;
mod effects;
mod ends;
mod events;
pub mod facts;
mod keys;
mod money;
pub mod report;
mod stock;
mod sums;
pub mod turn;
mod undone;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::facts::{LevelFacts, PaymentFacts, ReservationFacts};
use contracts::{EventId, OrderId, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use facts::{Awake, Case, OrderFacts, Told};
pub use report::Report;

/// One sweep: its interval of a second, and the ten that a statement may take at the most.
pub const SWEEP: TimeDelta = TimeDelta::seconds(11);
/// How far back every published event is kept: a day less than the outbox keeps them.
const EVENTS_KEPT: TimeDelta = TimeDelta::days(13);

/// What always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    Stock,
    Ends,
    Keys,
    Money,
    Charges,
    Course,
    Events,
    Effects,
    Sums,
    Undone,
}

/// A statement that does not hold, for these rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    pub statement: Statement,
    /// What is wrong, in words that are the same each time.
    pub what: String,
    pub order_id: Option<OrderId>,
    pub product_id: Option<ProductId>,
    pub event_ids: Vec<EventId>,
    /// Which row of the order, e.g. `receipt 3` or `refund return:0190…`.
    pub row: Option<String>,
    pub expected: String,
    pub found: String,
}

/// A violation, or what will be one when it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub violation: Violation,
    /// What it is about was last changed then, and may still be on its way; none when it is wrong at once.
    pub since: Option<DateTime<Utc>>,
}

/// What is to be said of an order after it was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    pub violations: Vec<Violation>,
    /// Since when the oldest thing that has not come to rest is on its way.
    pub in_flight: Option<DateTime<Utc>>,
}

/// Checks every statement for an order.
pub fn check_order(case: &Case, awake: &[Awake], now: DateTime<Utc>) -> Vec<Finding> {
    [
        stock::check(case),
        ends::check(case, awake, now),
        keys::check(case),
        money::check(case),
        charges::check(case),
        course::check(case),
        events::check(case, now),
        effects::check(case),
        sums::check(case),
        undone::check(case),
    ]
    .concat()
}

/// Checks a product: its stock, and its own events. `head` is the last sequence given to it, where that was told.
pub fn check_product(level: &LevelFacts, head: Option<i64>) -> Vec<Finding> {
    let mut findings = stock::check_level(level);
    findings.extend(head.and_then(|head| events::check_product(level, head)));
    findings
}

/// A reservation of an order that does not exist: an order is kept before anybody hears of it.
pub fn orphaned_reservation(reservation: &ReservationFacts) -> Violation {
    Violation::of(Statement::Undone, "stock is held for an order that does not exist")
        .order(reservation.order_id)
        .expected("no reservation")
        .found(&reservation.state)
}

/// A payment of an order that does not exist.
pub fn orphaned_payment(payment: &PaymentFacts) -> Violation {
    Violation::of(Statement::Ends, "there is a payment of an order that does not exist")
        .order(payment.order_id)
        .expected("an order")
        .found(&payment.stage)
}

/// An order that was answered with 201 and cannot be found.
pub fn lost_order(order_id: OrderId) -> Violation {
    Violation::of(Statement::Ends, "an order was answered with 201 and does not exist")
        .order(order_id)
        .expected("an order")
        .found("none")
}

/// Sorts what was found about an order into what is wrong and what may still be on its way.
pub fn judge(order: &OrderFacts, findings: Vec<Finding>, now: DateTime<Utc>) -> Judgement {
    let patience = order.deadline - order.placed_at + SWEEP;
    let mut judgement = Judgement::default();
    if order.end.is_none() {
        judgement.in_flight = Some(order.placed_at);
    }
    for finding in findings {
        match finding.since {
            Some(since) if now - since <= patience => {
                judgement.in_flight = Some(judgement.in_flight.map_or(since, |oldest| oldest.min(since)));
            }
            Some(_) | None => judgement.violations.push(finding.violation),
        }
    }
    judgement
}

/// What both readings found, as the second one found it.
pub fn agreed(first: &[Violation], second: Vec<Violation>) -> Vec<Violation> {
    second.into_iter().filter(|violation| first.iter().any(|other| other.same_as(violation))).collect()
}

impl Statement {
    pub const ALL: [Statement; 10] = [
        Statement::Stock,
        Statement::Ends,
        Statement::Keys,
        Statement::Money,
        Statement::Charges,
        Statement::Course,
        Statement::Events,
        Statement::Effects,
        Statement::Sums,
        Statement::Undone,
    ];

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    pub const fn name(self) -> &'static str {
        match self {
            Statement::Stock => "stock",
            Statement::Ends => "ends",
            Statement::Keys => "keys",
            Statement::Money => "money",
            Statement::Charges => "charges",
            Statement::Course => "course",
            Statement::Events => "events",
            Statement::Effects => "effects",
            Statement::Sums => "sums",
            Statement::Undone => "undone",
        }
    }

    pub const fn says(self) -> &'static str {
        match self {
            Statement::Stock => {
                "Stock is the sum of its movements, held once for each order, and never short."
            }
            Statement::Ends => {
                "Every order that was taken exists, and has ended by its deadline and one sweep."
            }
            Statement::Keys => "One order for each caller and idempotency key, with the answer it was given.",
            Statement::Money => {
                "What was captured, is owed and went back is what the order costs, captured once."
            }
            Statement::Charges => {
                "The card processor's own log has one charge for each order, of our amounts."
            }
            Statement::Course => "No final state is left, and no order took a turn that does not exist.",
            Statement::Events => "Every change has its event, every event its change; no sequence has a gap.",
            Statement::Effects => "What was published is handled, dead-lettered or on its way.",
            Statement::Sums => {
                "Totals are sums of prices, the ledger balances, and receipts are whole chains."
            }
            Statement::Undone => "No reservation outlives a final end, and nobody is told anything twice.",
        }
    }
}

impl Violation {
    pub fn of(statement: Statement, what: &str) -> Violation {
        Violation {
            statement,
            what: what.to_owned(),
            order_id: None,
            product_id: None,
            event_ids: Vec::new(),
            row: None,
            expected: String::new(),
            found: String::new(),
        }
    }

    pub fn order(mut self, id: OrderId) -> Violation {
        self.order_id = Some(id);
        self
    }

    pub fn product(mut self, id: ProductId) -> Violation {
        self.product_id = Some(id);
        self
    }

    pub fn event(mut self, id: EventId) -> Violation {
        self.event_ids.push(id);
        self
    }

    pub fn row(mut self, row: impl ToString) -> Violation {
        self.row = Some(row.to_string());
        self
    }

    pub fn expected(mut self, expected: impl ToString) -> Violation {
        self.expected = expected.to_string();
        self
    }

    pub fn found(mut self, found: impl ToString) -> Violation {
        self.found = found.to_string();
        self
    }

    /// Whether it is the same wrong of the same rows; amounts may have moved on.
    pub fn same_as(&self, other: &Violation) -> bool {
        let key = |violation: &Violation| {
            (violation.statement, violation.order_id, violation.product_id, violation.row.clone())
        };
        key(self) == key(other) && self.what == other.what && self.event_ids == other.event_ids
    }

    /// Wrong at once.
    fn at_once(self) -> Finding {
        Finding { violation: self, since: None }
    }

    /// Wrong when it stays.
    fn since(self, at: DateTime<Utc>) -> Finding {
        Finding { violation: self, since: Some(at) }
    }
}

#[cfg(test)]
mod tests;
