//! Whatever comes first, twice or late ends the same; whatever the provider does, nobody is charged twice, and never
//! more goes back than was taken.

use chrono::TimeDelta;
use contracts::event::DisputeStatus;
use contracts::{CancellationId, CaptureMode, Event, PaymentMethodId, RefundCause, ReturnId};
use proptest::prelude::*;
use uuid::Uuid;

use super::simulated::{DISPUTED, Fault, Verdict};
use super::world::World;
use super::{after, due, now, pounds, unheard};
use crate::domain::{
    Charge, Due, End, Input, IntentStatus, Method, Payment, Refund, RefundStage, Resolution,
};

const CANCELLED: RefundCause = RefundCause::Cancellation(CancellationId(Uuid::from_u128(11)));
const RETURNED: RefundCause = RefundCause::Return(ReturnId(Uuid::from_u128(12)));

/// What may be asked for an order that was confirmed: a capture in some rounds, refunds, and the end of all.
fn any_course() -> impl Strategy<Value = Vec<Input>> {
    let wish = (prop_oneof![1 => Just(0), 2 => Just(300), 2 => Just(500)], 0..=2_u32);
    (wish, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |((amount, rounds), cancelled, returned, ended)| {
            let wishes = (1..=rounds).map(|round| Input::CaptureRequested { amount: pounds(amount), round });
            let mut facts: Vec<Input> = wishes.collect();
            let fixed = amount > 0 || rounds == 0;
            let refunds = [(CANCELLED, 100, cancelled && fixed), (RETURNED, 150, returned && fixed)];
            let mut requested = 0;
            for (cause, amount, _) in refunds.into_iter().filter(|refund| refund.2) {
                requested += amount;
                facts.push(Input::RefundRequested { cause, amount: pounds(amount) });
            }
            facts.push(Input::Ended(End::Confirmed));
            let end = End::Cancelled { refunds_requested: pounds(requested) };
            facts.extend(ended.then_some(Input::Ended(end)));
            facts
        },
    )
}

/// What can become known of one order: what is due, whether stock is reserved, and how it goes on or ends.
fn any_facts() -> impl Strategy<Value = Vec<Input>> {
    let foreign = Due { method: Method::Foreign(PaymentMethodId(Uuid::from_u128(9))), ..due(500) };
    let late = Due { charge_by: now(), ..due(500) };
    let held = Due { capture: CaptureMode::BeforeShipping, ..due(500) };
    let due = prop_oneof![
        4 => Just(due(500)), 4 => Just(held), 1 => Just(foreign), 1 => Just(due(0)), 1 => Just(late)
    ];
    let cancelled = End::Cancelled { refunds_requested: pounds(0) };
    let end = |end| Just(vec![Input::Ended(end)]);
    let course = prop_oneof![
        1 => Just(Vec::new()),
        1 => end(End::Rejected),
        1 => end(End::Expired),
        1 => end(cancelled),
        5 => any_course(),
    ];
    (proptest::option::weighted(0.9, due), any::<bool>(), course).prop_map(|(due, reserved, course)| {
        let mut facts = Vec::new();
        facts.extend(due.map(Input::Placed));
        facts.extend(reserved.then_some(Input::StockReserved));
        facts.extend(course);
        facts
    })
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
    Webhooks,
    CustomerConfirms,
    Lapse,
    RefundFails,
    Dispute(DisputeStatus),
    AcceptDispute,
    RetryRefunds,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => Just(Move::Hear),
        12 => any_fault().prop_map(Move::Work),
        4 => (1..20_000_i64).prop_map(Move::Wait),
        2 => Just(Move::LateCallsArrive),
        3 => Just(Move::Webhooks),
        1 => Just(Move::CustomerConfirms),
        1 => Just(Move::Lapse),
        1 => Just(Move::RefundFails),
        1 => prop_oneof![Just(DisputeStatus::Won), Just(DisputeStatus::Lost)].prop_map(Move::Dispute),
        1 => Just(Move::AcceptDispute),
        1 => Just(Move::RetryRefunds),
    ]
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Approve),
        1 => Just(Verdict::Decline),
        1 => Just(Verdict::AskCustomer),
        1 => Just(Verdict::RefuseCapture),
    ]
}

