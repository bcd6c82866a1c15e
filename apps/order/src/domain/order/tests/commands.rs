//! What is refused, and what follows from what is done.

use contracts::event::DisputeStatus;

use super::*;

#[test]
fn before_it_is_confirmed_only_the_whole_can_be_cancelled() {
    let mut order = placed(CaptureMode::AtOnce);
    assert_eq!(order.cancel(cancellation(1), Some(&[part(1, 1)]), now()), Err(CancelError::OnlyWhole));
    let said = order.cancel(cancellation(1), None, now()).unwrap();
    assert_eq!(names(&said), ["order.cancelled.v1"]);
    assert_eq!(order.cancelled(), Pieces::ordered(&order.lines));
    // Stock and money that come later change nothing.
    let late = after(order, &[Input::StockReserved, Input::PaymentCaptured { amount: pounds(3500) }]);
    assert_eq!((late.status(), late.payment_status()), (OrderStatus::Cancelled, PaymentStatus::Captured));
}

#[test]
fn parts_that_are_all_there_is_are_the_whole() {
    let mut order = confirmed(CaptureMode::AtOnce);
    let all = [part(2, 1), part(1, 3), part(2, 1)];
    assert_eq!(names(&order.cancel(cancellation(1), Some(&all), now()).unwrap()), ["order.cancelled.v1"]);
    assert_eq!(order.refunds, []);
}

#[test]
fn a_part_lowers_what_is_to_be_captured_until_that_is_fixed() {
    let mut order = confirmed(CaptureMode::BeforeShipping);
    let said = order.cancel(cancellation(1), Some(&[part(1, 1)]), now()).unwrap();
    assert_eq!(names(&said), ["order.lines_cancelled.v1"]);

    let said = order.ship(parcel(1), Some(&[part(1, 1)]), now()).unwrap();
    assert_eq!(names(&said), ["order.capture_requested.v1"]);
    assert_eq!(order.to_capture(), Some(pounds(2500)));
    assert_eq!(order.fulfilment(), Fulfilment::AwaitingCapture);
    // A second parcel waits with the first; the money is asked for once.
    assert_eq!(order.ship(parcel(2), Some(&[part(2, 1)]), now()).unwrap(), []);

    let said = order.cancel(cancellation(2), Some(&[part(2, 1)]), now()).unwrap();
    assert_eq!(names(&said), ["order.lines_cancelled.v1", "order.refund_requested.v1"]);
    assert_eq!(order.refunds_requested(), pounds(250));

    assert!(order.fits(&Input::PaymentCaptured { amount: pounds(3500) }).is_err());
    let (order, said) = order.react(&Input::PaymentCaptured { amount: pounds(2500) }, now());
    assert_eq!(names(&said), ["order.shipped.v1", "order.shipped.v1"]);
    assert_eq!(order.fulfilment(), Fulfilment::PartlyShipped);
    // Once more changes nothing.
    let (again, said) = order.clone().react(&Input::PaymentCaptured { amount: pounds(2500) }, now());
    assert_eq!((again, said), (order, vec![]));
}

