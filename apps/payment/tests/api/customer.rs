//! The customer's own step: their bank wants to see them.

use chrono::TimeDelta;
use contracts::event::{PaymentActionRequired, PaymentDeclined};
use contracts::{Event, Operation, Refusal};
use serde_json::json;
use sqlx::PgPool;

use crate::house::{House, rejected};

const TOKEN: &str = "pm_card_authenticationRequired";

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_customer_who_confirms_in_time_is_charged(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin(TOKEN).await;
    house.work().await;
    let payment = house.payment(&order).await;
    assert_eq!(payment["status"], "action_required");
    assert_eq!(payment["action"]["until"], json!(order.terms.charge_by));
    assert!(payment["action"]["url"].as_str().unwrap().starts_with("http"), "{payment}");
    let query = format!("order_id={}", order.order_id);
    let staff = house.staff().ask(Operation::ListPayments, &query, None).await;
    assert_eq!(staff.body["items"][0]["action"]["url"], json!(null), "the link is the customer's alone");
    house.pass(3).await;
    house.pass(3).await;
    let said = house.said(&order).await;
    let [Event::PaymentActionRequired(PaymentActionRequired { number, customer_id, .. })] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((number.as_str(), *customer_id), ("A-1", house.ada));

    house.at_intent(&order, "resolve?outcome=approved").await;
    house.pass(3).await;
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert_eq!(house.receipts(&order).await, ["charge planned 1", "charge sent 1", "charge confirmed 1"]);
    assert_eq!(house.payment(&order).await["action"], json!(null));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_customer_who_does_nothing_is_declined_once_no_charge_can_follow(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin(TOKEN).await;
    house.work().await;
    house.pass(599).await;
    assert_eq!(house.status(&order).await, "action_required");
    house.clock.advance(TimeDelta::seconds(1));
    house.work_through().await;
    let said = house.said(&order).await;
    let [Event::PaymentActionRequired(_), Event::PaymentDeclined(PaymentDeclined { refusal, .. })] =
        &said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!(*refusal, Refusal::AuthenticationRequired);
    let tally = house.tally(&order).await;
    assert_eq!((&tally["canceled"], &tally["effective_charges"]), (&json!(1), &json!(0)));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_customer_whom_the_bank_turns_away_is_declined(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin(TOKEN).await;
    house.work().await;
    house.at_intent(&order, "resolve?outcome=declined").await;
    house.clock.advance(TimeDelta::seconds(3));
    house.work_through().await;
    assert_eq!(house.said_names(&order).await, ["payment.action_required.v1", "payment.declined.v1"]);
    assert_eq!(house.tally(&order).await["effective_charges"], json!(0));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_before_the_customers_step_cancels_the_charge(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin(TOKEN).await;
    house.work().await;
    house.hear(rejected(&order)).await;
    house.work_through().await;
    assert_eq!(house.said_names(&order).await, ["payment.action_required.v1", "payment.voided.v1"]);
    assert_eq!(house.tally(&order).await["canceled"], json!(1));
}