fn make(world: &mut World, step: Move, facts: &mut impl Iterator<Item = Input>) {
    match step {
        Move::Hear => {
            if let Some(fact) = facts.next() {
                world.react(fact);
            }
        }
        Move::Work(fault) => world.work(fault),
        Move::Wait(milliseconds) => world.now += TimeDelta::milliseconds(milliseconds),
        Move::LateCallsArrive => world.provider.deliver_late(world.verdict),
        Move::Webhooks => world.webhooks(),
        Move::CustomerConfirms => world.provider.customer_confirms(),
        Move::Lapse => world.provider.lapse(),
        Move::RefundFails => world.provider.refund_fails(),
        Move::Dispute(closed) => world.provider.disputes(closed),
        Move::AcceptDispute => {
            let dispute_id = "dp_1".to_owned();
            world.react(Input::Resolved(Resolution::AcceptDispute { dispute_id }));
        }
        Move::RetryRefunds => {
            for cause in [RefundCause::FinalEnd, CANCELLED, RETURNED] {
                world.react(Input::Resolved(Resolution::RetryRefund { cause }));
            }
        }
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
    fn any_order_of_facts_answers_and_webhooks_leaves_the_shop_the_same_money(
        (facts, shuffled) in any_facts().prop_flat_map(shuffled),
        work in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let mut straight = World::new(Verdict::Approve);
        for fact in facts {
            straight.react(fact);
        }
        straight.settle();
        let mut crooked = World::new(Verdict::Approve);
        for (fact, works) in shuffled.into_iter().zip(work) {
            crooked.react(fact);
            if works {
                crooked.work(Fault::None);
                crooked.webhooks();
                crooked.work(Fault::Unheard);
            }
        }
        crooked.settle();
        check(&straight)?;
        check(&crooked)?;
        let kept = |world: &World| world.booked().captured - world.booked().refunded;
        prop_assert_eq!(kept(&straight), kept(&crooked));
    }

    #[test]
    fn nobody_is_charged_twice_and_what_has_ended_keeps_no_money(
        (_, facts) in any_facts().prop_flat_map(shuffled),
        moves in proptest::collection::vec(any_move(), 0..90),
        verdict in any_verdict(),
    ) {
        let mut world = World::new(verdict);
        let mut facts = facts.into_iter();
        for step in moves {
            make(&mut world, step, &mut facts);
            prop_assert!(world.provider.charges() <= 1);
            prop_assert!(world.provider.given_back() <= world.provider.captured());
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
    let World { payment, provider, events, .. } = world;
    let booked = world.booked();
    prop_assert_eq!(booked.captured, provider.captured());
    prop_assert_eq!(booked.refunded, provider.given_back());
    let open = provider.dispute == Some(DisputeStatus::Open);
    prop_assert_eq!(booked.disputed, if open { DISPUTED } else { 0 });

    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    let captured = count(|event| matches!(event, Event::PaymentCaptured(_)));
    let declined = count(|event| matches!(event, Event::PaymentDeclined(_)));
    prop_assert!(captured + declined <= 1, "captured {}, declined {}", captured, declined);
    prop_assert!(declined == 0 || provider.charges() == 0);
    prop_assert!(count(|event| matches!(event, Event::PaymentAuthorised(_))) <= 1);
    prop_assert!(count(|event| matches!(event, Event::PaymentActionRequired(_))) <= 1);
    prop_assert!(count(|event| matches!(event, Event::PaymentVoided(_))) <= 1);
    check_refunds(world)?;
    check_rest(world)?;
    if let Some(intent) = payment.charge.intent() {
        let held = matches!(payment.charge, Charge::Authorised { .. } | Charge::Due { .. });
        let rests =
            matches!(provider.intents[intent], IntentStatus::Succeeded { .. } | IntentStatus::Canceled);
        prop_assert!(held || rests, "{:?}", provider.intents[intent]);
    }
    let strays = provider.intents.iter().filter(|(id, _)| payment.charge.intent() != Some(*id));
    for (id, status) in strays {
        prop_assert_eq!(status, &IntentStatus::RequiresConfirmation, "{:?} was never to be confirmed", id);
    }
    Ok(())
}

/// Each refund is at the provider what it is here.
fn check_refunds(world: &World) -> Result<(), TestCaseError> {
    for (cause, refund) in &world.payment.refunds {
        let made = world.provider.refunds.iter().filter(|made| made.cause == *cause && !made.failed);
        let made = made.count();
        let expected = usize::from(matches!(refund.stage, RefundStage::Made { .. }));
        prop_assert_eq!(made, expected, "{}: {:?}", cause, refund);
        prop_assert!(refund.attempt().is_none(), "{:?}", refund);
    }
    Ok(())
}

/// What has ended holds nothing that is not given back, or owed for a reason that is known.
fn check_rest(world: &World) -> Result<(), TestCaseError> {
    let World { payment, provider, .. } = world;
    let ended = payment.end.is_some_and(End::last);
    let owed = |refund: &&Refund| matches!(refund.stage, RefundStage::Failed { .. } | RefundStage::Waiting);
    let owed: i64 = payment.refunds.values().filter(owed).map(|refund| refund.amount.amount()).sum();
    if ended {
        prop_assert_eq!(provider.captured(), provider.given_back() + owed, "{:?}", payment);
        let held = matches!(payment.charge, Charge::Authorised { .. } | Charge::Due { .. });
        prop_assert!(!held, "{:?}", payment.charge);
    }
    let Payment { due, end, overdue, .. } = payment;
    prop_assert!(overdue.is_none() == (end.is_some() || due.is_none()));
    prop_assert!(payment.charge != Charge::Waiting || !payment.stock_reserved || due.is_none());
    prop_assert!(world.now <= after(100_000));
    Ok(())
}
