//! `notification` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod mailbox;
mod telling;

use chrono::{DateTime, Utc};
use contracts::event::{OrderConfirmed, OrderRejected};
use contracts::permission::Role;
use contracts::{
    App as Service, Currency, Envelope, Event, EventId, Money, Operation, OrderId, Refusal, UserId,
};
use notification::app::{App, router};
use serde_json::Value;
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Client, FakeSidecar, Signer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

struct Stage {
    client: Client,
    signer: Signer,
    live: Live,
    fake: FakeSidecar,
    ada: UserId,
}

impl Stage {
    async fn new(db: PgPool) -> Stage {
        let fake = FakeSidecar::start().await;
        let address =
            Address { http_port: fake.http_port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
        let live =
            Live::start(&Sidecar::new(address).unwrap(), Service::Notification, CancellationToken::new());
        live.settled().await;
        let signer = Signer::default();
        let app = App { db, live: live.clone(), clock: Clock::fixed(now()) };
        let router = router(app, Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        Stage { client: Client::new(router), signer, live, fake, ada: UserId(Uuid::from_u128(1)) }
    }

    fn customer(&self, user_id: UserId) -> Client {
        self.client.bearer(&self.signer.token(user_id, Role::Customer))
    }

    /// Everything in Ada's mailbox, the newest first.
    async fn mailbox(&self) -> Vec<Value> {
        let answer = self.customer(self.ada).ask(Operation::ListMessages, "limit=100", None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["items"].as_array().unwrap().clone()
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn envelope(order_id: OrderId, sequence: i64, event: impl Into<Event>) -> Envelope {
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: Service::Order,
        subject: order_id.0,
        sequence,
        time: now(),
        traceparent: None,
        correlation_id: Some(order_id.0),
        causation_id: None,
        event: event.into(),
    }
}

fn confirmed(order: u128, customer_id: UserId) -> Envelope {
    let order_id = OrderId(Uuid::from_u128(order));
    let total = Money::new(1999, Currency::Gbp).unwrap();
    envelope(order_id, 2, OrderConfirmed { order_id, number: format!("CW-{order}"), customer_id, total })
}

fn rejected(order: u128, customer_id: UserId) -> Envelope {
    let order_id = OrderId(Uuid::from_u128(order));
    let refusal = Refusal::PaymentDeclined { code: "card_declined".into() };
    envelope(order_id, 2, OrderRejected { order_id, number: format!("CW-{order}"), customer_id, refusal })
}
