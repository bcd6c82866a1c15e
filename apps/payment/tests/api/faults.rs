//! A provider that says nothing, hangs up, fails, or charges and does not answer.

use chrono::TimeDelta;
use contracts::event::OrderPlaced;
use payment::jobs;
use serde_json::json;
use sqlx::PgPool;

use crate::house::{House, rejected};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_charge_that_was_not_answered_is_found_and_not_repeated(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["pm_charge_no_answer", "pm_charge_hang_up", "pm_charge_500"] {
        let order = house.charge(token).await;
        assert_eq!(house.status(&order).await, "captured", "{token}");
        assert_eq!(house.counts(&order).await, [1, 1, 0], "{token}");
        assert_eq!(house.said_names(&order).await, ["payment.captured.v1"], "{token}");
        assert_eq!(
            house.receipts(&order).await,
            ["charge planned 1", "charge sent 1", "charge unknown 1", "charge confirmed 1"],
            "{token}"
        );
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_unknown_charge_is_shown_as_such_and_nothing_is_concluded(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.begin("pm_charge_hang_up").await;
    house.work().await;
    assert_eq!(house.status(&order).await, "unknown");
    assert!(house.said(&order).await.is_empty());
    house.work_through().await;
    assert_eq!(house.status(&order).await, "captured");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_open_intent_is_confirmed_again_on_the_same_id(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["pm_hang_once", "pm_hang_up_once", "pm_error_500", "pm_create_500"] {
        let order = house.charge(token).await;
        assert_eq!(house.status(&order).await, "captured", "{token}");
        assert_eq!(house.counts(&order).await, [1, 1, 0], "{token}");
        assert_eq!(house.said_names(&order).await, ["payment.captured.v1"], "{token}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_intent_whose_making_was_not_answered_is_the_one_that_is_used(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.charge("pm_create_no_answer").await;
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_late_charge_is_found_or_cannot_happen_any_more(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.charge("pm_charge_late").await;
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_never_answers_is_cancelled_once_it_is_too_late(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["tok_hang", "pm_error_500_always"] {
        let order = house.begin(token).await;
        house.work().await;
        assert!(house.said(&order).await.is_empty(), "{token}");
        house.clock.advance(TimeDelta::seconds(600));
        house.work_through().await;
        assert_eq!(house.said_names(&order).await, ["payment.declined.v1"], "{token}");
        assert_eq!(house.payment(&order).await["refusal"], json!({"type": "too-late"}), "{token}");
        let tally = house.tally(&order).await;
        assert_eq!((&tally["canceled"], &tally["effective_charges"]), (&json!(1), &json!(0)), "{token}");
        assert_eq!(house.receipts(&order).await.last().unwrap(), "charge failed 1", "{token}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_cancellation_that_was_not_answered_is_settled_by_asking(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["pm_cancel_500", "pm_cancel_no_answer"] {
        let order = intent_made(&house, token).await;
        house.hear(rejected(&order)).await;
        house.work_through().await;
        assert_eq!(house.status(&order).await, "cancelled", "{token}");
        assert_eq!(house.said_names(&order).await, ["payment.voided.v1"], "{token}");
        assert_eq!(house.tally(&order).await["canceled"], json!(1), "{token}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_that_was_not_answered_is_made_once(db: PgPool) {
    let house = House::impatient(db).await;
    for token in ["pm_refund_no_answer", "pm_refund_hang_once"] {
        let order = house.charge(token).await;
        house.hear(rejected(&order)).await;
        house.work_through().await;
        assert_eq!(house.status(&order).await, "refunded", "{token}");
        assert_eq!(house.counts(&order).await, [1, 1, 1], "{token}");
        assert_eq!(house.said_names(&order).await, ["payment.captured.v1", "payment.refunded.v1"], "{token}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_behind_a_stored_failure_is_left_to_staff(db: PgPool) {
    let house = House::new(db).await;
    for token in ["pm_refund_500", "pm_refund_500_always"] {
        let order = house.charge(token).await;
        house.hear(rejected(&order)).await;
        house.work_through().await;
        assert_eq!(house.status(&order).await, "refund_failed", "{token}");
        assert_eq!(house.counts(&order).await, [1, 1, 0], "no refund goes under another key: {token}");
        assert_eq!(house.payment(&order).await["refunded"]["amount"], json!(0));
    }
}

/// An order whose intent is made and whose confirmation is planned.
async fn intent_made(house: &House, token: &str) -> OrderPlaced {
    let order = house.begin(token).await;
    jobs::work_once(&house.app).await.unwrap();
    assert_eq!(house.counts(&order).await, [1, 0, 0]);
    order
}
