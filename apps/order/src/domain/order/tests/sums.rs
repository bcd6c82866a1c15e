//! Whatever is done to an order in whatever order: pieces and money come to what they must.

use proptest::prelude::*;

use super::*;

/// Something that is asked or heard; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Cancel(Option<Vec<Part>>),
    Ship(Option<Vec<Part>>),
    Deliver(usize),
    RequestReturn(Vec<Part>),
    ReceiveReturn(usize, Vec<Part>, Vec<Part>),
    RefundReturn(usize, Option<i64>),
    RequestCapture,
    Captured,
    Due(u32),
    RefundMade(usize),
    RefundFailed(usize),
    Overdue,
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    proptest::collection::vec((1..=3_u128, 1..=3_i64).prop_map(|(last, pieces)| part(last, pieces)), 0..3)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || proptest::option::weighted(0.8, parts());
    let step = prop_oneof![
        2 => some().prop_map(Step::Cancel),
        3 => some().prop_map(Step::Ship),
        3 => (0..3_usize).prop_map(Step::Deliver),
        3 => parts().prop_map(Step::RequestReturn),
        3 => (0..3_usize, parts(), parts()).prop_map(|(at, good, bad)| Step::ReceiveReturn(at, good, bad)),
        3 => (0..3_usize, proptest::option::of(0..4000_i64)).prop_map(|(at, much)| Step::RefundReturn(at, much)),
        1 => Just(Step::RequestCapture),
        3 => Just(Step::Captured),
        1 => (1..3_u32).prop_map(Step::Due),
        2 => (0..4_usize).prop_map(Step::RefundMade),
        1 => (0..4_usize).prop_map(Step::RefundFailed),
        1 => Just(Step::Overdue),
    ];
    proptest::collection::vec(step, 1..30)
}

fn take(order: &mut Order, step: &Step, number: usize) -> Vec<Event> {
    let id = Uuid::from_u128(100 + number as u128);
    let sequence = i64::try_from(number).unwrap() + 1;
    let asked = |asked: Option<&Return>| asked.map_or(return_id(0), |asked| asked.id);
    match step {
        Step::Cancel(parts) => order.cancel(CancellationId(id), parts.as_deref(), now()).unwrap_or_default(),
        Step::Ship(parts) => order.ship(ParcelId(id), parts.as_deref(), now()).unwrap_or_default(),
        Step::Deliver(at) => {
            let parcel = order.parcels.get(*at).map_or(parcel(0), |parcel| parcel.id);
            order.deliver(parcel, now()).unwrap_or_default()
        }
        Step::RequestReturn(parts) => order.request_return(ReturnId(id), parts, now()).unwrap_or_default(),
        Step::ReceiveReturn(at, good, bad) => {
            let id = asked(order.returns.get(*at));
            order.receive_return(id, good, bad, now()).unwrap_or_default()
        }
        Step::RefundReturn(at, much) => {
            let id = asked(order.returns.get(*at));
            order.refund_return(id, much.map(pounds), now()).unwrap_or_default()
        }
        Step::RequestCapture => order.request_capture().unwrap_or_default(),
        Step::Captured => match order.to_capture() {
            Some(amount) => hear(order, &Input::PaymentCaptured { amount }),
            None => Vec::new(),
        },
        Step::Due(round) => hear(order, &Input::PaymentDue { round: *round, reason: "late".into() }),
        Step::RefundMade(at) => match order.refunds.get(*at).cloned() {
            Some(Refund { cause, amount, .. }) => {
                hear(order, &Input::PaymentRefunded { cause, amount, sequence })
            }
            None => Vec::new(),
        },
        Step::RefundFailed(at) => match order.refunds.get(*at).cloned() {
            Some(Refund { cause, amount, .. }) => {
                hear(order, &Input::PaymentRefundFailed { cause, amount, sequence })
            }
            None => Vec::new(),
        },
        Step::Overdue => hear(order, &Input::Overdue),
    }
}

fn hear(order: &mut Order, input: &Input) -> Vec<Event> {
    order.fits(input).unwrap();
    let (after, said) = order.clone().react(input, now());
    *order = after;
    said
}

fn pence(amounts: impl Iterator<Item = Money>) -> i64 {
    amounts.map(Money::amount).sum()
}

