//! Whatever comes first, twice or late ends the same; whatever the provider does, nobody is charged twice.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Event, PaymentMethodId};
use proptest::prelude::*;
use uuid::Uuid;

use super::simulated::{Fault, Simulated, Verdict};
use super::{after, due, now, unheard};
use crate::domain::effect::{Effect, Posting};
use crate::domain::{Charge, Due, End, Input, IntentStatus, Method, Payment};

/// What can become known of one order: what is due, whether stock is reserved, and at most one final end.
fn any_facts() -> impl Strategy<Value = Vec<Input>> {
    let foreign = Due { method: Method::Foreign(PaymentMethodId(Uuid::from_u128(9))), ..due(500) };
    let late = Due { charge_by: now(), ..due(500) };
    let due = prop_oneof![4 => Just(due(500)), 1 => Just(foreign), 1 => Just(due(0)), 1 => Just(late)];
    let end = prop_oneof![
        Just(None),
        Just(Some(End::Rejected)),
        Just(Some(End::Expired)),
        Just(Some(End::Cancelled))
    ];
    (proptest::option::weighted(0.9, due), any::<bool>(), any::<bool>(), end).prop_map(
        |(due, reserved, confirmed, end)| {
            let mut facts = Vec::new();
            facts.extend(due.map(Input::Placed));
            facts.extend(reserved.then_some(Input::StockReserved));
            facts.extend(confirmed.then_some(Input::Ended(End::Confirmed)));
            facts.extend(end.map(Input::Ended));
            facts
        },
    )
}

/// The same facts in another order, each up to three times.
fn shuffled(facts: Vec<Input>) -> impl Strategy<Value = (Vec<Input>, Vec<Input>)> {
    let repeated = proptest::collection::vec(1..=3_usize, facts.len()).prop_map({
        let facts = facts.clone();
        move |times| -> Vec<Input> {
            facts
                .iter()
                .zip(times)
                .flat_map(|(fact, times)| std::iter::repeat_n(fact.clone(), times))
                .collect()
        }
    });
    (Just(facts), repeated.prop_shuffle())
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::Lost),
        1 => Just(Fault::Unheard),
        1 => Just(Fault::Error),
        1 => Just(Fault::DoneWithError),
        1 => Just(Fault::Late),
        1 => Just(Fault::WorkerDies),
    ]
}

/// What a schedule may do next.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// The next fact that has not been heard arrives.
    Hear,
    Work(Fault),
    /// So many milliseconds pass.
    Wait(i64),
    LateCallsArrive,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Hear),
        6 => any_fault().prop_map(Move::Work),
        2 => (1..20_000_i64).prop_map(Move::Wait),
        1 => Just(Move::LateCallsArrive),
    ]
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![3 => Just(Verdict::Approve), 1 => Just(Verdict::Decline), 1 => Just(Verdict::AskCustomer)]
}

struct World {
    payment: Payment,
    provider: Simulated,
    verdict: Verdict,
    now: DateTime<Utc>,
    events: Vec<Event>,
    postings: Vec<Posting>,
}

impl World {
    fn react(&mut self, input: Input) -> Option<crate::domain::Call> {
        let (payment, events, effects) = self.payment.clone().react(input, self.now);
        self.payment = payment;
        self.events.extend(events);
        let mut call = None;
        for effect in effects {
            match effect {
                Effect::Call(to_make) => call = Some(to_make),
                Effect::Posting(posting) => self.postings.push(posting),
                Effect::Receipt(_) | Effect::Record(_) => {}
            }
        }
        call
    }

    fn work(&mut self, fault: Fault) {
        let waits = self.payment.work_at().is_some_and(|at| at <= self.now);
        if !waits {
            return;
        }
        if let Some(call) = self.react(Input::Timer { patience: TimeDelta::seconds(10) })
            && let Some(answer) = self.provider.ask(&call, self.verdict, fault)
        {
            self.react(Input::Answered { ticket: call.ticket, answer });
        }
    }

