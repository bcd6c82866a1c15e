//! Gaps: what a publisher has sent and nobody here has seen is asked for until it is there.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::facts::EventIds;
use contracts::{App, Envelope, EventId, Operation};
use serde_json::json;
use sidecar::gaps::Gaps;
use sqlx::PgPool;
use testkit::FakeSidecar;
use uuid::Uuid;

use crate::stage::{Mood, Service, connect, envelope, noon};

const AGE: Duration = Duration::from_secs(60);

/// What `order` answers when it is asked for what it has published.
fn published(events: &[Envelope]) -> serde_json::Value {
    let events = events.iter().map(|event| {
        json!({"id": event.id, "type": "order.expired.v1", "subject": event.subject, "sequence": event.sequence,
            "time": event.time, "published_at": event.time})
    });
    json!({ "events": events.collect::<Vec<_>>(), "heads": [] })
}

/// Which events were asked for, request by request.
fn asked(fake: &FakeSidecar) -> Vec<Vec<EventId>> {
    let invocations = fake.invocations().into_iter();
    let resends = invocations.filter(|invocation| invocation.operation == "resend_order");
    resends.map(|resend| serde_json::from_slice::<EventIds>(&resend.body).unwrap().event_ids).collect()
}

fn gaps(db: &PgPool, fake: &FakeSidecar) -> Gaps {
    Gaps::new(App::Product, db.clone(), connect(fake), AGE)
}

fn later(seconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::seconds(seconds)
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_never_arrived_is_asked_for_until_it_is_there(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let service = Service::new(&db);
    let events: Vec<Envelope> = (1..=4).map(|sequence| envelope(Uuid::now_v7(), sequence)).collect();
    let [handled, refused, discarded, lost] = &events[..] else { panic!("four events") };
    assert_eq!(service.client().deliver(handled).await, "SUCCESS");
    service.set_mood(Mood::Drops);
    assert_eq!(service.client().deliver(refused).await, "DROP");
    assert_eq!(service.client().deliver(discarded).await, "DROP");
    sqlx::query("update failed_event set discarded_at = now() where event_id = $1")
        .bind(discarded.id.0)
        .execute(&db)
        .await
        .unwrap();
    fake.answer(Operation::ListPublishedOrder, 200, published(&events));
    fake.answer(Operation::ResendOrder, 200, json!({"resent": 1}));

    let mut gaps = gaps(&db, &fake);
    // What is missing for the first time may be on its way.
    assert_eq!(gaps.look(later(-15)).await, 1);
    assert_eq!(asked(&fake).len(), 0);
    assert_eq!(gaps.look(noon()).await, 1);
    assert_eq!(asked(&fake), [vec![lost.id]]);
    // It gets the time that every event has to arrive before it is asked for again.
    assert_eq!(gaps.look(later(59)).await, 1);
    assert_eq!(asked(&fake).len(), 1);
    assert_eq!(gaps.look(later(60)).await, 1);
    assert_eq!(asked(&fake), [vec![lost.id], vec![lost.id]]);

    service.set_mood(Mood::Works);
    assert_eq!(service.client().deliver(lost).await, "SUCCESS");
    assert_eq!(gaps.look(later(120)).await, 0);
    assert_eq!(asked(&fake).len(), 2);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_publisher_that_is_away_is_asked_from_where_it_was_left(db: PgPool) {
    let fake = FakeSidecar::start().await;
    let mut gaps = gaps(&db, &fake);
    assert_eq!(gaps.look(noon()).await, 0);
    let lost = envelope(Uuid::now_v7(), 1);
    fake.answer(Operation::ListPublishedOrder, 200, published(std::slice::from_ref(&lost)));
    assert_eq!(gaps.look(later(15)).await, 1);
    // It tells what it has published, and cannot yet send it again.
    assert_eq!(gaps.look(later(30)).await, 1);
    assert_eq!(asked(&fake), [vec![lost.id]]);
    fake.answer(Operation::ResendOrder, 200, json!({"resent": 1}));
    assert_eq!(gaps.look(later(45)).await, 1);
    assert_eq!(asked(&fake), [vec![lost.id], vec![lost.id]]);
    assert_eq!(gaps.look(later(60)).await, 1);
    assert_eq!(asked(&fake).len(), 2);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn only_what_had_time_to_arrive_is_asked_about_and_each_span_once(db: PgPool) {
    let fake = FakeSidecar::start().await;
    fake.answer(Operation::ListPublishedOrder, 200, published(&[]));
    let mut gaps = gaps(&db, &fake);
    let spans = async |gaps: &mut Gaps, now| {
        let before = fake.invocations().len();
        assert_eq!(gaps.look(now).await, 0);
        let bodies = fake.invocations().into_iter().skip(before).map(|invocation| invocation.body);
        let spans = bodies.map(|body| {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["span"]["subscriber"], "product");
            let at = |name: &str| body["span"][name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
            (at("from"), at("until"))
        });
        spans.collect::<Vec<_>>()
    };
    let first = spans(&mut gaps, noon()).await;
    assert_eq!(first.first().unwrap().0, noon() - TimeDelta::days(14));
    assert_eq!(first.last().unwrap().1, later(-60));
    assert!(first.is_sorted() && first.windows(2).all(|two| two[0].1 == two[1].0), "{first:?}");
    // From then on only what is new, and a little of what was looked at before.
    assert_eq!(spans(&mut gaps, later(15)).await, [(later(-90), later(-45))]);
}
