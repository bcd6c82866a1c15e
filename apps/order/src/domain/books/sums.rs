//! Statement 9: Totals are sums of the prices that were fixed, the ledger sums to zero and says what the payment says,
//! and the receipts are a whole chain.

use contracts::facts::PaymentFacts;

use super::facts::{LineFacts, Pieces};
use super::{Case, Finding, OrderFacts, Statement, Violation};

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let order = &case.order;
    let violation = |what: &str| Violation::of(Statement::Sums, what).order(order.order_id);
    let mut findings = Vec::new();
    let total: i128 =
        order.lines.iter().map(|line| i128::from(line.quantity) * i128::from(line.unit_price)).sum();
    if total != i128::from(order.total) {
        let violation = violation("the total is not the sum of the lines");
        findings.push(violation.expected(total).found(order.total).at_once());
    }
    for cancellation in &order.cancellations {
        let cost = cost(order, &cancellation.parts);
        if cost != i128::from(cancellation.amount) {
            let violation = violation("a part that was cancelled has another price");
            let violation = violation.row(format!("cancellation {}", cancellation.id));
            findings.push(violation.expected(cost).found(cancellation.amount).at_once());
        }
    }
    if let Some(payment) = case.payment.facts() {
        findings.extend(check_ledger(payment));
    }
    findings
}

fn cost(order: &OrderFacts, parts: &Pieces) -> i128 {
    let pieces = |line: &LineFacts| parts.get(&line.product_id).copied().unwrap_or_default();
    order.lines.iter().map(|line| i128::from(pieces(line)) * i128::from(line.unit_price)).sum()
}

fn check_ledger(payment: &PaymentFacts) -> Vec<Finding> {
    let violation = |what: &str| Violation::of(Statement::Sums, what).order(payment.order_id);
    let mut findings = Vec::new();
    for currency in &payment.unbalanced {
        let violation = violation("an entry of the ledger does not sum to zero").row(currency.code());
        findings.push(violation.expected(0).found("another sum").at_once());
    }
    let sums = [
        ("the ledger has captured another amount", payment.captured, payment.ledger_captured),
        ("the ledger has given back another amount", payment.refunded, payment.ledger_refunded),
    ];
    for (what, expected, found) in sums {
        if expected != found {
            findings.push(violation(what).expected(expected).found(found).at_once());
        }
    }
    if let Some(sequence) = payment.broken_receipt {
        let violation = violation("the chain of receipts breaks").row(format!("receipt {sequence}"));
        findings.push(violation.expected("a whole chain").found(format!("a break at {sequence}")).at_once());
    }
    findings
}
