//! Statement 6: Rejected, cancelled, expired and returned are never left; no transition outside the table.

use contracts::{EventType, ProductId};

use super::facts::ParcelStage::{AwaitingCapture, Delivered, Shipped};
use super::facts::{Case, Decided, Ended, OrderFacts};
use super::{Finding, Statement, Violation};

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let order = &case.order;
    let mut findings = Vec::new();
    let mut end = None;
    for decided in &order.decided {
        match turn(end, decided) {
            Ok(next) => end = next,
            Err(expected) => {
                let violation = Violation::of(Statement::Course, "the order took a turn that does not exist");
                let mut violation =
                    violation.order(order.order_id).expected(expected).found(&decided.event_type);
                violation.event_ids.extend(decided.event_id);
                findings.push(violation.at_once());
            }
        }
    }
    if order.end != end {
        let name = |end: Option<Ended>| end.map_or("none", Ended::name);
        let violation = Violation::of(Statement::Course, "the order's end is not the one that was decided");
        findings.push(violation.order(order.order_id).expected(name(end)).found(name(order.end)).at_once());
    }
    findings
        .extend(order.lines.iter().filter_map(|line| check_pieces(order, line.product_id, line.quantity)));
    findings
}

/// Where the order goes from this end by what was decided.
fn turn(end: Option<Ended>, decided: &Decided) -> Result<Option<Ended>, &'static str> {
    if let Some(next) = Ended::said_by(&decided.event_type) {
        // An end is said again to whoever has not heard it, and a confirmed order may still be cancelled.
        let allowed = match end {
            None => true,
            Some(Ended::Confirmed) => matches!(next, Ended::Confirmed | Ended::Cancelled),
            Some(last) => last == next,
        };
        return if allowed { Ok(Some(next)) } else { Err("the end that it has") };
    }
    let placed = EventType::OrderPlaced.name() == decided.event_type;
    match end {
        None if placed => Ok(None),
        Some(Ended::Confirmed) if !placed => Ok(end),
        None => Err("an end first"),
        Some(_) => Err("nothing more"),
    }
}

/// No more pieces go on than there are.
fn check_pieces(order: &OrderFacts, product_id: ProductId, ordered: i64) -> Option<Finding> {
    let cancelled = order.cancelled_pieces(product_id);
    let packed = order.pieces_in(&[AwaitingCapture, Shipped, Delivered], product_id);
    let delivered = order.pieces_in(&[Delivered], product_id);
    let returned = order.returned_pieces(product_id);
    let received_too_much = order.returns.iter().any(|given| {
        let pieces = |parts: &super::facts::Pieces| parts.get(&product_id).copied().unwrap_or_default();
        given.received.as_ref().is_some_and(|received| {
            pieces(&received.restocked) + pieces(&received.unusable) > pieces(&given.requested)
        })
    });
    (cancelled + packed > ordered || returned > delivered || received_too_much).then(|| {
        Violation::of(Statement::Course, "more pieces went on than there were")
            .order(order.order_id)
            .product(product_id)
            .expected(format!("at most the {ordered} that were ordered"))
            .found(format!(
                "cancelled {cancelled}, packed {packed}, delivered {delivered}, returned {returned}"
            ))
            .at_once()
    })
}
