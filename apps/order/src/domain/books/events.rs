//! Statement 7: Every committed change that has an event has exactly one; every event was committed; no sequence has a
//! gap.

use chrono::{DateTime, Utc};
use contracts::facts::LevelFacts;
use contracts::{App, EventType};

use super::facts::{Case, Ended, OrderFacts, OwnEvent, ParcelStage, Said};
use super::{EVENTS_KEPT, Finding, Statement, Violation};

/// How often an event must have been said.
enum Times {
    Once,
    AtLeast(usize),
}

/// An event's type, what it is of where there may be several, and how often it was to be said.
type Expected = (EventType, Option<String>, Times);

pub(super) fn check(case: &Case, now: DateTime<Utc>) -> Vec<Finding> {
    // Of an older order the first events may be gone.
    let all_kept = case.order.placed_at > now - EVENTS_KEPT;
    let mut findings: Vec<Finding> =
        case.said.iter().flat_map(|said| check_sequence(case, said, all_kept)).collect();
    if all_kept {
        findings.extend(check_own(&case.order));
        findings.extend(check_stock(case));
        findings.extend(check_payment(case));
        findings.extend(check_told(case));
    }
    findings
}

/// A product says every change, and only changes.
pub(super) fn check_product(level: &LevelFacts, head: i64) -> Option<Finding> {
    (level.version != head).then(|| {
        Violation::of(Statement::Events, "a product has not one event for each change")
            .product(level.product_id)
            .expected(level.version)
            .found(head)
            .at_once()
    })
}

fn check_sequence(case: &Case, said: &Said, all_kept: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last = if all_kept { Some(0) } else { None };
    let gap = |expected: i64, found: i64| {
        Violation::of(Statement::Events, "a sequence has a gap")
            .order(case.order.order_id)
            .row(format!("events of {}", said.publisher))
            .expected(expected)
            .found(found)
    };
    for event in &said.events {
        let expected = last.map_or(event.sequence, |last: i64| last + 1);
        if event.sequence != expected {
            findings.push(gap(expected, event.sequence).event(event.id).at_once());
        }
        last = Some(event.sequence);
    }
    if let Some(last) = last.filter(|last| *last != said.head) {
        findings.push(gap(said.head, last).at_once());
    }
    findings
}

