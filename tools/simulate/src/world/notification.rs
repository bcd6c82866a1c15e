//! `notification`: what customers are told. Order, kind, cause and channel together are told once.

use std::collections::HashSet;

use contracts::{Event, OrderId};
use notification::domain::{Cause, Kind, Language, telling};

use super::World;

/// What was written, by its natural key.
#[derive(Debug, Default)]
pub struct Mailbox {
    written: HashSet<(OrderId, &'static str, String)>,
}

impl Mailbox {
    /// Whether the customer was told this of the end of an order.
    pub fn told_of_end(&self, order_id: OrderId, kind: Kind) -> bool {
        self.written.contains(&(order_id, kind.name(), Cause::End.to_string()))
    }
}

impl World<'_> {
    pub(super) fn notification_hears(&mut self, event: &Event) {
        let Some(told) = telling(event, Language::En) else {
            return self.violate(|| format!("notification is told {}", event.event_type().name()));
        };
        let ends = [Kind::OrderConfirmed, Kind::OrderRejected, Kind::OrderCancelled, Kind::OrderExpired];
        let over = ends.iter().any(|kind| self.mailbox.told_of_end(told.order_id, *kind));
        if told.letter.kind.moot_after_end() && over {
            return;
        }
        self.mailbox.written.insert((told.order_id, told.letter.kind.name(), told.cause.to_string()));
    }
}
