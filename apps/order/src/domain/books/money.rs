//! Statement 4: For confirmed orders: captured + still to capture − refunded − refund owed = total − cancelled lines −
//! accepted returns, with at most one capture. Other ends hold no open authorisation, and nothing captured that is not
//! refunded or owed.
//!
//! A payment that is due and a refund that failed are no violation: they wait for staff, and count as still to capture
//! and as owed.

use contracts::RefundCause;
use contracts::facts::{PaymentFacts, RefundFacts};

use super::facts::{Case, Ended, OrderFacts, Told};
use super::{Finding, Statement, Violation};

/// An order's money by where it is; all of it is what the order costs, or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Purse {
    pub captured: i64,
    /// Held by an authorisation, to be captured still.
    pub to_capture: i64,
    /// Went back, or was settled otherwise.
    pub refunded: i64,
    /// Waits, or is on its way.
    pub owed: i64,
    /// Owed too, but only staff can go on.
    pub failed: i64,
}

impl Purse {
    pub(super) fn of(order: &OrderFacts, payment: &PaymentFacts) -> Purse {
        let open = payment.authorised_open && payment.captures == 0;
        Purse {
            captured: payment.captured,
            to_capture: if open { order.to_capture.unwrap_or(order.total - order.cancelled()) } else { 0 },
            refunded: payment.refunded + refunds_in(payment, &["settled"]),
            owed: refunds_in(payment, &["waiting", "in_hand"]),
            failed: refunds_in(payment, &["failed"]),
        }
    }

    fn left(self) -> i64 {
        self.captured + self.to_capture - self.refunded - self.owed - self.failed
    }
}

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let order = &case.order;
    let nothing = nothing(case);
    let payment = match &case.payment {
        Told::Unreached => return Vec::new(),
        Told::Nothing => &nothing,
        Told::Facts(payment) => payment,
    };
    let mut findings = check_bounds(order, payment);
    match order.end {
        None => {}
        Some(Ended::Confirmed) => {
            findings.extend(check_confirmed(case, payment));
            findings.extend(check_refunds(case, payment));
        }
        Some(Ended::Rejected | Ended::Cancelled | Ended::Expired) => {
            findings.extend(check_other_end(case, payment));
        }
    }
    findings.extend(check_open(case, payment));
    findings
}

/// What is wrong whenever it is seen.
fn check_bounds(order: &OrderFacts, payment: &PaymentFacts) -> Vec<Finding> {
    let violation = |what| Violation::of(Statement::Money, what).order(order.order_id);
    let mut findings = Vec::new();
    if payment.captures > 1 {
        let violation = violation("the payment was captured more than once");
        findings.push(violation.expected(1).found(payment.captures).at_once());
    }
    if payment.refunded > payment.captured {
        let violation = violation("more went back than was captured");
        findings.push(violation.expected(payment.captured).found(payment.refunded).at_once());
    }
    let ended = order.end.is_some_and(Ended::final_end);
    let final_end = RefundCause::FinalEnd.to_string();
    if let Some(refund) = payment.refunds.iter().find(|refund| !ended && refund.cause == final_end) {
        let violation = violation("an order is refunded that has no final end").row("refund final_end");
        findings.push(violation.expected("no refund").found(shown(refund)).at_once());
    }
    findings
}

fn check_confirmed(case: &Case, payment: &PaymentFacts) -> Option<Finding> {
    let order = &case.order;
    let purse = Purse::of(order, payment);
    let costs = order.total - order.cancelled() - order.accepted_returns();
    (purse.left() != costs).then(|| {
        let expected = format!(
            "{costs}: total {}, cancelled {}, returned {}",
            order.total,
            order.cancelled(),
            order.accepted_returns()
        );
        let found = format!(
            "{}: captured {}, to capture {}, refunded {}, owed {}, failed {}",
            purse.left(),
            purse.captured,
            purse.to_capture,
            purse.refunded,
            purse.owed,
            purse.failed
        );
        Violation::of(Statement::Money, "the money is not what the order costs")
            .order(order.order_id)
            .expected(expected)
            .found(found)
            .since(case.changed_at())
    })
}

