//! What each customer means to do, drawn from the seed before anything is broken.

use serde::Serialize;

use crate::dice::Dice;

/// Cards that are charged without any trouble.
pub const GOOD_CARDS: [&str; 3] = ["pm_card_visa", "pm_card_mastercard", "pm_card_amex"];
/// Cards that decline, ask for the customer, or bring a fault upon the card processor.
pub const HARD_CARDS: [&str; 21] = [
    "pm_card_chargeDeclined",
    "pm_card_insufficientFunds",
    "pm_card_authenticationRequired",
    "tok_hang",
    "pm_hang_once",
    "pm_hang_up_once",
    "pm_error_500",
    "pm_charge_no_answer",
    "pm_charge_hang_up",
    "pm_charge_500",
    "pm_charge_late",
    "pm_create_500",
    "pm_create_no_answer",
    "pm_capture_500",
    "pm_capture_hang_once",
    "pm_capture_no_answer",
    "pm_cancel_500",
    "pm_cancel_no_answer",
    "pm_refund_500",
    "pm_refund_hang_once",
    "pm_refund_no_answer",
];

/// Every fourth order is a hard one; the others are ordinary, and their rate is what is measured.
const HARD_ONE_IN: u64 = 4;
const PRODUCTS: u64 = 30;
/// These two sell out.
pub const SCARCE_PRODUCTS: u64 = 2;
pub const CUSTOMERS: u64 = 16;
/// Only these have the hard cards.
pub const HARD_CUSTOMERS: u64 = 4;

/// One order to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub number: u64,
    pub customer: usize,
    /// Product and pieces.
    pub lines: Vec<(usize, u64)>,
    pub card: &'static str,
    pub story: Story,
}

/// What happens to the order beside its payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Story {
    /// It is bought and that is all.
    Bought,
    /// The customer cancels as soon as the order is taken, while payment is at work.
    CancelledAtOnce,
    CancelledWhole,
    CancelledInPart,
    /// Shipped in one parcel and delivered.
    Delivered,
    /// Shipped in two parcels.
    ShippedInParts,
    /// Delivered, and one piece sent back, sold again and refunded.
    Returned,
    /// As that, but the piece is unusable, and half its price is refunded.
    ReturnedUnusable,
}

impl Plan {
    pub fn ordinary(&self) -> bool {
        ordinary(self.number)
    }

    /// Whether the customer does what the bank asks for, where it does.
    pub fn proves_itself(&self) -> bool {
        self.number.is_multiple_of(2 * HARD_ONE_IN)
    }

    /// Draws the order of that number.
    pub fn draw(seed: u64, number: u64) -> Plan {
        let mut dice = Dice::branch(seed ^ number.wrapping_mul(0x9e37_79b9), "orders");
        let ordinary = ordinary(number);
        let customers = if ordinary { CUSTOMERS } else { HARD_CUSTOMERS };
        let customer = index(dice.between(0, customers - 1));
        let card = if ordinary { *dice.pick(&GOOD_CARDS) } else { *dice.pick(&HARD_CARDS) };
        let mut lines = Vec::new();
        for _ in 0..dice.between(1, 3) {
            let product = index(dice.between(SCARCE_PRODUCTS, PRODUCTS + SCARCE_PRODUCTS - 1));
            if lines.iter().all(|(other, _)| *other != product) {
                lines.push((product, dice.between(2, 4)));
            }
        }
        if !ordinary && dice.percent(30) {
            lines.push((index(dice.between(0, SCARCE_PRODUCTS - 1)), dice.between(1, 3)));
        }
        Plan { number, customer, lines, card, story: story(&mut dice) }
    }

    /// How many products there are, the scarce ones first.
    pub fn products() -> usize {
        index(PRODUCTS + SCARCE_PRODUCTS)
    }
}

fn ordinary(number: u64) -> bool {
    !number.is_multiple_of(HARD_ONE_IN)
}

fn story(dice: &mut Dice) -> Story {
    match dice.between(0, 99) {
        0..50 => Story::Bought,
        50..58 => Story::CancelledAtOnce,
        58..64 => Story::CancelledWhole,
        64..72 => Story::CancelledInPart,
        72..80 => Story::Delivered,
        80..86 => Story::ShippedInParts,
        86..94 => Story::Returned,
        _ => Story::ReturnedUnusable,
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("invariant: a small number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_draws_the_same_orders_and_every_card_and_story_comes_up() {
        let plans: Vec<Plan> = (1..=2_000).map(|number| Plan::draw(7, number)).collect();
        assert_eq!(plans, (1..=2_000).map(|number| Plan::draw(7, number)).collect::<Vec<_>>());
        let cards: HashSet<&str> = plans.iter().map(|plan| plan.card).collect();
        assert_eq!(cards.len(), GOOD_CARDS.len() + HARD_CARDS.len());
        let stories: HashSet<Story> = plans.iter().map(|plan| plan.story).collect();
        assert_eq!(stories.len(), 8);
        assert!(plans.iter().all(|plan| plan.ordinary() == GOOD_CARDS.contains(&plan.card)));
    }
}
