//! Publishing: everything, in the order of each key, with any number of relays, whatever breaks.

use std::collections::{HashMap, HashSet};

use contracts::EventId;
use sqlx::PgPool;
use testkit::FakeSidecar;
use testkit::sidecar::{Published, Publishing};
use uuid::Uuid;

use crate::stage::{Running, commit, connect, envelope, eventually, new_event, pending, wide};

const KEYS: usize = 12;
const EVENTS: i64 = 15;

/// Writes `EVENTS` events for each of `KEYS` keys at the same time, waking the relays after each commit.
async fn write_all(db: &PgPool, relays: &[Running]) -> Vec<Uuid> {
    let keys: Vec<Uuid> = (0..KEYS).map(|_| Uuid::now_v7()).collect();
    let writers = keys.iter().enumerate().map(|(writer, key)| async move {
        for sequence in 1..=EVENTS {
            assert_eq!(commit(db, *key).await, sequence);
            if let Some(relay) = relays.get(writer % relays.len().max(1)) {
                relay.outbox.wake();
            }
        }
    });
    futures::future::join_all(writers).await;
    keys
}

/// No event of a key comes before all earlier ones of the key have been there, and no bulk holds two of a key.
fn assert_nothing_overtook(records: &[Published]) {
    let mut highest: HashMap<Uuid, i64> = HashMap::new();
    let mut in_bulk: HashSet<(usize, Uuid)> = HashSet::new();
    for record in records {
        let event = &record.event;
        let highest = highest.entry(event.subject).or_default();
        assert!(event.sequence <= *highest + 1, "{} overtook after {highest}", event.sequence);
        *highest = event.sequence.max(*highest);
        assert!(in_bulk.insert((record.bulk, event.subject)), "two events of one key in a bulk");
        assert_eq!(record.partition_key, Some(event.subject.to_string()));
        assert_eq!(record.content_type, "application/cloudevents+json");
        assert_eq!(record.topic, "order");
    }
}

fn distinct(records: &[Published]) -> usize {
    records.iter().map(|record| record.event.id).collect::<HashSet<EventId>>().len()
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn three_relays_publish_each_event_once_and_in_order(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let relays: Vec<Running> = (0..3).map(|_| Running::start(&wide, &fake)).collect();
    write_all(&wide, &relays).await;
    eventually(|| async { pending(&wide).await == 0 }).await;

    let records = fake.records();
    assert_nothing_overtook(&records);
    assert_eq!(records.len(), distinct(&records));
    assert_eq!(records.len(), KEYS * usize::try_from(EVENTS).unwrap());
    for relay in relays {
        relay.stop().await;
    }
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn three_relays_keep_the_order_when_bulks_fail_halfway(db: PgPool) {
    let fake = FakeSidecar::start().await;
    fake.set_publishing(Publishing::FailsHalfway);
    let wide = wide(&db).await;
    let relays: Vec<Running> = (0..3).map(|_| Running::start(&wide, &fake)).collect();
    write_all(&wide, &relays).await;
    eventually(|| async { pending(&wide).await == 0 }).await;

    let records = fake.records();
    assert_nothing_overtook(&records);
    assert_eq!(distinct(&records), KEYS * usize::try_from(EVENTS).unwrap());
    for relay in relays {
        relay.stop().await;
    }
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn relays_that_are_killed_anywhere_lose_nothing(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let killing = async {
        for round in 0..40_u32 {
            let relays = [Running::start(&wide, &fake), Running::start(&wide, &fake)];
            // From before the first statement to after the commit.
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            relays.iter().for_each(|relay| relay.task.abort());
        }
    };
    tokio::join!(write_all(&wide, &[]), killing);
    let relay = Running::start(&wide, &fake);
    eventually(|| async { pending(&wide).await == 0 }).await;

    let records = fake.records();
    assert_nothing_overtook(&records);
    assert_eq!(distinct(&records), KEYS * usize::try_from(EVENTS).unwrap());
    relay.stop().await;
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_outage_delays_and_loses_nothing(db: PgPool) {
    let fake = FakeSidecar::start().await;
    fake.fail_publishes(true);
    let wide = wide(&db).await;
    let relay = Running::start(&wide, &fake);
    let order = Uuid::now_v7();
    commit(&db, order).await;
    commit(&db, order).await;
    relay.outbox.wake();
    fake.more_bulks(2).await;
    assert_eq!(pending(&db).await, 2);
    assert!(fake.published().is_empty());

    fake.fail_publishes(false);
    let published = fake.published_at_least(2).await;
    eventually(|| async { pending(&wide).await == 0 }).await;
    assert_eq!(published.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    relay.stop().await;
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_is_published_as_it_was_written(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let order = Uuid::now_v7();
    let new = new_event(order);
    let mut tx = db.begin().await.unwrap();
    sidecar::outbox::enqueue(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    let relay = Running::start(&wide, &fake);
    let published = fake.published_at_least(1).await;

    let mut expected = envelope(order, 1);
    expected.id = new.id;
    assert_eq!(published, [expected]);
    relay.stop().await;
    assert_eq!(pending(&db).await, 0);
    wide.close().await;
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn an_event_of_a_newer_release_stops_only_its_own_key(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let wide = wide(&db).await;
    let newer = Uuid::now_v7();
    commit(&db, newer).await;
    sqlx::query("update outbox set type = 'order.split.v1'").execute(&db).await.unwrap();
    commit(&db, newer).await;
    let relay = Running::start(&wide, &fake);
    let other = Uuid::now_v7();
    commit(&db, other).await;
    relay.outbox.wake();

    let published = fake.published_at_least(1).await;
    assert_eq!(published[0].subject, other);
    eventually(|| async { pending(&wide).await == 2 }).await;
    sqlx::query("update outbox set type = 'order.expired.v1'").execute(&db).await.unwrap();
    let published = fake.published_at_least(3).await;
    assert_eq!(published.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 1, 2]);
    relay.stop().await;
    assert_eq!(pending(&db).await, 0);
    wide.close().await;
}

#[tokio::test]
async fn a_bulk_never_outgrows_what_the_sidecar_takes() {
    let fake = FakeSidecar::start().await;
    let events: Vec<_> = (0..5)
        .map(|_| {
            let mut event = envelope(Uuid::now_v7(), 1);
            event.causation_id = Some("x".repeat(900_000));
            event
        })
        .collect();
    connect(&fake).bulk_publish(contracts::App::Order, &events).await.unwrap();
    let bulks: Vec<usize> = fake.records().iter().map(|record| record.bulk).collect();
    assert_eq!(bulks, [1, 1, 2, 2, 3]);
    connect(&fake).bulk_publish(contracts::App::Order, &[]).await.unwrap();
    assert_eq!(fake.records().len(), 5);
}
