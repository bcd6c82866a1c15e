//! Statement 8: Every event's effect is applied once: what was published is handled, dead-lettered or on its way.
//!
//! That nothing is applied twice is seen where the effects are: in stock, money and messages.

use contracts::EventType;
use contracts::facts::PublishedEvent;

use super::facts::{Case, Handling};
use super::{Finding, Statement, Violation};

pub(super) fn check(case: &Case) -> Vec<Finding> {
    let events = case.said.iter().flat_map(|said| &said.events);
    events.flat_map(|event| check_event(case, event)).collect()
}

fn check_event(case: &Case, event: &PublishedEvent) -> Vec<Finding> {
    let violation = |what| {
        Violation::of(Statement::Effects, what)
            .order(case.order.order_id)
            .event(event.id)
            .row(&event.event_type)
    };
    let Some(published_at) = event.published_at else {
        let violation = violation("an event is not published");
        return vec![violation.expected("published").found("waiting").since(event.time)];
    };
    let subscribers =
        EventType::from_name(&event.event_type).map_or(&[][..], |known| known.row().subscribers);
    let missing = |handling: &&Handling| {
        subscribers.contains(&handling.subscriber) && !handling.known.contains(&event.id)
    };
    case.handling
        .iter()
        .filter(missing)
        .map(|handling| {
            violation("an event never arrived")
                .expected(format!("handled or dead-lettered by {}", handling.subscriber))
                .found("neither")
                .since(published_at)
        })
        .collect()
}
