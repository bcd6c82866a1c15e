//! What a check of the books says.

use chrono::{DateTime, Utc};
use contracts::{App, Currency, OrderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::money::Purse;
use super::{Case, Statement, Violation};

/// Violations that a report shows for each statement; all are counted.
const SHOWN: usize = 50;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every order that has changed since the last check, and what had not come to rest then.
    Changed,
    /// Everything, a page at a time.
    All,
}

/// Whether the books agree, and where not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    pub scope: Scope,
    /// Every service was reached, and every statement holds for everything that was ever looked at.
    pub green: bool,
    pub began_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// In the order of their numbers.
    pub statements: Vec<StatementReport>,
    /// The services that could not be asked; what they know was not checked.
    #[schema(value_type = Vec<String>)]
    pub unreachable: Vec<String>,
    pub checked: Checked,
    /// The oldest order that was left out because it has not come to rest, when there is one.
    pub oldest_left_out: Option<LeftOut>,
    /// Where the money of the orders checked is, by currency.
    pub sums: Vec<Sums>,
    /// Where a check of everything goes on; none at its end.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementReport {
    pub number: u8,
    pub statement: Statement,
    pub says: String,
    /// How many violations are known; the first of them follow.
    pub violated: u64,
    pub violations: Vec<Violation>,
}

/// What was looked at, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    pub orders: u64,
    /// Of these, those that have not come to rest and so were left out where they are not finished.
    pub left_out: u64,
    pub products: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    pub order_id: OrderId,
    pub since: DateTime<Utc>,
}

/// In minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sums {
    pub currency: Currency,
    pub captured: i64,
    /// Authorised and still to be captured, with what is due.
    pub to_capture: i64,
    /// Of that: refused or lapsed, for staff to decide.
    pub due: i64,
    pub refunded: i64,
    /// Refunds that wait or are on their way.
    pub refund_owed: i64,
    /// Refunds that the card processor refused, for staff to decide.
    pub refund_failed: i64,
}

/// What a check has seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub checked: Checked,
    pub oldest_left_out: Option<LeftOut>,
    pub sums: Vec<Sums>,
    /// By the order of services.
    pub unreachable: Vec<App>,
}

impl Tally {
    pub fn unreached(&mut self, app: App) {
        if !self.unreachable.contains(&app) {
            self.unreachable.push(app);
        }
    }

    /// Counts an order, with since when it has not come to rest.
    pub fn order(&mut self, case: &Case, in_flight: Option<DateTime<Utc>>) {
        self.checked.orders += 1;
        if let Some(since) = in_flight {
            self.checked.left_out += 1;
            let oldest = self.oldest_left_out.is_none_or(|oldest| since < oldest.since);
            if oldest {
                self.oldest_left_out = Some(LeftOut { order_id: case.order.order_id, since });
            }
        }
        self.add_money(case);
    }

    fn add_money(&mut self, case: &Case) {
        let Some((payment, currency)) = case.payment.facts().zip(case.order.currency) else { return };
        let purse = Purse::of(&case.order, payment);
        let at = self.sums.iter().position(|sums| sums.currency == currency).unwrap_or_else(|| {
            self.sums.push(Sums {
                currency,
                captured: 0,
                to_capture: 0,
                due: 0,
                refunded: 0,
                refund_owed: 0,
                refund_failed: 0,
            });
            self.sums.len() - 1
        });
        let sums = &mut self.sums[at];
        sums.captured += purse.captured;
        sums.to_capture += purse.to_capture;
        sums.due += if payment.due { purse.to_capture } else { 0 };
        sums.refunded += purse.refunded;
        sums.refund_owed += purse.owed;
        sums.refund_failed += purse.failed;
    }

    /// The report, with every violation that is known by now.
    pub fn report(
        self,
        scope: Scope,
        (began_at, ended_at): (DateTime<Utc>, DateTime<Utc>),
        violations: &[Violation],
        next_cursor: Option<String>,
    ) -> Report {
        let statements =
            Statement::ALL.into_iter().map(|statement| StatementReport::new(statement, violations));
        Report {
            scope,
            green: violations.is_empty() && self.unreachable.is_empty(),
            began_at,
            ended_at,
            statements: statements.collect(),
            unreachable: self.unreachable.iter().map(|app| app.name().to_owned()).collect(),
            checked: self.checked,
            oldest_left_out: self.oldest_left_out,
            sums: self.sums,
            next_cursor,
        }
    }
}

impl StatementReport {
    fn new(statement: Statement, violations: &[Violation]) -> StatementReport {
        let of_it = violations.iter().filter(|violation| violation.statement == statement);
        StatementReport {
            number: statement.number(),
            statement,
            says: statement.says().to_owned(),
            violated: u64::try_from(of_it.clone().count()).unwrap_or(u64::MAX),
            violations: of_it.take(SHOWN).cloned().collect(),
        }
    }
}
