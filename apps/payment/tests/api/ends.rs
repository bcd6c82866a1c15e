//! Ends that come before the order, before the charge, while it is unknown, and after it.

use chrono::TimeDelta;
use contracts::Event;
use payment::domain::{Answer, Doubt};
use payment::jobs;
use serde_json::json;
use sqlx::PgPool;

use crate::house::{House, confirmed, expired, rejected, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_that_comes_before_the_order_is_a_tombstone(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    house.hear(rejected(&order)).await;
    house.hear(order.clone()).await;
    house.hear(reserved(&order)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "cancelled");
    assert_eq!(house.counts(&order).await, [0, 0, 0]);
    assert!(house.said(&order).await.is_empty());
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_before_the_charge_stops_it(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    house.hear(expired(&order)).await;
    house.work_through().await;
    assert_eq!(house.counts(&order).await, [0, 0, 0]);

    let order = house.begin("pm_card_visa").await;
    jobs::work_once(&house.app).await.unwrap();
    house.hear(rejected(&order)).await;
    house.work_through().await;
    let tally = house.tally(&order).await;
    assert_eq!((&tally["canceled"], &tally["effective_charges"]), (&json!(1), &json!(0)));
    assert_eq!(house.said_names(&order).await, ["payment.voided.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_during_an_unknown_charge_waits_for_the_provider_and_gives_back(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.begin("pm_charge_hang_up").await;
    house.work().await;
    house.hear(rejected(&order)).await;
    let payment = house.payment(&order).await;
    assert_eq!((&payment["end_requested"], &payment["refunded"]["amount"]), (&json!(true), &json!(0)));
    house.work_through().await;
    assert_eq!(house.status(&order).await, "refunded");
    assert_eq!(house.counts(&order).await, [1, 1, 1]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1", "payment.refunded.v1"]);
    assert_eq!(house.payment(&order).await["end_requested"], json!(false));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_during_a_charge_that_never_happened_cancels_it(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.begin("pm_hang_up_once").await;
    house.work().await;
    assert_eq!(house.status(&order).await, "unknown");
    house.hear(expired(&order)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "cancelled");
    let tally = house.tally(&order).await;
    assert_eq!((&tally["canceled"], &tally["effective_charges"]), (&json!(1), &json!(0)));
    assert_eq!(house.said_names(&order).await, ["payment.voided.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_end_while_the_charge_is_on_its_way_is_heard_with_the_answer(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    jobs::work_once(&house.app).await.unwrap();
    let claimed = jobs::claim(&house.app).await.unwrap().unwrap().unwrap();
    house.hear(rejected(&order)).await;
    let answer = jobs::ask(&house.app, &claimed).await.unwrap();
    jobs::apply(&house.app, &claimed, answer).await.unwrap();
    house.work_through().await;
    assert_eq!(house.counts(&order).await, [1, 1, 1]);
    assert_eq!(house.status(&order).await, "refunded");
    // The worker's word comes twice, and late.
    jobs::apply(&house.app, &claimed, Answer::Unknown(Doubt::Silence)).await.unwrap();
    assert_eq!(house.status(&order).await, "refunded");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_was_captured_goes_back_once_after_a_final_end(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    for _ in 0..2 {
        house.hear(expired(&order)).await;
        house.work_through().await;
    }
    assert_eq!(house.counts(&order).await, [1, 1, 1]);
    let said = house.said(&order).await;
    let [Event::PaymentCaptured(_), Event::PaymentRefunded(refunded)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(refunded.amount, order.total);
    let payment = house.payment(&order).await;
    assert_eq!(
        (&payment["captured"]["amount"], &payment["refunded"]["amount"]),
        (&json!(1999), &json!(1999))
    );
    assert_eq!(
        house.receipts(&order).await[3..],
        ["refund planned 1", "refund sent 1", "refund confirmed 1"]
    );
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_missing_end_is_reported_until_it_comes(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let reports = async |after: i64| {
        house.clock.advance(TimeDelta::seconds(after));
        house.work().await;
        house.said_names(&order).await.iter().filter(|name| **name == "payment.overdue.v1").count()
    };
    assert_eq!(reports(929).await, 0);
    assert_eq!(reports(1).await, 1);
    assert_eq!(reports(59).await, 1);
    assert_eq!(reports(1).await, 2);
    assert_eq!(reports(60).await, 2);
    assert_eq!(reports(60).await, 3);
    house.hear(confirmed(&order)).await;
    assert_eq!(reports(100_000).await, 3);
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}
