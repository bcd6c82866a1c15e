//! `notification` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod accounts;
mod facts;
mod mailbox;
mod mails;
mod telling;
mod whole_way;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use contracts::event::{
    OrderCancelled, OrderConfirmed, OrderDelivered, OrderExpired, OrderLinesCancelled, OrderRejected,
    OrderReturnReceived, OrderReturnRequested, OrderShipped, Part, PaymentActionRequired, PaymentRefunded,
};
use contracts::permission::Role;
use contracts::{
    App as Service, CancellationId, Currency, Envelope, Event, EventId, Money, Operation, OrderId, ParcelId,
    PaymentId, ProductId, Quantity, RefundCause, Refusal, ReturnId, UserId,
};
use notification::app::mailer::{Mailer, Memory};
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
    app: App,
    memory: Arc<Mutex<Memory>>,
    ada: UserId,
}

impl Stage {
    async fn new(db: PgPool) -> Stage {
        let fake = FakeSidecar::start().await;
        let address =
            Address { http_port: fake.http_port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
        let sidecar = Sidecar::new(address).unwrap();
        let live = Live::start(&sidecar, Service::Notification, CancellationToken::new());
        live.settled().await;
        let signer = Signer::default();
        let memory = Arc::<Mutex<Memory>>::default();
        let app = App {
            db,
            live: live.clone(),
            clock: Clock::fixed(now()),
            sidecar,
            mailer: Mailer::Memory(memory.clone()),
            mails: Arc::default(),
        };
        let router = router(app.clone(), Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        let ada = UserId(Uuid::from_u128(1));
        Stage { client: Client::new(router), signer, live, fake, app, memory, ada }
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
    let event = event.into();
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject: order_id.0,
        sequence,
        time: now(),
        traceparent: None,
        correlation_id: Some(order_id.0),
        causation_id: None,
        event,
    }
}

/// An event about an account.
fn account_event(user_id: UserId, event: impl Into<Event>) -> Envelope {
    let mut envelope = envelope(OrderId(user_id.0), 1, event);
    envelope.correlation_id = None;
    envelope
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

/// Every event that a customer is told of, each for an order of its own, with the kind of its message.
fn every_telling(customer_id: UserId) -> Vec<(&'static str, Envelope)> {
    let amount = Money::new(500, Currency::Gbp).unwrap();
    let parts = vec![Part { product_id: ProductId(Uuid::nil()), quantity: Quantity::new(2).unwrap() }];
    let id = Uuid::from_u128(77);
    let (parcel_id, return_id, cancellation_id) = (ParcelId(id), ReturnId(id), CancellationId(id));
    let payment_id = PaymentId(id);
    let order = |order: u128| (OrderId(Uuid::from_u128(order)), format!("CW-{order}"));
    let mut tellings: Vec<(&'static str, Event)> = vec![];
    let (order_id, number) = order(1);
    let total = amount;
    tellings.push(("order_confirmed", OrderConfirmed { order_id, number, customer_id, total }.into()));
    let (order_id, number) = order(2);
    let refusal = Refusal::TooLate;
    tellings.push(("order_rejected", OrderRejected { order_id, number, customer_id, refusal }.into()));
    let (order_id, number) = order(3);
    let refunds_requested = amount;
    let cancelled = OrderCancelled { order_id, number, customer_id, refunds_requested };
    tellings.push(("order_cancelled", cancelled.into()));
    let (order_id, number) = order(4);
    tellings.push(("order_expired", OrderExpired { order_id, number, customer_id }.into()));
    let (order_id, number) = order(5);
    let part = parts.clone();
    let cancelled =
        OrderLinesCancelled { order_id, number, customer_id, cancellation_id, parts: part, amount };
    tellings.push(("lines_cancelled", cancelled.into()));
    let (order_id, number) = order(6);
    let shipped = OrderShipped { order_id, number, customer_id, parcel_id, parts: parts.clone() };
    tellings.push(("parcel_shipped", shipped.into()));
    let (order_id, number) = order(7);
    let delivered = OrderDelivered { order_id, number, customer_id, parcel_id };
    tellings.push(("parcel_delivered", delivered.into()));
    let (order_id, number) = order(8);
    let asked = OrderReturnRequested { order_id, number, customer_id, return_id, parts: parts.clone() };
    tellings.push(("return_requested", asked.into()));
    let (order_id, number) = order(9);
    let (restocked, unusable) = (parts, vec![]);
    let received = OrderReturnReceived { order_id, number, customer_id, return_id, restocked, unusable };
    tellings.push(("return_received", received.into()));
    let (order_id, number) = order(10);
    let cause = RefundCause::Return(return_id);
    let refunded = PaymentRefunded { order_id, payment_id, number, customer_id, cause, amount };
    tellings.push(("payment_refunded", refunded.into()));
    let (order_id, number) = order(11);
    let action = PaymentActionRequired { order_id, payment_id, number, customer_id };
    tellings.push(("payment_action_required", action.into()));
    let told = tellings.into_iter().zip(1..);
    told.map(|((kind, event), order)| (kind, envelope(OrderId(Uuid::from_u128(order)), 1, event))).collect()
}
