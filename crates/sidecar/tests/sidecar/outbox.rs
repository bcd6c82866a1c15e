//! Writing events: in the caller's transaction, in order, without gaps.

use chrono::Duration;
use futures::future::join_all;
use sidecar::{inbox, outbox};
use sqlx::PgPool;
use testkit::FakeSidecar;
use uuid::Uuid;

use crate::stage::{Running, commit, envelope, expired_with_number, new_event, noon, pending, wide};

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_rollback_leaves_no_event_and_no_gap(db: PgPool) {
    let order = Uuid::now_v7();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(outbox::enqueue(&mut tx, &new_event(order)).await.unwrap(), 1);
    tx.rollback().await.unwrap();

    assert_eq!(pending(&db).await, 0);
    assert_eq!(commit(&db, order).await, 1);
    assert_eq!(commit(&db, order).await, 2);
    assert_eq!(commit(&db, Uuid::now_v7()).await, 1);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_that_the_broker_would_not_take_is_never_a_fact(db: PgPool) {
    let mut large = new_event(Uuid::now_v7());
    large.event = expired_with_number(large.subject, "9".repeat(500_000));
    let mut tx = db.begin().await.unwrap();
    let error = outbox::enqueue(&mut tx, &large).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(|error| error.constraint()), Some("outbox_data_small"));
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn twenty_writers_on_one_key_leave_no_gap_and_keep_the_order(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let order = Uuid::now_v7();
    let relay = Running::start(&wide, &fake);
    let write = |writer: usize| {
        let wide = wide.clone();
        async move {
            let mut tx = wide.begin().await.unwrap();
            let sequence = outbox::enqueue(&mut tx, &new_event(order)).await.unwrap();
            if writer.is_multiple_of(4) {
                tx.rollback().await.unwrap();
                return None;
            }
            tx.commit().await.unwrap();
            Some(sequence)
        }
    };
    let mut given: Vec<i64> = join_all((0..20).map(write)).await.into_iter().flatten().collect();
    relay.outbox.wake();
    given.sort_unstable();
    assert_eq!(given, (1..=15).collect::<Vec<_>>());

    let published = fake.published_at_least(15).await;
    let sequences: Vec<i64> = published.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, given);
    relay.stop().await;
    assert_eq!(pending(&db).await, 0);
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_was_published_stays_until_it_is_pruned(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let order = Uuid::now_v7();
    let relay = Running::start(&wide, &fake);
    commit(&db, order).await;
    fake.published_at_least(1).await;
    relay.stop().await;
    let waiting = commit(&db, order).await;

    let mut tx = db.begin().await.unwrap();
    let now = chrono::Utc::now();
    assert_eq!(outbox::prune(&mut tx, now - Duration::days(1)).await.unwrap(), 0);
    assert_eq!(outbox::prune(&mut tx, now + Duration::days(1)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    // What waits is never pruned, and the sequence goes on.
    assert_eq!(waiting, 2);
    assert_eq!(pending(&db).await, 1);
    let relay = Running::start(&wide, &fake);
    fake.published_at_least(2).await;
    relay.stop().await;
    assert_eq!(pending(&db).await, 0);
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn the_inbox_knows_an_event_once_its_handling_has_committed(db: PgPool) {
    let event = envelope(Uuid::now_v7(), 1);
    let mut tx = db.begin().await.unwrap();
    assert!(inbox::first_time(&mut tx, &event).await.unwrap());
    tx.rollback().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    assert!(inbox::first_time(&mut tx, &event).await.unwrap());
    assert!(!inbox::first_time(&mut tx, &event).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    assert!(!inbox::first_time(&mut tx, &event).await.unwrap());
    assert_eq!(inbox::prune(&mut tx, noon()).await.unwrap(), 0);
    assert_eq!(inbox::prune(&mut tx, chrono::Utc::now() + Duration::days(1)).await.unwrap(), 1);
}
