//! Captures that wait for shipping.

use chrono::TimeDelta;
use contracts::event::PaymentDue;
use contracts::{CaptureMode, Event};
use serde_json::json;
use sqlx::PgPool;

use crate::courses::{cancelled, capture_requested};
use crate::house::{House, pounds, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_is_held_is_captured_once_in_the_amount_that_is_asked_for(db: PgPool) {
    let house = House::new(db).await;
    let order = house.held("pm_card_visa").await;
    for _ in 0..2 {
        house.hear(capture_requested(&order, 1500, 1)).await;
        house.work_through().await;
    }
    assert_eq!(house.said_names(&order).await, ["payment.authorised.v1", "payment.captured.v1"]);
    let payment = house.payment(&order).await;
    assert_eq!(
        (&payment["status"], &payment["captured"]["amount"], &payment["authorised"]["amount"]),
        (&json!("captured"), &json!(1500), &json!(0))
    );
    assert_eq!(
        house.receipts(&order).await[3..],
        ["capture planned 1", "capture sent 1", "capture confirmed 1"]
    );
    assert_eq!(house.tally(&order).await["captured"], json!({"gbp": 1500}));
    assert_eq!(house.count("ledger_entry").await, 1);
    house.hear(cancelled(&order, 0)).await;
    house.work_through().await;
    assert_eq!(house.tally(&order).await["refunded"], json!({"gbp": 1500}));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_capture_that_is_asked_for_before_the_order_is_known_waits_for_it(db: PgPool) {
    let house = House::new(db).await;
    let mut order = house.order("pm_card_visa").await;
    order.terms.capture = CaptureMode::BeforeShipping;
    house.hear(capture_requested(&order, 1500, 1)).await;
    house.hear(reserved(&order)).await;
    house.hear(order.clone()).await;
    house.work_through().await;
    assert_eq!(house.tally(&order).await["captured"], json!({"gbp": 1500}));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_capture_of_unknown_outcome_is_made_once(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["pm_capture_500", "pm_capture_hang_once", "pm_capture_no_answer"] {
        let order = house.held(token).await;
        house.hear(capture_requested(&order, 1999, 1)).await;
        house.work().await;
        assert_eq!(house.status(&order).await, "unknown", "{token}");
        house.work_through().await;
        assert_eq!(house.status(&order).await, "captured", "{token}");
        assert_eq!(house.counts(&order).await, [1, 1, 0], "{token}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refused_capture_is_due_until_it_is_asked_for_again(db: PgPool) {
    let house = House::new(db).await;
    let order = house.held("pm_capture_declined").await;
    house.hear(capture_requested(&order, 1999, 1)).await;
    house.work_through().await;
    let said = house.said(&order).await;
    let Some(Event::PaymentDue(PaymentDue { round: 1, amount, reason, .. })) = said.last() else {
        panic!("{said:?}")
    };
    assert_eq!(*amount, pounds(1999));
    let payment = house.payment(&order).await;
    assert_eq!(payment["status"], "due");
    assert_eq!(payment["capture_due"]["reason"], json!(reason));
    assert_eq!(house.issues(&order).await, ["due"]);
    assert_eq!(house.tally(&order).await["effective_charges"], json!(0));
    house.hear(capture_requested(&order, 1999, 1)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "due", "the same round is not tried twice");

    house.hear(capture_requested(&order, 1999, 2)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert!(house.issues(&order).await.is_empty());
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_authorisation_that_has_lapsed_is_due_and_let_go_with_the_order(db: PgPool) {
    let house = House::new(db).await;
    let order = house.held("pm_card_visa").await;
    house.at_intent(&order, "lapse").await;
    for round in [1, 2] {
        house.hear(capture_requested(&order, 1999, round)).await;
        house.work_through().await;
        let payment = house.payment(&order).await;
        assert_eq!(payment["capture_due"]["reason"], "authorisation_lapsed");
        assert_eq!(payment["capture_due"]["round"], round);
    }
    house.hear(cancelled(&order, 0)).await;
    house.work_through().await;
    assert_eq!(
        house.said_names(&order).await,
        ["payment.authorised.v1", "payment.due.v1", "payment.due.v1", "payment.voided.v1"]
    );
    assert_eq!(house.status(&order).await, "cancelled");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn nothing_left_to_capture_lets_the_money_go(db: PgPool) {
    let house = House::new(db).await;
    let order = house.held("pm_card_visa").await;
    house.hear(capture_requested(&order, 0, 1)).await;
    house.work_through().await;
    assert_eq!(house.said_names(&order).await, ["payment.authorised.v1", "payment.captured.v1"]);
    assert_eq!(house.tally(&order).await["open_authorizations"], json!(0));
    assert_eq!(house.tally(&order).await["effective_charges"], json!(0));
    assert_eq!(house.payment(&order).await["captured"]["amount"], json!(0));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_while_a_capture_is_unknown_lets_nothing_stay_taken(db: PgPool) {
    let house = House::impatient(db).await;
    for (token, refunds) in [("pm_capture_no_answer", 1), ("pm_capture_hang_once", 0)] {
        let order = house.held(token).await;
        house.hear(capture_requested(&order, 1999, 1)).await;
        house.work().await;
        house.hear(cancelled(&order, 0)).await;
        house.clock.advance(TimeDelta::seconds(1));
        house.work_through().await;
        assert_eq!(house.counts(&order).await, [1, refunds, refunds], "{token}");
        assert_eq!(house.payment(&order).await["end_requested"], json!(false), "{token}");
    }
}