/// Statement 4 of the books, for this order alone.
fn the_money_comes_to_what_is_left(order: &Order) {
    if !matches!(order.saga.end, Some(End::Confirmed { .. })) {
        return;
    }
    let total = order.saga.total.amount();
    let cancelled = pence(order.cancellations.iter().map(|cancellation| cancellation.amount));
    let accepted = pence(
        order
            .refunds
            .iter()
            .filter(|refund| matches!(refund.cause, RefundCause::Return(_)))
            .map(|r| r.amount),
    );
    // What was asked for, or is to be with the first parcel: captured already or still to be.
    let taken = order.to_capture().map_or(total - cancelled, Money::amount);
    let owed_or_refunded = pence(order.refunds.iter().map(|refund| refund.amount));
    assert_eq!(taken - owed_or_refunded, total - cancelled - accepted, "{order:?}");
    if let Some(captured) = order.capture.captured {
        assert!(owed_or_refunded <= captured.amount(), "{order:?}");
    }
}

fn the_pieces_come_to_what_was_ordered(order: &Order) {
    let ordered = Pieces::ordered(&order.lines);
    assert_eq!(order.lines, placed(order.terms.capture).lines);
    for (product_id, pieces) in ordered.iter() {
        let of = |pieces: Pieces| pieces.get(product_id);
        let packed: u32 = order
            .parcels
            .iter()
            .filter(|parcel| !matches!(parcel.state, ParcelState::Withdrawn { .. }))
            .map(|parcel| of(Pieces::of(&parcel.parts)))
            .sum();
        assert_eq!(of(order.cancelled()) + packed + of(order.left()), pieces, "{order:?}");
        assert!(of(order.delivered()) <= of(order.shipped()) && of(order.shipped()) <= packed);
        assert!(of(order.received()) <= of(order.delivered()), "{order:?}");
    }
}

/// One refund for each cause, one end that only a whole cancel changes, and nothing shipped before its money.
fn nothing_is_said_twice(order: &Order, said: &[Event]) {
    let mut causes = Vec::new();
    let mut parcels = Vec::new();
    let mut captures = Vec::new();
    for event in said {
        match event {
            Event::OrderRefundRequested(said) => causes.push(said.cause),
            Event::OrderShipped(said) => parcels.push(said.parcel_id),
            Event::OrderCaptureRequested(said) => captures.push((said.round, said.amount)),
            _ => {}
        }
    }
    let once = |length: usize, distinct: usize| assert_eq!(length, distinct, "{said:?}");
    once(causes.len(), causes.iter().collect::<std::collections::BTreeSet<_>>().len());
    once(parcels.len(), parcels.iter().collect::<std::collections::BTreeSet<_>>().len());
    assert!(captures.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 == two[1].1), "{captures:?}");
    if !parcels.is_empty() {
        let free = order.to_capture().is_some_and(Money::zero_amount);
        assert!(order.capture.captured.is_some() || free, "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn pieces_and_money_come_to_what_they_must(steps in steps(), before_shipping in any::<bool>()) {
        let capture = if before_shipping { CaptureMode::BeforeShipping } else { CaptureMode::AtOnce };
        let mut order = confirmed(capture);
        let mut said = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let ended = order.saga.end.clone();
            said.extend(take(&mut order, step, number));
            the_money_comes_to_what_is_left(&order);
            the_pieces_come_to_what_was_ordered(&order);
            if !matches!(ended, Some(End::Confirmed { .. })) {
                prop_assert_eq!(&order.saga.end, &ended);
            }
        }
        nothing_is_said_twice(&order, &said);
    }

    #[test]
    fn what_is_heard_once_or_twice_ends_the_same(steps in steps(), before_shipping in any::<bool>()) {
        let capture = if before_shipping { CaptureMode::BeforeShipping } else { CaptureMode::AtOnce };
        let mut order = confirmed(capture);
        for (number, step) in steps.iter().enumerate() {
            take(&mut order, step, number);
            let heard = matches!(
                step,
                Step::Captured | Step::Due(_) | Step::RefundMade(_) | Step::RefundFailed(_)
            );
            if heard {
                let once = order.clone();
                let said = take(&mut order, step, number);
                prop_assert_eq!((&order, said.len()), (&once, 0));
            }
        }
    }
}
