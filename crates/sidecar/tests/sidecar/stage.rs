//! What the tests stand on: a sidecar, pools, events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::event::OrderExpired;
use contracts::{App, Envelope, Event, EventId, OrderId, UserId};
use sidecar::events::{self, EventError};
use sidecar::outbox::{NewEvent, Outbox, enqueue, relay};
use sidecar::{Address, Sidecar, inbox};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::{Client, FakeSidecar};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) fn connect(fake: &FakeSidecar) -> Sidecar {
    Sidecar::new(Address {
        http_port: fake.http_port,
        grpc_port: fake.grpc_port,
        api_token: testkit::API_TOKEN.to_owned().into(),
    })
    .unwrap()
}

/// A pool wide enough for what a test does at the same time. To be closed, or the database cannot be dropped.
pub(crate) async fn wide(db: &PgPool) -> PgPool {
    let options = (*db.connect_options()).clone();
    PgPoolOptions::new().max_connections(30).connect_with(options).await.unwrap()
}

pub(crate) fn expired_with_number(order: Uuid, number: String) -> Event {
    OrderExpired { order_id: OrderId(order), number, customer_id: UserId(Uuid::nil()) }.into()
}

pub(crate) fn new_event(subject: Uuid) -> NewEvent {
    NewEvent {
        id: EventId(Uuid::now_v7()),
        subject,
        time: noon(),
        correlation_id: Some(subject),
        causation_id: Some("request-1".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        event: expired_with_number(subject, "R-1".to_owned()),
    }
}

pub(crate) fn envelope(subject: Uuid, sequence: i64) -> Envelope {
    let new = new_event(subject);
    Envelope {
        id: new.id,
        source: App::Order,
        subject,
        sequence,
        time: new.time,
        traceparent: new.traceparent,
        correlation_id: new.correlation_id,
        causation_id: new.causation_id,
        event: new.event,
    }
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Enqueues one event in a transaction of its own.
pub(crate) async fn commit(db: &PgPool, subject: Uuid) -> i64 {
    let mut tx = db.begin().await.unwrap();
    let sequence = enqueue(&mut tx, &new_event(subject)).await.unwrap();
    tx.commit().await.unwrap();
    sequence
}

/// A relay that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) outbox: Outbox,
    pub(crate) task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) fn start(db: &PgPool, fake: &FakeSidecar) -> Running {
        let (outbox, shutdown) = (Outbox::new(), CancellationToken::new());
        let task =
            tokio::spawn(relay(outbox.clone(), db.clone(), connect(fake), App::Order, shutdown.clone()));
        Running { outbox, task, shutdown }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// What a handler does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    Retries,
    Drops,
}

/// A service that subscribes, and remembers what it handled.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) db: PgPool,
    pub(crate) seen: Arc<Mutex<Vec<EventId>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Service {
    pub(crate) fn new(db: &PgPool) -> Service {
        Service { db: db.clone(), seen: Arc::default(), mood: Arc::new(Mutex::new(Mood::Works)) }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn seen(&self) -> Vec<EventId> {
        self.seen.lock().unwrap().clone()
    }

    /// Its router, as `payment` would mount it.
    pub(crate) fn client(&self) -> Client {
        Client::new(events::router(App::Payment, self.db.clone(), self.clone(), handle))
    }
}

pub(crate) async fn handle(service: Service, envelope: Envelope) -> Result<(), EventError> {
    let mut tx = service.db.begin().await?;
    if !inbox::first_time(&mut tx, &envelope).await? {
        return Ok(());
    }
    let mood = *service.mood.lock().unwrap();
    match mood {
        Mood::Works => {}
        Mood::Retries => return Err(EventError::Retry(anyhow::anyhow!("the printer is on fire"))),
        Mood::Drops => return Err(EventError::Drop("an order of nothing".to_owned())),
    }
    tx.commit().await?;
    service.seen.lock().unwrap().push(envelope.id);
    Ok(())
}

/// What `failed_event` says: topic, reason, error, attempts, and whether it was handled since.
pub(crate) async fn failed(db: &PgPool) -> Vec<(String, String, String, i32, bool)> {
    sqlx::query_as(
        "select topic, reason, error, attempts, handled_at is not null from failed_event order by first_at, id",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// Waits until the database, or anything else that tells nobody, is as it should be.
pub(crate) async fn eventually<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let wait = async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            if holds().await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it did not happen in time");
}

pub(crate) async fn pending(db: &PgPool) -> i64 {
    sidecar::outbox::pending(&mut db.acquire().await.unwrap()).await.unwrap()
}