#[test]
fn a_whole_cancel_after_parts_tells_what_was_asked_back_before() {
    let mut order = confirmed(CaptureMode::AtOnce);
    order.cancel(cancellation(1), Some(&[part(1, 1)]), now()).unwrap();
    order.cancel(cancellation(2), Some(&[part(2, 2)]), now()).unwrap();
    let said = order.cancel(cancellation(3), None, now()).unwrap();
    let [Event::OrderCancelled(cancelled)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(cancelled.refunds_requested, pounds(1500));
    assert_eq!(order.cancelled(), Pieces::ordered(&order.lines));
    // Only the rest may go back for the end.
    let rest =
        |pence| Input::PaymentRefunded { cause: RefundCause::FinalEnd, amount: pounds(pence), sequence: 9 };
    assert!(order.fits(&rest(2001)).is_err());
    let order = after(order, &[rest(2000)]);
    assert_eq!(order.refunds_requested(), pounds(1500));
    // And whoever asks is told the same again.
    let (_, said) = order.react(&Input::Overdue, now());
    let [Event::OrderCancelled(again)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(again.refunds_requested, pounds(1500));
}

#[test]
fn a_parcel_that_waits_is_withdrawn_with_its_order() {
    let mut order = confirmed(CaptureMode::BeforeShipping);
    order.ship(parcel(1), None, now()).unwrap();
    order.cancel(cancellation(1), None, now()).unwrap();
    let (order, said) = order.react(&Input::PaymentCaptured { amount: pounds(3500) }, now());
    assert_eq!(said, []);
    assert_eq!(order.parcels[0].state, ParcelState::Withdrawn { at: now() });
    assert_eq!(order.fulfilment(), Fulfilment::None);
}

#[test]
fn what_was_shipped_or_has_ended_cannot_be_cancelled() {
    let mut partly = confirmed(CaptureMode::AtOnce);
    partly.ship(parcel(1), Some(&[part(1, 3)]), now()).unwrap();
    assert_eq!(partly.cancel(cancellation(1), None, now()), Err(CancelError::Shipped));
    let exceeded = Exceeded { product_id: product(1), requested: 1, left: 0 };
    assert_eq!(partly.cancel(cancellation(1), Some(&[part(1, 1)]), now()), Err(exceeded.into()));
    // What has not left can still be taken back, even all of it.
    let said = partly.cancel(cancellation(1), Some(&[part(2, 2)]), now()).unwrap();
    assert_eq!(names(&said), ["order.lines_cancelled.v1", "order.refund_requested.v1"]);
    assert_eq!((partly.status(), partly.fulfilment()), (OrderStatus::Confirmed, Fulfilment::Shipped));
    assert_eq!(partly.cancel(cancellation(2), Some(&[part(2, 1)]), now()), Err(CancelError::Shipped));

    let mut cancelled = done(placed(CaptureMode::AtOnce), |order| order.cancel(cancellation(1), None, now()));
    let end = cancelled.saga.end.clone().unwrap();
    assert_eq!(cancelled.cancel(cancellation(2), None, now()), Err(CancelError::Ended { end }));
}

#[test]
fn an_order_with_nothing_left_to_pay_ships_at_once_and_lets_the_authorisation_go() {
    let mut order = confirmed(CaptureMode::BeforeShipping);
    order.lines.push(OrderLine {
        product_id: product(3),
        quantity: Quantity::new(1).unwrap(),
        unit_price: pounds(0),
    });
    order.cancel(cancellation(1), Some(&[part(1, 3), part(2, 2)]), now()).unwrap();
    let said = order.ship(parcel(1), None, now()).unwrap();
    assert_eq!(names(&said), ["order.capture_requested.v1", "order.shipped.v1"]);
    assert_eq!(order.to_capture(), Some(pounds(0)));
}

#[test]
fn a_capture_that_failed_is_asked_for_again_under_the_next_round() {
    let mut order = confirmed(CaptureMode::BeforeShipping);
    assert_eq!(order.request_capture(), Err(RequestCaptureError::NotDue));
    order.ship(parcel(1), None, now()).unwrap();
    let failed = |round| Input::PaymentDue { round, reason: "authorisation_lapsed".into() };
    let mut order = after(order, &[failed(1)]);
    assert_eq!(order.payment_status(), PaymentStatus::Due);
    let said = order.request_capture().unwrap();
    let [Event::OrderCaptureRequested(again)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((again.amount, again.round), (pounds(3500), 2));
    assert_eq!(order.request_capture(), Err(RequestCaptureError::NotDue));
    // The first round's failure told twice says nothing of the second.
    let order = after(order, &[failed(1)]);
    assert_eq!(order.payment_status(), PaymentStatus::Authorised);
    let order = after(order, &[failed(2), Input::PaymentCaptured { amount: pounds(3500) }]);
    assert_eq!((order.payment_status(), order.fulfilment()), (PaymentStatus::Captured, Fulfilment::Shipped));
}

#[test]
fn a_return_is_of_what_was_delivered_and_in_time() {
    let mut order = shipped(CaptureMode::AtOnce);
    let exceeded = |requested, left| Exceeded { product_id: product(1), requested, left };
    assert_eq!(order.request_return(return_id(1), &[part(1, 1)], now()), Err(exceeded(1, 0).into()));
    order.deliver(parcel(1), now()).unwrap();
    assert_eq!(order.request_return(return_id(1), &[part(1, 4)], now()), Err(exceeded(4, 3).into()));
    assert_eq!(order.request_return(return_id(1), &[], now()), Err(RequestReturnError::NoParts));
    let closes = now() + TimeDelta::days(30);
    assert_eq!(
        order.request_return(return_id(1), &[part(1, 1)], closes),
        Err(RequestReturnError::WindowClosed { closed_at: closes })
    );
    order.request_return(return_id(1), &[part(1, 2)], closes - TimeDelta::seconds(1)).unwrap();
    assert_eq!(order.request_return(return_id(2), &[part(1, 2)], now()), Err(exceeded(2, 1).into()));
}

#[test]
fn each_parcel_has_its_own_time_for_returns() {
    let mut order = confirmed(CaptureMode::AtOnce);
    order.ship(parcel(1), Some(&[part(1, 2)]), now()).unwrap();
    order.ship(parcel(2), Some(&[part(1, 1)]), now()).unwrap();
    order.deliver(parcel(1), now()).unwrap();
    let later = now() + TimeDelta::days(20);
    order.deliver(parcel(2), later).unwrap();
    let between = now() + TimeDelta::days(31);
    assert_eq!(
        order.request_return(return_id(1), &[part(1, 2)], between),
        Err(RequestReturnError::WindowClosed { closed_at: later + TimeDelta::days(30) })
    );
    order.request_return(return_id(1), &[part(1, 1)], between).unwrap();
}

#[test]
fn fewer_pieces_may_arrive_and_the_others_can_be_sent_later() {
    let mut order = returning();
    let exceeded = Exceeded { product_id: product(1), requested: 3, left: 2 };
    let too_many = order.receive_return(return_id(1), &[part(1, 2)], &[part(1, 1)], now());
    assert_eq!(too_many, Err(exceeded.into()));
    order.receive_return(return_id(1), &[], &[part(1, 1)], now()).unwrap();
    let twice = order.receive_return(return_id(1), &[], &[], now());
    assert_eq!(twice, Err(ReceiveReturnError::AlreadyReceived));
    order.request_return(return_id(2), &[part(1, 2)], now()).unwrap();
}

#[test]
fn a_return_is_refunded_once_and_never_beyond_its_worth() {
    let mut order = returning();
    assert_eq!(order.refund_return(return_id(1), None, now()), Err(RefundReturnError::NotReceived));
    assert_eq!(order.refund_return(return_id(2), None, now()), Err(RefundReturnError::UnknownReturn));
    let mut order = received();
    let amount = |pence| Some(pounds(pence));
    let (too_much, most) = (pounds(2001), pounds(2000));
    assert_eq!(
        order.refund_return(return_id(1), amount(2001), now()),
        Err(RefundReturnError::TooMuch { amount: too_much, most })
    );
    assert_eq!(order.refund_return(return_id(1), amount(0), now()), Err(RefundReturnError::Nothing));
    let euros = Money::new(1, Currency::Eur).unwrap();
    assert_eq!(
        order.refund_return(return_id(1), Some(euros), now()),
        Err(RefundReturnError::OtherCurrency { expected: Currency::Gbp, given: Currency::Eur })
    );
    let said = order.refund_return(return_id(1), amount(1500), now()).unwrap();
    assert_eq!(names(&said), ["order.refund_requested.v1"]);
    assert_eq!(order.refund_return(return_id(1), None, now()), Err(RefundReturnError::AlreadyRefunded));
}

#[test]
fn of_two_words_about_a_refund_the_later_said_counts() {
    let order = done(received(), |order| order.refund_return(return_id(1), None, now()));
    let (cause, amount) = (RefundCause::Return(return_id(1)), pounds(2000));
    let made = |sequence| Input::PaymentRefunded { cause, amount, sequence };
    let failed = |sequence| Input::PaymentRefundFailed { cause, amount, sequence };
    let ends = |told: &[Input]| after(order.clone(), told).refund_of(cause).unwrap().state;
    assert_eq!(ends(&[made(3), failed(4)]), ends(&[failed(4), made(3)]));
    assert_eq!(ends(&[failed(3), made(4)]), ends(&[made(4), failed(3), made(4)]));
    assert_eq!(ends(&[made(3), failed(4)]).made_at(), Some(now()));
    assert!(after(order.clone(), &[made(3), failed(4)]).refund_failed());
    let other = Input::PaymentRefunded { cause, amount: pounds(1), sequence: 3 };
    assert!(order.fits(&other).is_err());
    let unasked = RefundCause::Cancellation(cancellation(9));
    let unasked = Input::PaymentRefunded { cause: unasked, amount, sequence: 3 };
    assert_eq!(
        order.fits(&unasked).unwrap_err().to_string(),
        format!("no refund was asked for {}", RefundCause::Cancellation(cancellation(9)))
    );
}

#[test]
fn an_order_of_which_all_came_back_and_was_refunded_is_returned_for_good() {
    let mut order = delivered();
    order.request_return(return_id(1), &[part(1, 3), part(2, 2)], now()).unwrap();
    order.receive_return(return_id(1), &[part(1, 3)], &[part(2, 2)], now()).unwrap();
    order.refund_return(return_id(1), None, now()).unwrap();
    assert_eq!((order.status(), order.fulfilment()), (OrderStatus::Confirmed, Fulfilment::Returned));
    let (cause, amount) = (RefundCause::Return(return_id(1)), pounds(3500));
    let order = after(order, &[Input::PaymentRefunded { cause, amount, sequence: 4 }]);
    assert_eq!((order.status(), order.payment_status()), (OrderStatus::Returned, PaymentStatus::Refunded));
    let order = after(order, &[Input::PaymentRefundFailed { cause, amount, sequence: 5 }]);
    assert_eq!((order.status(), order.refund_failed()), (OrderStatus::Returned, true));
    assert_eq!(order.available_actions(now()), []);
}

#[test]
fn a_dispute_that_was_closed_stays_closed() {
    let told = |status| Input::PaymentDisputed { dispute_id: "dp_1".into(), amount: pounds(3500), status };
    let order = after(confirmed(CaptureMode::AtOnce), &[told(DisputeStatus::Open)]);
    assert!(order.disputed());
    let order = after(order, &[told(DisputeStatus::Lost), told(DisputeStatus::Open)]);
    assert_eq!((order.disputed(), order.disputes[0].status), (false, DisputeStatus::Lost));
}
