//! Single courses that the table and the properties do not tell by name.

use contracts::event::DisputeStatus;
use contracts::{CancellationId, CaptureMode, Event, RefundCause, ReturnId};
use uuid::Uuid;

use super::simulated::{Fault, Verdict};
use super::world::World;
use super::{due, pounds};
use crate::domain::effect::Posting;
use crate::domain::{Charge, Due, End, Input, RefundFailure, RefundSeen, RefundStage, Resolution};

fn placed(verdict: Verdict, capture: CaptureMode) -> World {
    let mut world = World::new(verdict);
    world.react(Input::Placed(Due { capture, ..due(500) }));
    world.react(Input::StockReserved);
    world
}

fn captured() -> World {
    let mut world = placed(Verdict::Approve, CaptureMode::AtOnce);
    world.settle();
    world.react(Input::Ended(End::Confirmed));
    world
}

fn names(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|event| event.event_type().name()).collect()
}

fn cancellation(id: u128) -> RefundCause {
    RefundCause::Cancellation(CancellationId(Uuid::from_u128(id)))
}

fn ask_refund(world: &mut World, cause: RefundCause, amount: i64) {
    world.react(Input::RefundRequested { cause, amount: pounds(amount) });
}

#[test]
fn a_capture_that_is_refused_is_due_and_tried_again_under_a_new_key_when_asked_again() {
    let mut world = placed(Verdict::RefuseCapture, CaptureMode::BeforeShipping);
    world.settle();
    world.react(Input::CaptureRequested { amount: pounds(300), round: 1 });
    world.settle();
    let Some(Event::PaymentDue(said)) = world.events.last() else { panic!("{:?}", world.events) };
    assert_eq!((said.round, said.amount, said.reason.as_str()), (1, pounds(300), "card_declined"));
    world.verdict = Verdict::Approve;
    world.react(Input::CaptureRequested { amount: pounds(300), round: 2 });
    world.settle();
    assert_eq!(
        names(&world),
        ["payment.authorised.v1", "payment.due.v1", "payment.captured.v1"],
        "{:?}",
        world.payment
    );
    assert_eq!(world.provider.captured(), 300);
}

#[test]
fn an_authorisation_that_lapses_is_said_to_be_due_once_its_capture_is_asked_for() {
    let mut world = placed(Verdict::Approve, CaptureMode::BeforeShipping);
    world.settle();
    world.provider.lapse();
    world.webhooks();
    assert_eq!(names(&world), ["payment.authorised.v1"]);
    for round in [1, 2] {
        world.react(Input::CaptureRequested { amount: pounds(300), round });
        let Some(Event::PaymentDue(said)) = world.events.last() else { panic!("{:?}", world.events) };
        assert_eq!((said.round, said.reason.as_str()), (round, "authorisation_lapsed"));
    }
    world.react(Input::Ended(End::Cancelled { refunds_requested: pounds(0) }));
    assert_eq!(names(&world).last(), Some(&"payment.voided.v1"));
}

#[test]
fn nothing_left_to_capture_lets_the_money_go_and_counts_as_captured() {
    let mut world = placed(Verdict::Approve, CaptureMode::BeforeShipping);
    world.settle();
    world.react(Input::CaptureRequested { amount: pounds(0), round: 1 });
    world.settle();
    let Some(Event::PaymentCaptured(said)) = world.events.last() else { panic!("{:?}", world.events) };
    assert!(said.amount.zero_amount());
    assert!(matches!(world.payment.charge, Charge::Free { intent: Some(_) }));
    assert!(world.postings.is_empty());
}

#[test]
fn the_customers_own_step_is_waited_for_until_it_is_done_or_too_late() {
    for (done, last) in [(true, "payment.captured.v1"), (false, "payment.declined.v1")] {
        let mut world = placed(Verdict::AskCustomer, CaptureMode::AtOnce);
        for _ in 0..4 {
            world.work(Fault::None);
        }
        assert!(matches!(world.payment.charge, Charge::ActionRequired { .. }), "{:?}", world.payment.charge);
        assert!(!world.payment.unknown(), "looking is no doubt");
        if done {
            world.provider.customer_confirms();
        }
        world.settle();
        assert_eq!(names(&world), ["payment.action_required.v1", last]);
    }
}

