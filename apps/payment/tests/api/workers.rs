//! Workers that die at the worst moment, and several at once.

use chrono::TimeDelta;
use payment::jobs;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::house::{House, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_was_planned_is_taken_up_by_another_replica(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    jobs::work_once(&house.app).await.unwrap();
    assert_eq!(house.receipts(&order).await, ["charge planned 1"]);
    // The first replica dies here: planned, not sent.
    let replica = house.replica().await;
    jobs::work_once(&replica).await.unwrap();
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.receipts(&order).await, ["charge planned 1", "charge sent 1", "charge confirmed 1"]);
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_was_sent_by_a_worker_that_died_counts_as_unknown(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    for reached_the_provider in [false, true] {
        let claimed = loop {
            match jobs::claim(&house.app).await.unwrap() {
                Some(Some(claimed)) => break claimed,
                Some(None) => {}
                None => house.clock.advance(TimeDelta::seconds(1)),
            }
        };
        if reached_the_provider {
            jobs::ask(&house.app, &claimed).await.unwrap();
        }
        // The worker dies here; nobody else takes what may still be answered.
        assert!(jobs::claim(&house.app).await.unwrap().is_none());
        house.clock.advance(TimeDelta::seconds(25));
    }
    house.work_through().await;
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_confirmation_sent_by_a_worker_that_died_is_found(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    jobs::work_once(&house.app).await.unwrap();
    let claimed = jobs::claim(&house.app).await.unwrap().unwrap().unwrap();
    let lost = jobs::ask(&house.app, &claimed).await.unwrap();
    house.clock.advance(TimeDelta::seconds(25));
    house.work_through().await;
    assert_eq!(house.status(&order).await, "captured");
    // What was thought dead was only slow: its word changes nothing.
    jobs::apply(&house.app, &claimed, lost).await.unwrap();
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
    assert_eq!(house.count("ledger_entry").await, 1);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn two_replicas_charge_once(db: PgPool) {
    let house = House::new(db).await;
    let replica = house.replica().await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(house.begin("pm_card_visa").await);
    }
    while jobs::claim(&house.app).await.unwrap().is_some() {
        // Claimed and lost: both replicas have to come back to all of them.
    }
    house.clock.advance(TimeDelta::seconds(25));
    for _ in 0..20 {
        let turns = (0..8).map(|turn| jobs::work_once(if turn % 2 == 0 { &house.app } else { &replica }));
        for turn in futures::future::join_all(turns).await {
            turn.unwrap();
        }
        house.clock.advance(TimeDelta::seconds(1));
    }
    for order in &orders {
        assert_eq!(house.counts(order).await, [1, 1, 0]);
        assert_eq!(house.said_names(order).await, ["payment.captured.v1"]);
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn running_workers_are_woken_and_stop_when_told(db: PgPool) {
    let house = House::new(db).await;
    let shutdown = CancellationToken::new();
    let jobs = tokio::spawn(jobs::run(house.app.clone(), shutdown.clone()));
    let order = house.order("pm_card_visa").await;
    house.hear(order.clone()).await;
    house.hear(reserved(&order)).await;
    while house.status(&order).await != "captured" {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    jobs.await.unwrap();
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}
