//! What the processor did for each order, counted: the outsider's word on whether anybody was charged twice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::book::Book;
use super::intent::{Intent, State};
use super::refund::Refund;

/// Sums of money, by currency.
pub type Sums = BTreeMap<&'static str, u64>;

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub orders: BTreeMap<String, Tally>,
    pub total: Tally,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub payment_intents: u64,
    /// Intents whose money was taken, whether or not it was given back later.
    pub effective_charges: u64,
    /// Intents whose money is held and not taken.
    pub open_authorizations: u64,
    pub canceled: u64,
    /// Those that did not come to nothing.
    pub refunds: u64,
    pub failed_refunds: u64,
    pub disputes: u64,
    pub captured: Sums,
    pub refunded: Sums,
}

/// Of all orders, or of one. Intents without an order count as those of the order named "".
pub fn summarize(book: &Book, only: Option<&str>) -> Summary {
    let mut summary = Summary::default();
    let wanted = |intent: &&Intent| only.is_none_or(|order| intent.order_id().unwrap_or_default() == order);
    for intent in book.intents().iter().filter(wanted) {
        let order = intent.order_id().unwrap_or_default().to_owned();
        summary.orders.entry(order).or_default().count_intent(intent);
        summary.total.count_intent(intent);
    }
    for refund in book.refunds() {
        let Some(intent) = book.intent(&refund.payment_intent).filter(wanted) else {
            continue;
        };
        let order = intent.order_id().unwrap_or_default().to_owned();
        summary.orders.entry(order).or_default().count_refund(refund);
        summary.total.count_refund(refund);
    }
    for dispute in book.disputes() {
        let Some(intent) = book.intent(&dispute.payment_intent).filter(wanted) else {
            continue;
        };
        let order = intent.order_id().unwrap_or_default().to_owned();
        summary.orders.entry(order).or_default().disputes += 1;
        summary.total.disputes += 1;
    }
    summary
}

impl Tally {
    fn count_refund(&mut self, refund: &Refund) {
        match refund.failure {
            None => self.refunds += 1,
            Some(_) => self.failed_refunds += 1,
        }
    }

    fn count_intent(&mut self, intent: &Intent) {
        self.payment_intents += 1;
        match &intent.state {
            State::RequiresPaymentMethod { .. }
            | State::RequiresConfirmation { .. }
            | State::RequiresAction { .. }
            | State::Processing { .. } => {}
            State::RequiresCapture { .. } => self.open_authorizations += 1,
            State::Canceled { .. } => self.canceled += 1,
            State::Succeeded { captured, refunded, .. } => {
                self.effective_charges += 1;
                *self.captured.entry(intent.currency.code()).or_default() += captured.minor_units();
                *self.refunded.entry(intent.currency.code()).or_default() += refunded;
            }
        }
    }
}