/// Each refund that was asked for, and no other, in its amount: sums alone would let two wrongs make a right.
fn check_refunds(case: &Case, payment: &PaymentFacts) -> Vec<Finding> {
    let violation = |what: &str, cause: &str| {
        Violation::of(Statement::Money, what).order(payment.order_id).row(format!("refund {cause}"))
    };
    let missing = case.order.refunds_asked().filter_map(|asked| {
        let given = payment.refunds.iter().find(|given| given.cause == asked.cause);
        given.is_none_or(|given| given.amount != asked.amount).then(|| {
            violation("a refund is not the one that was asked for", &asked.cause)
                .expected(asked.amount)
                .found(given.map_or_else(|| "none".to_owned(), shown))
                .since(case.changed_at())
        })
    });
    let unasked = |given: &&RefundFacts| {
        given.cause != RefundCause::FinalEnd.to_string()
            && !case.order.refunds_asked().any(|asked| asked.cause == given.cause)
    };
    let strange = payment.refunds.iter().filter(unasked).map(|given| {
        violation("a refund was not asked for", &given.cause).expected("none").found(shown(given)).at_once()
    });
    missing.chain(strange).collect()
}

fn check_other_end(case: &Case, payment: &PaymentFacts) -> Vec<Finding> {
    let order = &case.order;
    let end = order.end.map_or("", Ended::name);
    let purse = Purse::of(order, payment);
    let violation = |what| Violation::of(Statement::Money, what).order(order.order_id);
    let mut findings = Vec::new();
    if purse.to_capture != 0 || payment.authorised_open {
        let violation = violation("an authorisation outlives its order's end");
        findings
            .push(violation.expected(format!("none, {end}")).found(&payment.stage).since(case.changed_at()));
    }
    let kept = purse.left() - purse.to_capture;
    if kept != 0 {
        let found = format!(
            "{kept} kept: captured {}, refunded {}, owed {}, failed {}",
            purse.captured, purse.refunded, purse.owed, purse.failed
        );
        let violation = violation("money is kept that nobody owes").expected(format!("0, {end}"));
        findings.push(violation.found(found).since(case.changed_at()));
    }
    findings
}

/// What is on its way comes to an end. A refund that waits for a dispute may wait for weeks.
fn check_open(case: &Case, payment: &PaymentFacts) -> Vec<Finding> {
    let violation = |what| Violation::of(Statement::Money, what).order(payment.order_id);
    let mut findings = Vec::new();
    if payment.unknown {
        let violation = violation("it is not known what became of the payment");
        findings.push(violation.expected("an outcome").found(&payment.stage).since(case.changed_at()));
    }
    let under_way =
        |refund: &&RefundFacts| matches!(refund.state.as_str(), "waiting" | "in_hand") && refund.amount > 0;
    // What was not captured yet cannot go back yet.
    let waits = payment.dispute_open || payment.authorised_open;
    for refund in payment.refunds.iter().filter(under_way).filter(|_| !waits) {
        let violation = violation("a refund does not arrive").row(format!("refund {}", refund.cause));
        findings.push(violation.expected("made, or failed").found(shown(refund)).since(case.changed_at()));
    }
    findings
}

fn refunds_in(payment: &PaymentFacts, states: &[&str]) -> i64 {
    let refunds = payment.refunds.iter().filter(|refund| states.contains(&refund.state.as_str()));
    refunds.map(|refund| refund.amount).sum()
}

fn shown(refund: &RefundFacts) -> String {
    format!("{} {}", refund.amount, refund.state)
}

/// A payment that nobody has heard of holds nothing.
fn nothing(case: &Case) -> PaymentFacts {
    PaymentFacts {
        order_id: case.order.order_id,
        stage: "unheard".to_owned(),
        currency: None,
        unknown: false,
        authorised_open: false,
        due: false,
        dispute_open: false,
        captures: 0,
        captured: 0,
        refunded: 0,
        refunds: Vec::new(),
        ledger_captured: 0,
        ledger_refunded: 0,
        unbalanced: Vec::new(),
        provider: None,
        broken_receipt: None,
        changed_at: case.order.changed_at,
    }
}
