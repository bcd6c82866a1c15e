//! The whole transition table as one snapshot, and what holds for every order of arrival.

mod arrivals;

use contracts::event::Part;
use contracts::{Currency, Money, ProductId, Quantity};
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn product(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(number))
}

fn held(pieces: i64) -> Vec<Held> {
    vec![Held { product_id: product(7), pieces }]
}

fn part(number: u128, pieces: i64) -> Part {
    Part { product_id: product(number), quantity: Quantity::new(pieces).unwrap() }
}

/// Pieces of the one product that the table's order has, beside one that is not under stock control.
fn parts(pieces: i64) -> Vec<Part> {
    vec![part(7, pieces), part(8, 1)]
}

fn waiting() -> Waiting {
    Waiting { deadline: at(100), reported_at: None }
}

fn told_of(kinds: &[PartKind]) -> Parts {
    kinds
        .iter()
        .fold(Parts::default(), |parts, kind| parts.with(Told::new(*kind, Uuid::from_u128(1), &[part(7, 1)])))
}

fn states() -> Vec<(&'static str, State)> {
    let refusal = || Refusal::TooLate;
    let reported = Waiting { reported_at: Some(at(140)), ..waiting() };
    let allocated = |kinds| State::Allocated(Allocation { claimed: held(2), parts: told_of(kinds) });
    vec![
        ("unheard", State::Unheard),
        ("awaited", State::Awaited { parts: Parts::default() }),
        ("awaited, shipped 1", State::Awaited { parts: told_of(&[PartKind::Shipped]) }),
        ("refused", State::Refused { refusal: refusal(), waiting: waiting() }),
        ("refused, reported", State::Refused { refusal: refusal(), waiting: reported }),
        ("reserved", State::Reserved { held: held(2), waiting: waiting() }),
        ("reserved, reported", State::Reserved { held: held(2), waiting: reported }),
        ("allocated", allocated(&[])),
        ("allocated, cancelled 1", allocated(&[PartKind::Cancelled])),
        ("allocated, shipped 1", allocated(&[PartKind::Shipped])),
        ("allocated, returned 1", allocated(&[PartKind::Shipped, PartKind::Returned])),
        ("ended", State::Ended { end: FinalEnd::Rejected }),
    ]
}

fn placed_input() -> Input {
    let unit_price = Money::new(100, Currency::Gbp).unwrap();
    let line = |number, pieces| OrderLine {
        product_id: product(number),
        quantity: Quantity::new(pieces).unwrap(),
        unit_price,
    };
    Input::Placed { lines: vec![line(7, 2), line(8, 1)], charge_by: at(50), deadline: at(100) }
}

fn inputs() -> Vec<(&'static str, Input, i64)> {
    let archived = Refusal::ProductArchived { product_id: product(7) };
    let id = Uuid::from_u128;
    vec![
        ("placed", placed_input(), 10),
        ("placed, too late", placed_input(), 50),
        ("claimed", Input::Claimed { held: held(2), deadline: at(100) }, 10),
        ("refused", Input::Refused { refusal: archived, deadline: at(100) }, 10),
        ("confirmed", Input::Confirmed, 20),
        ("ended rejected", Input::Ended(FinalEnd::Rejected), 20),
        ("ended expired", Input::Ended(FinalEnd::Expired), 120),
        ("ended cancelled", Input::Ended(FinalEnd::Cancelled), 20),
        ("cancelled 1", Input::PartCancelled { id: id(1), parts: parts(1) }, 20),
        ("cancelled 1 again", Input::PartCancelled { id: id(2), parts: parts(1) }, 20),
        ("cancelled 3", Input::PartCancelled { id: id(3), parts: parts(3) }, 20),
        ("shipped 1", Input::Shipped { id: id(1), parts: parts(1) }, 20),
        ("shipped 2", Input::Shipped { id: id(2), parts: parts(2) }, 20),
        ("returned 1", Input::Returned { id: id(1), restocked: parts(1) }, 20),
        ("returned unusable", Input::Returned { id: id(2), restocked: vec![] }, 20),
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
    let sums = |parts: &Parts| {
        let sum = |kind: PartKind| match parts.sum(kind, product(7)) {
            0 => String::new(),
            pieces => format!(", {} {pieces}", kind.name()),
        };
        PartKind::ALL.map(sum).concat()
    };
    match state {
        State::Unheard => "unheard".into(),
        State::Awaited { parts } => format!("awaited{}", sums(parts)),
        State::Refused { refusal, waiting } => {
            format!("refused {}{}", refusal.problem_type().name(), reported(waiting))
        }
        State::Reserved { waiting, .. } => format!("reserved{}", reported(waiting)),
        State::Allocated(allocation) => format!("allocated{}", sums(&allocation.parts)),
        State::Ended { end } => format!("ended {}", end.name()),
    }
}

fn told(events: &[Event], effects: &[Effect]) -> String {
    let pieces = |held: &[Held]| held.iter().map(|held| held.pieces).sum::<i64>();
    let events = events.iter().map(|event| event.event_type().name().to_owned());
    let effects = effects.iter().map(|effect| match effect {
        Effect::Claim { .. } => "claim".to_owned(),
        Effect::Allocate(held) => format!("allocate {}", pieces(held)),
        Effect::Release { held, from: Promise::Reserved, .. } => format!("release reserved {}", pieces(held)),
        Effect::Release { held, from: Promise::Allocated, .. } => {
            format!("release allocated {}", pieces(held))
        }
        Effect::Ship { held, .. } => format!("ship {}", pieces(held)),
        Effect::Restock { parts, .. } => format!("restock {}", pieces(parts)),
        Effect::Refuse(contradiction) => {
            let id = |number| Uuid::from_u128(number).to_string();
            let text = contradiction.to_string().replace(&id(7), "seven");
            format!(
                "REFUSE {}",
                (1..4).fold(text, |text, number| text.replace(&id(number), &number.to_string()))
            )
        }
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
            table += &format!("{state_name:22} + {input_name:17} = {outcome}{}\n", told(&events, &effects));
        }
    }
    insta::assert_snapshot!(table);
}