    /// Everything heals; work goes on until nothing is left to do but to miss an end.
    fn settle(&mut self) {
        self.provider.deliver_late(self.verdict);
        for _ in 0..200 {
            let Some(attempt) = self.payment.charge.attempt() else {
                return;
            };
            self.now = self.now.max(attempt.at);
            self.work(Fault::None);
        }
        panic!("it does not come to rest: {:?}", self.payment);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_order_of_the_same_facts_ends_the_same((facts, shuffled) in any_facts().prop_flat_map(shuffled)) {
        let told = |facts: Vec<Input>| {
            facts.into_iter().fold(unheard(), |payment, fact| payment.react(fact, now()).0)
        };
        prop_assert_eq!(told(facts), told(shuffled));
    }

    #[test]
    fn nobody_is_charged_twice_and_what_has_ended_keeps_no_money(
        (_, facts) in any_facts().prop_flat_map(shuffled),
        moves in proptest::collection::vec(any_move(), 0..60),
        verdict in any_verdict(),
    ) {
        let mut world = World {
            payment: unheard(),
            provider: Simulated::default(),
            verdict,
            now: now(),
            events: Vec::new(),
            postings: Vec::new(),
        };
        let mut facts = facts.into_iter();
        for step in moves {
            match step {
                Move::Hear => { if let Some(fact) = facts.next() { world.react(fact); } }
                Move::Work(fault) => world.work(fault),
                Move::Wait(milliseconds) => world.now += TimeDelta::milliseconds(milliseconds),
                Move::LateCallsArrive => world.provider.deliver_late(verdict),
            }
            prop_assert!(world.provider.charges() <= 1);
        }
        world.settle();
        for fact in facts {
            world.react(fact);
        }
        world.settle();
        check(&world)?;
    }
}

fn check(world: &World) -> Result<(), TestCaseError> {
    let World { payment, provider, events, postings, .. } = world;
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    let captured = count(|event| matches!(event, Event::PaymentCaptured(said) if !said.amount.zero_amount()));
    let free = count(|event| matches!(event, Event::PaymentCaptured(said) if said.amount.zero_amount()));
    let declined = count(|event| matches!(event, Event::PaymentDeclined(_)));
    let refunded = count(|event| matches!(event, Event::PaymentRefunded(_)));

    prop_assert!(
        captured + free + declined <= 1,
        "captured {}, free {}, declined {}",
        captured,
        free,
        declined
    );
    prop_assert_eq!(captured, provider.charges());
    prop_assert_eq!(refunded, provider.refunds.len());
    prop_assert_eq!(postings.len(), provider.charges() + provider.refunds.len());
    let ended = payment.end.is_some_and(End::last);
    let gone_back = matches!(payment.charge, Charge::Refunded { .. });
    let owed = matches!(payment.charge, Charge::RefundFailed { .. });
    prop_assert_eq!(gone_back, provider.refunds.len() == 1);
    if ended {
        prop_assert!(provider.charges() == 0 || gone_back || owed, "{:?}", payment.charge);
        prop_assert!(!payment.end_requested());
    }
    if declined == 1 {
        prop_assert_eq!(provider.charges(), 0);
    }
    if let Some(intent) = payment.charge.intent() {
        let rests =
            matches!(provider.intents[intent], IntentStatus::Succeeded { .. } | IntentStatus::Canceled);
        prop_assert!(rests, "{:?}", provider.intents[intent]);
    }
    let due = payment.due.as_ref();
    let reserved_in_vain = payment.charge == Charge::Waiting && payment.stock_reserved;
    prop_assert!(!reserved_in_vain || due.is_none());
    prop_assert!(payment.overdue.is_none() == (payment.end.is_some() || due.is_none()));
    let strays = provider.intents.iter().filter(|(id, _)| payment.charge.intent() != Some(*id));
    for (id, status) in strays {
        prop_assert_eq!(status, &IntentStatus::RequiresConfirmation, "{:?} was never to be confirmed", id);
    }
    prop_assert!(world.now <= after(100_000));
    Ok(())
}
