//! Every order of arrival, with every event at least once, ends the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The product that the histories' orders have beside the table's.
const OTHER: u128 = 9;
/// What the histories' orders ask for.
const ASKED: [(u128, i64); 2] = [(7, 4), (OTHER, 3)];

/// What the stock and the world saw of one order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Of each product: on hand, reserved, allocated, beside what was there before.
    moved: BTreeMap<ProductId, [i64; 3]>,
    claims: u32,
    answers: Vec<Event>,
    refused: Vec<Contradiction>,
}

fn asked() -> Vec<Held> {
    ASKED.map(|(number, pieces)| Held { product_id: product(number), pieces }).into()
}

fn placed() -> Input {
    Input::Placed { lines: vec![], charge_by: at(50), deadline: at(100) }
}

/// Runs the inputs as the handlers do: an effect's outcome is the next input, before anything else.
fn run(inputs: &[Input], enough: bool) -> (Reservation, Seen) {
    let mut reservation = Reservation { order_id: OrderId(Uuid::nil()), state: State::Unheard };
    let mut seen = Seen::default();
    for input in inputs {
        let mut next = vec![input.clone()];
        while let Some(input) = next.pop() {
            let (after, events, effects) = reservation.react(input, at(10));
            reservation = after;
            seen.answers.extend(events);
            next.extend(effects.into_iter().filter_map(|effect| seen.apply(effect, enough)));
        }
    }
    (reservation, seen)
}

impl Seen {
    fn apply(&mut self, effect: Effect, enough: bool) -> Option<Input> {
        match effect {
            Effect::Claim { deadline, .. } => {
                self.claims += 1;
                if !enough {
                    let refusal = Refusal::UnknownProduct { product_id: product(OTHER) };
                    return Some(Input::Refused { refusal, deadline });
                }
                self.move_all(&asked(), [0, 1, 0]);
                return Some(Input::Claimed { held: asked(), deadline });
            }
            Effect::Allocate(held) => self.move_all(&held, [0, -1, 1]),
            Effect::Release { held, from: Promise::Reserved, .. } => self.move_all(&held, [0, -1, 0]),
            Effect::Release { held, from: Promise::Allocated, .. } => self.move_all(&held, [0, 0, -1]),
            Effect::Ship { held, .. } => self.move_all(&held, [-1, 0, -1]),
            Effect::Restock { parts, .. } => self.move_all(&parts, [1, 0, 0]),
            Effect::Refuse(contradiction) => self.refused.push(contradiction),
        }
        None
    }

    fn move_all(&mut self, held: &[Held], signs: [i64; 3]) {
        for held in held {
            let moved = self.moved.entry(held.product_id).or_default();
            for (quantity, sign) in moved.iter_mut().zip(signs) {
                *quantity += sign * held.pieces;
            }
            // Nothing is ever given back that was not taken.
            assert!(moved[1] >= 0 && moved[2] >= 0, "{moved:?}");
        }
    }
}

/// What staff and customers do with a confirmed order: a kind, a product and how much of what is possible.
fn wishes() -> impl Strategy<Value = Vec<(PartKind, usize, i64)>> {
    let kind = prop_oneof![Just(PartKind::Cancelled), Just(PartKind::Shipped), Just(PartKind::Returned)];
    proptest::collection::vec((kind, 0..ASKED.len(), 1..4_i64), 0..8)
}

/// What `order` would say of these wishes: never of more than there is.
fn told_of(wishes: &[(PartKind, usize, i64)]) -> Vec<Input> {
    let mut left = ASKED.map(|(_, pieces)| pieces);
    let mut gone = [0; ASKED.len()];
    let mut inputs = Vec::new();
    for ((kind, index, wanted), id) in wishes.iter().zip(1..) {
        let source = match kind {
            PartKind::Cancelled | PartKind::Shipped => &mut left[*index],
            PartKind::Returned => &mut gone[*index],
        };
        let pieces = (*wanted).min(*source);
        *source -= pieces;
        if pieces == 0 {
            continue;
        }
        // The product that is not under stock control comes and goes with the others.
        let (id, parts) = (Uuid::from_u128(id), vec![part(ASKED[*index].0, pieces), part(8, 1)]);
        inputs.push(match kind {
            PartKind::Cancelled => Input::PartCancelled { id, parts },
            PartKind::Shipped => {
                gone[*index] += pieces;
                Input::Shipped { id, parts }
            }
            PartKind::Returned => Input::Returned { id, restocked: parts },
        });
    }
    inputs
}

