//! The real handlers, commands, sweeps and workers of the services on real databases, under a bus that duplicates,
//! drops until retried and reorders, several at a time, and with steps that are cut off wherever they wait: before,
//! in and after a commit. Each schedule has products and orders of its own and ends with everything at rest; the books
//! are then checked by `order` itself, which asks the other services as it does every day.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod bus;
mod databases;
mod ends;
mod house;
mod people;
mod schedule;
mod switchboard;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use house::House;
use schedule::{Schedule, Tally};

/// `./taskw test:full` runs all of them, `./taskw test` the first few.
const SCHEDULES: u64 = 2_000;
const FIRST_SCHEDULES: u64 = 400;
/// The books are checked after so many schedules.
const BETWEEN_BOOKS: u64 = 100;
/// Each with databases of its own, so that they keep the machine busy together.
const HOUSES: u32 = 4;

/// Another number of schedules, or a first one to look at: `HANDLER_SCHEDULES=50` or `HANDLER_SCHEDULES=50@1200`.
fn wanted() -> std::ops::Range<u64> {
    let text = std::env::var("HANDLER_SCHEDULES").unwrap_or_default();
    let (count, first) = text.split_once('@').unwrap_or((&text, "0"));
    let whole = std::env::var("CARTWRIGHT_TEST").is_ok_and(|extent| extent == "full");
    let usual = if whole { SCHEDULES } else { FIRST_SCHEDULES };
    let (count, first) = (count.parse().unwrap_or(usual), first.parse().unwrap_or(0));
    first..first + count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_schedule_of_the_handlers_ends_with_the_books_whole() {
    let (seeds, next) = (wanted(), Arc::new(AtomicU64::new(wanted().start)));
    let houses = (0..HOUSES).map(|number| {
        let (next, end) = (next.clone(), seeds.end);
        tokio::spawn(async move { keep_house(&format!("h{number}"), &next, end).await })
    });
    let mut tally = Tally::default();
    for house in join_all(houses).await {
        tally.add(house.unwrap());
    }
    println!("handlers: seeds {}..{}, {tally}", seeds.start, seeds.end);
}

/// Runs schedules one after another, as long as there are any, and checks the books from time to time.
async fn keep_house(name: &str, next: &AtomicU64, end: u64) -> Tally {
    let mut house = House::open(name).await;
    let mut tally = Tally::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed < end {
            let schedule = Schedule::new(&mut house, seed).await;
            tally.add(schedule.run().await);
        }
        if seed >= end || tally.schedules.is_multiple_of(BETWEEN_BOOKS) {
            house.books_agree(&format!("up to schedule {seed}")).await;
        }
        if seed >= end {
            house.charged_at_most_once().await;
            house.close().await;
            return tally;
        }
    }
}

/// What a request that is given up leaves behind must not swallow what the next one writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_that_was_cut_off_leaves_no_open_transaction_in_the_pool() {
    let pool = databases::create("cut_off", &notification::app::MIGRATOR).await;
    for waits in 0..60 {
        let begun = bus::cut_off(pool.begin(), Some(waits % 3)).await;
        drop(begun);
        let id = uuid::Uuid::now_v7();
        sqlx::query("insert into inbox (event_id, type, handled_at) values ($1, 'x', now())")
            .bind(id)
            .execute(&pool)
            .await
            .unwrap();
        let mut other = pool.begin().await.unwrap();
        let seen: i64 = sqlx::query_scalar("select count(*) from inbox where event_id = $1")
            .bind(id)
            .fetch_one(&mut *other)
            .await
            .unwrap();
        assert_eq!(seen, 1, "a write was lost in a transaction that nobody ends");
    }
    pool.close().await;
    databases::drop("cut_off").await;
}
