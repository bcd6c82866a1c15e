//! Statement 5: The card processor's own log has at most one effective charge for each order, of the amounts that are
//! ours.

use super::{Case, Finding, Statement, Violation};

/// Nothing follows for a payment that was not compared since it last changed.
pub(super) fn check(case: &Case) -> Vec<Finding> {
    let Some((payment, provider)) =
        case.payment.facts().and_then(|payment| Some((payment, payment.provider.as_ref()?)))
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let violation = |what| Violation::of(Statement::Charges, what).order(case.order.order_id);
    if provider.charges > 1 {
        let violation = violation("the card processor has more than one charge");
        findings.push(violation.expected(1).found(provider.charges).at_once());
    }
    let amounts = [
        ("the card processor has captured another amount", payment.captured, provider.captured),
        ("the card processor has given back another amount", payment.refunded, provider.refunded),
    ];
    for (what, ours, theirs) in amounts {
        if ours != theirs {
            findings.push(violation(what).expected(ours).found(theirs).at_once());
        }
    }
    findings
}