#[test]
fn refunds_add_up_and_one_too_many_is_never_sent() {
    let mut world = captured();
    ask_refund(&mut world, cancellation(1), 200);
    ask_refund(&mut world, cancellation(2), 250);
    world.settle();
    ask_refund(&mut world, RefundCause::Return(ReturnId(Uuid::from_u128(3))), 51);
    world.settle();
    assert_eq!(world.provider.given_back(), 450);
    let Some(Event::PaymentRefundFailed(said)) = world.events.last() else { panic!("{:?}", world.events) };
    assert_eq!(said.amount, pounds(51));
    let refund = &world.payment.refunds[&said.cause];
    assert_eq!(refund.stage, RefundStage::Failed { why: RefundFailure::Exceeds });
    assert_eq!(refund.tried, 0);
    world.react(Input::Ended(End::Cancelled { refunds_requested: pounds(450) }));
    world.settle();
    assert_eq!(world.provider.given_back(), 500, "the rest goes back with the end");
}

#[test]
fn a_refund_that_comes_back_is_reversed_and_can_be_made_again_or_settled() {
    for settled in [false, true] {
        let mut world = captured();
        let cause = cancellation(1);
        ask_refund(&mut world, cause, 200);
        world.settle();
        world.provider.refund_fails();
        world.settle();
        assert_eq!(names(&world)[1..], ["payment.refunded.v1", "payment.refund_failed.v1"]);
        assert_eq!(world.booked().refunded, 0);
        let decided =
            if settled { Resolution::SettleRefund { cause } } else { Resolution::RetryRefund { cause } };
        world.react(Input::Resolved(decided));
        world.settle();
        assert_eq!(world.provider.given_back(), if settled { 0 } else { 200 });
        assert_eq!(world.booked().refunded, if settled { 0 } else { 200 });
        let settlements =
            world.postings.iter().filter(|posting| matches!(posting, Posting::Settlement { .. })).count();
        assert_eq!(settlements, usize::from(settled));
        assert_eq!(names(&world).last(), Some(&"payment.refunded.v1"));
    }
}

#[test]
fn what_has_come_to_nothing_stays_so_whatever_is_told_late() {
    let mut world = captured();
    let cause = cancellation(1);
    ask_refund(&mut world, cause, 200);
    world.settle();
    let accepted = RefundSeen::Accepted { reference: "re_1".to_owned() };
    let failed = RefundSeen::Failed { reference: "re_1".to_owned() };
    for seen in [failed.clone(), accepted.clone(), failed, accepted] {
        world.react(Input::RefundSeen { cause, seen });
    }
    assert_eq!(world.booked().refunded, 0);
    let stage = &world.payment.refunds[&cause].stage;
    assert_eq!(*stage, RefundStage::Failed { why: RefundFailure::Returned });
}

#[test]
fn refunds_wait_while_a_dispute_is_open() {
    let mut world = captured();
    let dispute = |status| Input::DisputeSeen { dispute_id: "dp_1".to_owned(), amount: pounds(400), status };
    world.react(dispute(DisputeStatus::Open));
    ask_refund(&mut world, cancellation(1), 200);
    world.settle();
    assert_eq!(world.provider.given_back(), 0);
    assert_eq!(world.payment.refunds[&cancellation(1)].stage, RefundStage::Waiting);
    let mut lost = World { postings: Vec::new(), events: Vec::new(), ..captured() };
    lost.react(dispute(DisputeStatus::Lost));
    lost.react(dispute(DisputeStatus::Open));
    ask_refund(&mut lost, cancellation(1), 200);
    assert_eq!(names(&lost), ["payment.disputed.v1", "payment.refund_failed.v1"], "too little is left");
    world.react(dispute(DisputeStatus::Won));
    world.settle();
    assert_eq!(world.provider.given_back(), 200);
}

#[test]
fn staff_can_say_what_the_provider_does_not_and_the_provider_can_contradict() {
    let mut world = placed(Verdict::Approve, CaptureMode::AtOnce);
    assert!(world.payment.clone().resolve(Resolution::NotCharged, world.now).is_err());
    world.work(Fault::None);
    world.work(Fault::Unheard);
    assert!(world.payment.unknown());
    world.react(Input::Resolved(Resolution::NotCharged));
    assert_eq!(names(&world), ["payment.declined.v1"]);
    world.react(Input::Ended(End::Rejected));
    world.webhooks();
    world.settle();
    assert_eq!(
        names(&world),
        ["payment.declined.v1", "payment.captured.v1", "payment.refunded.v1"],
        "what was taken after all goes back"
    );
    assert_eq!(world.provider.given_back(), 500);
}
