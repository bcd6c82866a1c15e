//! Statement 10: No reservation outlives a final end, and nobody is told anything twice, or of an end that is not the
//! order's.

use super::facts::{Ended, Messages};
use super::{Case, Finding, Statement, Violation};

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let mut findings: Vec<Finding> = check_reservation(case).into_iter().collect();
    if let Some(messages) = case.messages.facts() {
        findings.extend(check_messages(case, messages));
    }
    findings
}

fn check_reservation(case: &Case) -> Option<Finding> {
    let end = case.order.end.filter(|end| end.final_end())?;
    let reservation = case.stock.facts()?;
    matches!(reservation.state.as_str(), "reserved" | "allocated").then(|| {
        Violation::of(Statement::Undone, "a reservation outlives its order's end")
            .order(case.order.order_id)
            .expected(format!("ended, as the order was {}", end.name()))
            .found(&reservation.state)
            .since(case.changed_at())
    })
}

fn check_messages(case: &Case, messages: &Messages) -> Vec<Finding> {
    let violation = |what: &str| Violation::of(Statement::Undone, what).order(case.order.order_id);
    let repeated = messages.repeated.iter().map(|message| {
        let row = format!("message {} of {} by {}", message.kind, message.cause, message.channel);
        violation("the customer was told the same twice").row(row).expected(1).found(message.count).at_once()
    });
    let decided: Vec<&str> = case
        .order
        .decided
        .iter()
        .filter_map(|decided| Ended::said_by(&decided.event_type).map(Ended::name))
        .collect();
    let untrue = messages.ends.iter().filter(|told| !decided.contains(&told.as_str())).map(|told| {
        let expected = decided.last().copied().unwrap_or("nothing yet");
        violation("the customer was told of another end").row(told).expected(expected).found(told).at_once()
    });
    repeated.chain(untrue).collect()
}