/// What `order` may say of one order, in the order in which it says it.
fn histories() -> impl Strategy<Value = Vec<Input>> {
    let confirmed = wishes().prop_map(|wishes| {
        let mut history = vec![placed(), Input::Confirmed];
        history.extend(told_of(&wishes));
        history
    });
    // As long as nothing was shipped, a confirmed order may still be cancelled.
    let cancelled = wishes().prop_map(|wishes| {
        let cancelled_only: Vec<_> =
            wishes.into_iter().filter(|(kind, ..)| *kind == PartKind::Cancelled).collect();
        let mut history = vec![placed(), Input::Confirmed];
        history.extend(told_of(&cancelled_only));
        history.push(Input::Ended(FinalEnd::Cancelled));
        history
    });
    let end = prop_oneof![Just(FinalEnd::Rejected), Just(FinalEnd::Expired), Just(FinalEnd::Cancelled)];
    prop_oneof![
        1 => Just(vec![placed()]),
        2 => end.prop_map(|end| vec![placed(), Input::Ended(end)]),
        6 => confirmed,
        3 => cancelled,
    ]
}

/// A history as it was said, and as it arrives: each event at least once, in any order.
fn arrivals() -> impl Strategy<Value = (Vec<Input>, Vec<Input>)> {
    (histories(), proptest::collection::vec(0..12_usize, 0..12)).prop_flat_map(|(history, again)| {
        let mut arriving = history.clone();
        arriving.extend(again.iter().filter_map(|index| history.get(*index).cloned()));
        (Just(history), Just(arriving).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_order_of_arrival_ends_the_same((history, arriving) in arrivals()) {
        let (expected, expected_seen) = run(&history, true);
        let (reservation, seen) = run(&arriving, true);
        prop_assert_eq!(&reservation, &expected);
        prop_assert_eq!(&seen.refused, &vec![]);
        prop_assert!(seen.claims <= 1 && seen.answers.len() <= 1, "{:?}", seen);

        let promised = reservation.promised();
        for Held { product_id, .. } in asked() {
            let moved = |seen: &Seen| seen.moved.get(&product_id).copied().unwrap_or_default();
            prop_assert_eq!(moved(&seen), moved(&expected_seen));
            let held = |wanted| match &promised {
                Some((promise, held)) if *promise == wanted => {
                    held.iter().filter(|held| held.product_id == product_id).map(|held| held.pieces).sum()
                }
                Some(_) | None => 0,
            };
            let parts = reservation.parts();
            let on_hand = parts.sum(PartKind::Returned, product_id) - parts.sum(PartKind::Shipped, product_id);
            prop_assert_eq!(moved(&seen), [on_hand, held(Promise::Reserved), held(Promise::Allocated)]);
        }
    }

    #[test]
    fn what_is_refused_holds_nothing_and_stays_refused(mut arriving in arrivals()) {
        arriving.1.retain(|input| matches!(input, Input::Placed { .. } | Input::Ended(_)));
        let (reservation, seen) = run(&arriving.1, false);
        prop_assert_eq!(seen.moved.len(), 0);
        prop_assert!(reservation.promised().is_none() && seen.answers.len() <= 1);
    }

    #[test]
    fn nothing_starts_after_a_final_end(arriving in arrivals()) {
        let mut inputs = vec![Input::Ended(FinalEnd::Rejected)];
        inputs.extend(arriving.1);
        let (reservation, seen) = run(&inputs, true);
        prop_assert_eq!(reservation.state, State::Ended { end: FinalEnd::Rejected });
        prop_assert_eq!((seen.moved.len(), seen.claims, seen.answers.len()), (0, 0, 0));
        // What left the shop all the same is refused by name.
        let left = inputs.iter().filter(|input| matches!(input, Input::Shipped { .. } | Input::Returned { .. }));
        prop_assert_eq!(seen.refused.len(), left.count());
    }

    #[test]
    fn nothing_leaves_twice_and_never_more_than_was_claimed(
        parts in proptest::collection::vec((0..3_u8, 1..4_u128, 1..6_i64), 0..12)
    ) {
        let mut inputs = vec![placed(), Input::Confirmed];
        inputs.extend(parts.iter().map(|(kind, id, pieces)| {
            let (id, parts) = (Uuid::from_u128(*id), vec![part(7, *pieces)]);
            match kind {
                0 => Input::PartCancelled { id, parts },
                1 => Input::Shipped { id, parts },
                _ => Input::Returned { id, restocked: parts },
            }
        }));
        let (reservation, seen) = run(&inputs, true);
        let parts = reservation.parts();
        let sum = |kind| parts.sum(kind, product(7));
        let (cancelled, shipped, returned) =
            (sum(PartKind::Cancelled), sum(PartKind::Shipped), sum(PartKind::Returned));
        prop_assert!(cancelled + shipped <= 4 && cancelled + returned <= 4);
        prop_assert_eq!(seen.moved[&product(7)], [returned - shipped, 0, 4 - cancelled - shipped]);
    }
}
