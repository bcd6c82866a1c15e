//! Statement 3: One order for each caller and idempotency key, and the kept answer is the one that this order was
//! given.

use super::{Case, Finding, Statement, Violation};

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let order = &case.order;
    let violation = |what| Violation::of(Statement::Keys, what).order(order.order_id);
    let mut findings = Vec::new();
    if order.twins > 0 {
        let violation = violation("the caller's key has more than one order");
        findings.push(violation.expected(1).found(order.twins + 1).at_once());
    }
    let Some(answer) = &order.answer else { return findings };
    if answer.order_id != Some(order.order_id.0) {
        let found = answer.order_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        let violation = violation("the key's answer names another order");
        findings.push(violation.expected(order.order_id).found(found).at_once());
    }
    if !answer.same_request {
        let violation = violation("the key's answer belongs to another request");
        findings.push(violation.expected("the request of the order").found("another").at_once());
    }
    findings
}