/// What `order` changed and what it said, of one snapshot.
fn check_own(order: &OrderFacts) -> Vec<Finding> {
    let expected = expected(order);
    let unfounded = order.events.iter().filter(|event| !founded(order, event, &expected)).map(|event| {
        Violation::of(Statement::Events, "an event has no change")
            .order(order.order_id)
            .row(&event.published.event_type)
            .event(event.published.id)
            .expected("no event")
            .found("an event")
            .at_once()
    });
    let wrong = expected.iter().filter_map(|(event_type, cause, times)| {
        let said = order
            .events
            .iter()
            .filter(|event| event.published.event_type == event_type.name())
            .filter(|event| cause.is_none() || event.cause == *cause)
            .count();
        let row =
            [Some(event_type.name()), cause.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        times.wrong(said).map(|expected| miscounted(order, row, expected, said).at_once())
    });
    wrong.chain(unfounded).chain(check_decided(order)).collect()
}

/// What must have been said of the order as it is.
fn expected(order: &OrderFacts) -> Vec<Expected> {
    let mut expected: Vec<Expected> = vec![(EventType::OrderPlaced, None, Times::Once)];
    for cancellation in order.cancelled_parts() {
        expected.push((EventType::OrderLinesCancelled, Some(cancellation.id.to_string()), Times::Once));
    }
    for parcel in &order.parcels {
        let id = Some(parcel.id.to_string());
        if matches!(parcel.stage, ParcelStage::Shipped | ParcelStage::Delivered) {
            expected.push((EventType::OrderShipped, id.clone(), Times::Once));
        }
        if parcel.stage == ParcelStage::Delivered {
            expected.push((EventType::OrderDelivered, id, Times::Once));
        }
    }
    for given in &order.returns {
        expected.push((EventType::OrderReturnRequested, Some(given.id.to_string()), Times::Once));
        if given.received.is_some() {
            expected.push((EventType::OrderReturnReceived, Some(given.id.to_string()), Times::Once));
        }
    }
    for refund in order.refunds_asked() {
        expected.push((EventType::OrderRefundRequested, Some(refund.cause.clone()), Times::Once));
    }
    if let Some(end) = order.end {
        expected.push((end.event_type(), None, Times::AtLeast(1)));
    }
    expected
}

/// Whether something changed that this event says.
fn founded(order: &OrderFacts, event: &OwnEvent, expected: &[Expected]) -> bool {
    let name = event.published.event_type.as_str();
    let before_cancelled = order.end == Some(Ended::Cancelled) && name == EventType::OrderConfirmed.name();
    let capture = order.to_capture.is_some() && name == EventType::OrderCaptureRequested.name();
    before_cancelled
        || capture
        || expected.iter().any(|(event_type, cause, _)| {
            event_type.name() == name && (cause.is_none() || event.cause == *cause)
        })
}

/// Each decision on the timeline names its event.
fn check_decided(order: &OrderFacts) -> Vec<Finding> {
    let lost = |decided: &&super::facts::Decided| {
        decided.event_id.is_some_and(|id| !order.events.iter().any(|event| event.published.id == id))
    };
    let lost = order.decided.iter().filter(lost).map(|decided| {
        let violation = Violation::of(Statement::Events, "a decision's event is missing");
        let mut violation = violation.order(order.order_id).row(&decided.event_type);
        violation.event_ids.extend(decided.event_id);
        violation.expected("an event").found("none").at_once()
    });
    lost.collect()
}

/// What product decided about the order, and what it said of it.
fn check_stock(case: &Case) -> Option<Finding> {
    let reservation = case.stock.facts()?;
    let expected = match reservation.state.as_str() {
        "reserved" | "allocated" => EventType::StockReserved,
        "refused" => EventType::StockRejected,
        _ => return None,
    };
    let said = count(case, App::Product, expected)?;
    let wrong = Times::Once.wrong(said)?;
    Some(miscounted(&case.order, expected.name().to_owned(), wrong, said).since(case.changed_at()))
}

fn check_payment(case: &Case) -> Vec<Finding> {
    let Some(payment) = case.payment.facts() else { return Vec::new() };
    let made = payment.refunds.iter().filter(|refund| refund.state == "made" && refund.amount > 0).count();
    let mut expected = vec![(EventType::PaymentRefunded, Times::AtLeast(made))];
    if payment.captures > 0 {
        expected.push((EventType::PaymentCaptured, Times::Once));
    }
    expected
        .into_iter()
        .filter_map(|(event_type, times)| {
            let said = count(case, App::Payment, event_type)?;
            let wrong = times.wrong(said)?;
            let row = event_type.name().to_owned();
            Some(miscounted(&case.order, row, wrong, said).since(case.changed_at()))
        })
        .collect()
}

/// What `order` heard was said by whoever it is from: their outbox was read after our timeline.
fn check_told(case: &Case) -> Vec<Finding> {
    let unsaid = case.order.heard.iter().filter(|heard| {
        let publisher = EventType::from_name(&heard.event_type).map(|event_type| event_type.row().publisher);
        let said = case.said.iter().find(|said| Some(said.publisher) == publisher);
        said.is_some_and(|said| !said.events.iter().any(|event| event.id == heard.event_id))
    });
    unsaid
        .map(|heard| {
            Violation::of(Statement::Events, "an event was heard that nobody has committed")
                .order(case.order.order_id)
                .row(&heard.event_type)
                .event(heard.event_id)
                .expected("an event in its publisher's outbox")
                .found("none")
                .at_once()
        })
        .collect()
}

/// None when the publisher was not reached.
fn count(case: &Case, publisher: App, event_type: EventType) -> Option<usize> {
    let said = case.said.iter().find(|said| said.publisher == publisher)?;
    Some(said.events.iter().filter(|event| event.event_type == event_type.name()).count())
}

fn miscounted(order: &OrderFacts, row: String, expected: String, said: usize) -> Violation {
    Violation::of(Statement::Events, "a change has not its one event")
        .order(order.order_id)
        .row(row)
        .expected(expected)
        .found(said)
}

impl Times {
    /// What was expected, when it was not that often.
    fn wrong(&self, said: usize) -> Option<String> {
        match self {
            Times::Once => (said != 1).then(|| "once".to_owned()),
            Times::AtLeast(least) => (said < *least).then(|| format!("at least {least}")),
        }
    }
}
