//! Every state with every input, and every order of arrival.

use super::*;
use chrono::TimeDelta;
use contracts::event::DisputeStatus;
use contracts::{Currency, RefundCause};
use proptest::prelude::*;
use uuid::Uuid;

fn early() -> DateTime<Utc> {
    "2026-11-01T08:45:00Z".parse().unwrap()
}

fn late() -> DateTime<Utc> {
    early() + TimeDelta::seconds(900)
}

fn placed() -> Saga {
    Saga {
        order_id: OrderId(Uuid::nil()),
        number: "7K3M-9QXT".into(),
        customer_id: UserId(Uuid::nil()),
        total: pounds(9000),
        deadline: late(),
        facts: Facts::default(),
        end: None,
    }
}

fn declined() -> Refusal {
    Refusal::PaymentDeclined { code: "card_declined".into() }
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn captured() -> Input {
    Input::PaymentCaptured { amount: pounds(9000) }
}

fn inputs() -> [(&'static str, Input); 13] {
    let (cause, amount, sequence) = (RefundCause::FinalEnd, pounds(9000), 3);
    [
        ("stock reserved", Input::StockReserved),
        ("stock rejected", Input::StockRejected(Refusal::TooLate)),
        ("payment action required", Input::PaymentActionRequired),
        ("payment authorised", Input::PaymentAuthorised { amount }),
        ("payment captured", captured()),
        ("payment declined", Input::PaymentDeclined(declined())),
        ("payment voided", Input::PaymentVoided),
        ("payment due", Input::PaymentDue { round: 1, reason: "expired_card".into() }),
        ("payment refunded", Input::PaymentRefunded { cause, amount, sequence }),
        ("refund failed", Input::PaymentRefundFailed { cause, amount, sequence }),
        (
            "payment disputed",
            Input::PaymentDisputed { dispute_id: "dp_1".into(), amount, status: DisputeStatus::Open },
        ),
        ("overdue", Input::Overdue),
        ("sweep", Input::Sweep),
    ]
}

fn after(inputs: &[Input], now: DateTime<Utc>) -> Saga {
    inputs.iter().fold(placed(), |saga, input| saga.react(input, now).0)
}

fn cancelled(mut saga: Saga) -> Saga {
    saga.cancel(pounds(0), early());
    saga
}

/// Each state that can be reached, by the facts that lead to it.
fn states() -> Vec<(&'static str, Saga)> {
    vec![
        ("placed", placed()),
        ("reserved", after(&[Input::StockReserved], early())),
        ("captured, stock not heard of", after(&[captured()], early())),
        ("confirmed", after(&[Input::StockReserved, captured()], early())),
        ("rejected by stock", after(&[Input::StockRejected(Refusal::TooLate)], early())),
        ("rejected by payment", after(&[Input::StockReserved, Input::PaymentDeclined(declined())], early())),
        ("expired", after(&[Input::StockReserved, Input::Sweep], late())),
        ("cancelled", cancelled(placed())),
        ("cancelled after it was confirmed", cancelled(after(&[Input::StockReserved, captured()], early()))),
    ]
}

#[test]
fn the_whole_transition_table() {
    let mut table = String::new();
    for (state, saga) in states() {
        for (input_name, input) in inputs() {
            for (when, now) in [("in time", early()), ("too late", late())] {
                let (after, said) = saga.clone().react(&input, now);
                let end = after.end.as_ref().map_or("open", End::name);
                let said: Vec<_> = said.iter().map(|event| event.event_type().name()).collect();
                table += &format!("{state} + {input_name}, {when} -> {end} {said:?}\n");
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_end_is_never_left() {
    for (state, saga) in states() {
        let Some(end) = saga.end.clone() else { continue };
        for (_, input) in inputs() {
            assert_eq!(saga.clone().react(&input, late()).0.end, Some(end.clone()), "{state}");
        }
    }
}

#[test]
fn only_whoever_asks_is_told_the_end_again() {
    let confirmed = after(&[Input::StockReserved, captured()], early());
    assert_eq!(confirmed.clone().react(&Input::Overdue, late()).1.len(), 1);
    assert_eq!(confirmed.react(&Input::StockReserved, late()).1.len(), 0);
}

fn heard() -> impl Strategy<Value = Vec<Input>> {
    // What product and payment can say of one order: one story each, in whatever order and as often as they like.
    let stock = prop_oneof![Just(Input::StockReserved), Just(Input::StockRejected(Refusal::TooLate))];
    let payment = prop_oneof![Just(captured()), Just(Input::PaymentDeclined(declined()))];
    (stock, payment).prop_flat_map(|(stock, payment)| {
        let told = match stock {
            Input::StockRejected(_) => vec![stock.clone(), stock],
            _ => vec![stock.clone(), payment.clone(), stock, payment],
        };
        Just(told).prop_shuffle()
    })
}

proptest! {
    #[test]
    fn any_order_of_arrival_ends_the_same(told in heard()) {
        let mut sorted = told.clone();
        sorted.sort_by_key(|input| format!("{input:?}"));
        let strip = |saga: Saga| (saga.end.map(|end| end.name()), saga.facts.stock_refusal, saga.facts.payment_refusal);
        prop_assert_eq!(strip(after(&told, early())), strip(after(&sorted, early())));
        prop_assert!(after(&told, early()).end.is_some());
    }
}
