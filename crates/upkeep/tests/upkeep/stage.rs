//! What the tests stand on: a service with events and whoever operates it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::event::OrderExpired;
use contracts::operation::owned_by;
use contracts::permission::Role;
use contracts::{App, Envelope, Event, EventId, Operation, OrderId, UserId};
use serde_json::{Value, json};
use sidecar::events::{self, EventError};
use sidecar::inbox;
use sidecar::outbox::Outbox;
use sqlx::PgPool;
use testkit::{Answer, Client, Signer};
use tokio::sync::Notify;
use upkeep::Messaging;
use uuid::Uuid;
use web::{Api, Keys};

/// What the handler does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Works,
    Retries,
    Refuses,
    /// Refuses so many times, and works then.
    RefusesTimes(u32),
    /// Handles it, and the process ends before anybody hears of it.
    Dies,
}

/// `payment`, as far as its events go.
#[derive(Clone)]
pub struct Service {
    pub db: PgPool,
    pub outbox: Outbox,
    pub signer: Arc<Signer>,
    pub operator: UserId,
    /// What it handled, in its order.
    seen: Arc<Mutex<Vec<EventId>>>,
    moods: Arc<Mutex<HashMap<EventId, Mood>>>,
    pub dead: Arc<Notify>,
}

impl Service {
    pub fn new(db: &PgPool) -> Service {
        Service {
            db: db.clone(),
            outbox: Outbox::new(),
            signer: Arc::default(),
            operator: UserId(Uuid::now_v7()),
            seen: Arc::default(),
            moods: Arc::default(),
            dead: Arc::default(),
        }
    }

    pub fn seen(&self) -> Vec<EventId> {
        self.seen.lock().unwrap().clone()
    }

    /// What its handler does with this event from now on; without it, it works.
    pub fn set_mood(&self, event: &Envelope, mood: Mood) {
        self.moods.lock().unwrap().insert(event.id, mood);
    }

    /// Asked by the gateway for an operator.
    pub fn client(&self) -> Client {
        Client::new(self.router(App::Payment)).bearer(&self.signer.token(self.operator, Role::Admin))
    }

    /// This service under another name: with that one's operations.
    pub fn router(&self, app: App) -> Router {
        let state = self.clone();
        let handle = move |envelope| handle(state.clone(), envelope);
        let messaging = Messaging::new(app, self.db.clone(), self.outbox.clone(), handle);
        let keys = Keys::fixed(self.signer.jwks());
        let mut api = upkeep::mount(Api::new(app, keys), &messaging);
        let describe = Operation::DescribePayment.name().replace("payment", app.name());
        for row in owned_by(app).filter(|row| row.name != describe && !of_messaging(row.name)) {
            api = api.operation(row.operation, async || StatusCode::NO_CONTENT, |about| about);
        }
        let describe = owned_by(app).find(|row| row.name == describe).unwrap().operation;
        let router = api.finish(describe).with_state(());
        router.merge(events::router(app, self.db.clone(), self.clone(), handle_delivered))
    }

    /// Delivers the events while the handler refuses them: each has failed then.
    pub async fn refuse(&self, events: &[Envelope]) {
        for event in events {
            self.set_mood(event, Mood::Refuses);
            assert_eq!(self.client().deliver(event).await, "DROP");
            self.set_mood(event, Mood::Works);
        }
    }

    /// The id of the row of a failed event.
    pub async fn failed_id(&self, event: &Envelope) -> Uuid {
        sqlx::query_scalar("select id from failed_event where event_id = $1")
            .bind(event.id.0)
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    /// Everything that the operator finds in the list.
    pub async fn listed(&self, query: &str) -> Value {
        let answer = self.client().ask(Operation::ListFailedPayment, query, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn read(&self, id: Uuid) -> Value {
        let query = format!("failed_event_id={id}");
        let answer = self.client().ask(Operation::ReadFailedPayment, &query, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn redrive(&self, key: &str, body: Value) -> Answer {
        let client = self.client().with("idempotency-key", key);
        client.ask(Operation::RedriveFailedPayment, "", Some(body)).await
    }

    pub async fn discard(&self, key: &str, body: Value) -> Answer {
        let client = self.client().with("idempotency-key", key);
        client.ask(Operation::DiscardFailedPayment, "", Some(body)).await
    }

    pub async fn audited(&self) -> i64 {
        sqlx::query_scalar("select count(*) from audit").fetch_one(&self.db).await.unwrap()
    }
}

fn of_messaging(operation: &str) -> bool {
    ["list_published_", "resend_", "check_handled_", "list_failed_", "read_failed_", "redrive_failed_"]
        .iter()
        .chain(&["discard_failed_"])
        .any(|prefix| operation.starts_with(prefix))
}

async fn handle_delivered(service: Service, envelope: Envelope) -> Result<(), EventError> {
    handle(service, envelope).await
}

async fn handle(service: Service, envelope: Envelope) -> Result<(), EventError> {
    let mut tx = service.db.begin().await?;
    if !inbox::first_time(&mut tx, &envelope).await? {
        return Ok(());
    }
    let mood = service.moods.lock().unwrap().get(&envelope.id).copied().unwrap_or(Mood::Works);
    match mood {
        Mood::Works | Mood::Dies | Mood::RefusesTimes(0) => {}
        Mood::Retries => return Err(EventError::Retry(anyhow::anyhow!("the printer is on fire"))),
        Mood::Refuses => return Err(EventError::Drop("an order of nothing".to_owned())),
        Mood::RefusesTimes(times) => {
            service.set_mood(&envelope, Mood::RefusesTimes(times - 1));
            return Err(EventError::Drop("not yet".to_owned()));
        }
    }
    inbox::commit(tx, App::Payment, &envelope).await?;
    service.seen.lock().unwrap().push(envelope.id);
    if mood == Mood::Dies {
        service.dead.notify_one();
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// An event of `order` that `payment`, `product` and `notification` handle.
pub fn envelope(order: Uuid, sequence: i64) -> Envelope {
    let data =
        OrderExpired { order_id: OrderId(order), number: "R-1".to_owned(), customer_id: UserId(Uuid::nil()) };
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: App::Order,
        subject: order,
        sequence,
        time: noon(),
        traceparent: None,
        correlation_id: Some(order),
        causation_id: None,
        event: Event::from(data),
    }
}

pub fn noon() -> DateTime<Utc> {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub fn ids(ids: &[Uuid]) -> Value {
    json!({"ids": ids, "reason": "mended", "rate": 100})
}
