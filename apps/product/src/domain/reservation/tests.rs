//! The whole transition table as one snapshot, and what holds for every order of arrival.

use contracts::{Currency, Money, ProductId, Quantity};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const LINES: u128 = 7;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn product() -> ProductId {
    ProductId(Uuid::from_u128(LINES))
}

fn held() -> Vec<Held> {
    vec![Held { product_id: product(), pieces: 2 }]
}

fn waiting() -> Waiting {
    Waiting { deadline: at(100), reported_at: None }
}

fn states() -> Vec<(&'static str, State)> {
    let refusal = || Refusal::TooLate;
    let reported = Waiting { reported_at: Some(at(140)), ..waiting() };
    vec![
        ("unheard", State::Unheard),
        ("awaited", State::Awaited),
        ("refused", State::Refused { refusal: refusal(), waiting: waiting() }),
        ("refused, reported", State::Refused { refusal: refusal(), waiting: reported }),
        ("reserved", State::Reserved { held: held(), waiting: waiting() }),
        ("reserved, reported", State::Reserved { held: held(), waiting: reported }),
        ("allocated", State::Allocated { held: held() }),
        ("ended", State::Ended { end: FinalEnd::Rejected }),
    ]
}

fn placed_input() -> Input {
    let unit_price = Money::new(100, Currency::Gbp).unwrap();
    let lines = vec![OrderLine { product_id: product(), quantity: Quantity::new(2).unwrap(), unit_price }];
    Input::Placed { lines, charge_by: at(50), deadline: at(100) }
}

fn inputs() -> Vec<(&'static str, Input, i64)> {
    let archived = Refusal::ProductArchived { product_id: product() };
    vec![
        ("placed", placed_input(), 10),
        ("placed, too late", placed_input(), 50),
        ("claimed", Input::Claimed { held: held(), deadline: at(100) }, 10),
        ("refused", Input::Refused { refusal: archived, deadline: at(100) }, 10),
        ("confirmed", Input::Confirmed, 20),
        ("ended rejected", Input::Ended(FinalEnd::Rejected), 20),
        ("ended expired", Input::Ended(FinalEnd::Expired), 120),
        ("time 129", Input::TimePassed, 129),
        ("time 130", Input::TimePassed, 130),
        ("time 199", Input::TimePassed, 199),
        ("time 200", Input::TimePassed, 200),
    ]
}

fn name(state: &State) -> String {
    let reported = |waiting: &Waiting| {
        waiting.reported_at.map_or(String::new(), |at| format!(", reported at {}", at.timestamp()))
    };
    match state {
        State::Unheard => "unheard".into(),
        State::Awaited => "awaited".into(),
        State::Refused { refusal, waiting } => {
            format!("refused {}{}", refusal.problem_type().name(), reported(waiting))
        }
        State::Reserved { waiting, .. } => format!("reserved{}", reported(waiting)),
        State::Allocated { .. } => "allocated".into(),
        State::Ended { end } => format!("ended {}", end.name()),
    }
}

fn told(events: &[Event], effects: &[Effect]) -> String {
    let events = events.iter().map(|event| event.event_type().name().to_owned());
    let effects = effects.iter().map(|effect| match effect {
        Effect::Claim { .. } => "claim".to_owned(),
        Effect::Allocate(_) => "allocate".to_owned(),
        Effect::Release { from: Promise::Reserved, .. } => "release reserved".to_owned(),
        Effect::Release { from: Promise::Allocated, .. } => "release allocated".to_owned(),
    });
    events.chain(effects).map(|what| format!("; {what}")).collect()
}

#[test]
fn the_whole_transition_table() {
    let mut table = String::new();
    for (state_name, state) in states() {
        for (input_name, input, seconds) in inputs() {
            let before = Reservation { order_id: OrderId(Uuid::nil()), state: state.clone() };
            let (after, events, effects) = before.react(input, at(seconds));
            let outcome = if after.state == state { "-".to_owned() } else { name(&after.state) };
            table += &format!("{state_name:18} + {input_name:16} = {outcome}{}\n", told(&events, &effects));
        }
    }
    insta::assert_snapshot!(table);
}

