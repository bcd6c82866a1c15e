//! The whole transition table.

use contracts::Refusal;

use super::*;

type Act = fn(&mut Order) -> Result<Vec<Event>, String>;

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Each state that can be reached beyond the saga's own.
fn states() -> Vec<(&'static str, Order)> {
    let late = CaptureMode::BeforeShipping;
    let at_once = CaptureMode::AtOnce;
    let whole = |order| done(order, |order| order.cancel(cancellation(1), None, now()));
    let packed = || done(confirmed(late), |order| order.ship(parcel(1), Some(&[part(1, 3)]), now()));
    let due = || after(packed(), &[Input::PaymentDue { round: 1, reason: "expired_card".into() }]);
    let refund = |order: Order| done(order, |order| order.refund_return(return_id(1), None, now()));
    vec![
        ("placed", placed(at_once)),
        ("rejected", after(placed(at_once), &[Input::StockRejected(Refusal::TooLate)])),
        ("expired", placed(at_once).react(&Input::Sweep, now() + TimeDelta::seconds(900)).0),
        ("cancelled before it was confirmed", whole(placed(at_once))),
        ("confirmed, captured", confirmed(at_once)),
        ("confirmed, authorised", confirmed(late)),
        ("cancelled after it was confirmed", whole(confirmed(at_once))),
        (
            "partly cancelled",
            done(confirmed(at_once), |order| order.cancel(cancellation(1), Some(&[part(1, 1)]), now())),
        ),
        ("packed, awaiting capture", packed()),
        ("packed, capture due", due()),
        ("packed, then cancelled", whole(packed())),
        (
            "partly shipped",
            done(confirmed(at_once), |order| order.ship(parcel(1), Some(&[part(1, 3)]), now())),
        ),
        ("shipped", shipped(at_once)),
        ("delivered", delivered()),
        ("return requested", returning()),
        ("return received", received()),
        ("return refunded", refund(received())),
    ]
}

fn acts() -> Vec<(&'static str, Act)> {
    vec![
        ("cancel", |order| order.cancel(cancellation(7), None, now()).map_err(told)),
        ("cancel one piece", |order| order.cancel(cancellation(7), Some(&[part(1, 1)]), now()).map_err(told)),
        ("ship", |order| order.ship(parcel(7), None, now()).map_err(told)),
        ("ship one piece", |order| order.ship(parcel(7), Some(&[part(2, 1)]), now()).map_err(told)),
        ("deliver", |order| order.deliver(parcel(1), now()).map_err(told)),
        ("request return", |order| order.request_return(return_id(7), &[part(1, 1)], now()).map_err(told)),
        ("receive return", |order| {
            order.receive_return(return_id(1), &[part(1, 2)], &[], now()).map_err(told)
        }),
        ("refund return", |order| order.refund_return(return_id(1), None, now()).map_err(told)),
        ("request capture", |order| order.request_capture().map_err(told)),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    let amount = pounds(3500);
    let cause = RefundCause::Return(return_id(1));
    vec![
        ("captured", Input::PaymentCaptured { amount }),
        ("captured £30.00", Input::PaymentCaptured { amount: pounds(3000) }),
        ("due", Input::PaymentDue { round: 1, reason: "expired_card".into() }),
        ("voided", Input::PaymentVoided),
        ("all refunded", Input::PaymentRefunded { cause: RefundCause::FinalEnd, amount, sequence: 3 }),
        ("return refunded", Input::PaymentRefunded { cause, amount: pounds(2000), sequence: 3 }),
        ("refund failed", Input::PaymentRefundFailed { cause, amount: pounds(2000), sequence: 3 }),
        ("overdue", Input::Overdue),
    ]
}

fn line(order: &Order) -> String {
    let flags = if order.refund_failed() { " refund failed" } else { "" };
    format!("{:?}/{:?}/{:?}{flags}", order.status(), order.payment_status(), order.fulfilment())
}

#[test]
fn the_whole_transition_table_beyond_the_saga() {
    let mut table = String::new();
    for (state, order) in states() {
        table += &format!("{state}: {} {:?}\n", line(&order), order.available_actions(now()));
        for (name, act) in acts() {
            let mut after = order.clone();
            match act(&mut after) {
                Ok(said) => table += &format!("  {name} -> {} {:?}\n", line(&after), names(&said)),
                Err(refused) => {
                    assert_eq!(after, order, "{state} + {name}: a refusal changes nothing");
                    table += &format!("  {name} -> refused: {refused}\n");
                }
            }
        }
        for (name, input) in inputs() {
            match order.fits(&input) {
                Ok(()) => {
                    let (after, said) = order.clone().react(&input, now());
                    table += &format!("  heard {name} -> {} {:?}\n", line(&after), names(&said));
                }
                Err(misfit) => table += &format!("  heard {name} -> does not fit: {misfit}\n"),
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// What says that something can be done is what does it.
#[test]
fn what_is_offered_is_what_is_possible() {
    let offered = [
        (Action::CancelOrder, vec!["cancel", "cancel one piece"]),
        (Action::ShipOrder, vec!["ship"]),
        (Action::DeliverParcel, vec!["deliver"]),
        (Action::RequestReturn, vec!["request return"]),
        (Action::ReceiveReturn, vec!["receive return"]),
        (Action::RefundReturn, vec!["refund return"]),
        (Action::RequestCapture, vec!["request capture"]),
    ];
    for (state, order) in states() {
        let actions = order.available_actions(now());
        for (action, names) in &offered {
            let possible = acts()
                .into_iter()
                .filter(|(name, _)| names.contains(name))
                .any(|(_, act)| act(&mut order.clone()).is_ok());
            // A piece of product 1 is asked for; of a partly shipped order only product 2 is left.
            let other_piece = *action == Action::CancelOrder && state == "partly shipped";
            assert!(possible == actions.contains(action) || other_piece, "{state}: {action:?}");
        }
    }
}