/// What the stock and the world saw of one order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    reserved: i64,
    allocated: i64,
    claims: u32,
    answers: Vec<Event>,
}

/// Runs the inputs as the handlers do: an effect's outcome is the next input, before anything else.
fn run(inputs: &[Input], stock: i64) -> (State, Seen) {
    let mut reservation = Reservation { order_id: OrderId(Uuid::nil()), state: State::Unheard };
    let mut seen = Seen::default();
    for input in inputs {
        let mut next = Some(input.clone());
        while let Some(input) = next.take() {
            let (after, events, effects) = reservation.react(input, at(10));
            reservation = after;
            seen.answers.extend(events);
            for effect in effects {
                next = seen.apply(effect, stock);
            }
        }
    }
    (reservation.state, seen)
}

impl Seen {
    fn apply(&mut self, effect: Effect, stock: i64) -> Option<Input> {
        let pieces = |held: &[Held]| held.iter().map(|held| held.pieces).sum::<i64>();
        match effect {
            Effect::Claim { deadline, .. } if pieces(&held()) <= stock => {
                self.claims += 1;
                self.reserved += pieces(&held());
                Some(Input::Claimed { held: held(), deadline })
            }
            Effect::Claim { deadline, .. } => {
                self.claims += 1;
                Some(Input::Refused { refusal: Refusal::UnknownProduct { product_id: product() }, deadline })
            }
            Effect::Allocate(held) => {
                self.reserved -= pieces(&held);
                self.allocated += pieces(&held);
                None
            }
            Effect::Release { held, from: Promise::Reserved } => {
                self.reserved -= pieces(&held);
                None
            }
            Effect::Release { held, from: Promise::Allocated } => {
                self.allocated -= pieces(&held);
                None
            }
        }
    }
}

/// What `order` may say of one order, in the order in which it says it.
fn histories() -> impl Strategy<Value = Vec<Input>> {
    prop_oneof![
        Just(vec![placed_input()]),
        Just(vec![placed_input(), Input::Confirmed]),
        Just(vec![placed_input(), Input::Ended(FinalEnd::Rejected)]),
        Just(vec![placed_input(), Input::Ended(FinalEnd::Expired)]),
        // No service of today says both, but a confirmed order that comes to nothing must give its stock back.
        Just(vec![placed_input(), Input::Confirmed, Input::Ended(FinalEnd::Expired)]),
    ]
}

/// A history as it was said, and as it arrives: each event at least once, in any order.
fn arrivals() -> impl Strategy<Value = (Vec<Input>, Vec<Input>)> {
    (histories(), proptest::collection::vec(0..3_usize, 0..6)).prop_flat_map(|(history, again)| {
        let mut arriving = history.clone();
        arriving.extend(again.iter().filter_map(|index| history.get(*index).cloned()));
        (Just(history), Just(arriving).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn every_order_of_arrival_ends_the_same((history, arriving) in arrivals(), stock in 0..4_i64) {
        let (expected, expected_seen) = run(&history, stock);
        let (state, seen) = run(&arriving, stock);
        prop_assert_eq!(&state, &expected);
        prop_assert_eq!((seen.reserved, seen.allocated), (expected_seen.reserved, expected_seen.allocated));
        prop_assert!(seen.claims <= 1 && seen.answers.len() <= 1, "{:?}", seen);
        let (reserved, allocated) = match state {
            State::Reserved { .. } => (2, 0),
            State::Allocated { .. } => (0, 2),
            State::Unheard | State::Awaited | State::Refused { .. } | State::Ended { .. } => (0, 0),
        };
        prop_assert_eq!((seen.reserved, seen.allocated), (reserved, allocated));
    }

    #[test]
    fn nothing_starts_after_a_final_end(arriving in arrivals()) {
        let mut inputs = vec![Input::Ended(FinalEnd::Rejected)];
        inputs.extend(arriving.1);
        let (state, seen) = run(&inputs, 10);
        prop_assert_eq!(state, State::Ended { end: FinalEnd::Rejected });
        prop_assert_eq!(seen, Seen::default());
    }
}
