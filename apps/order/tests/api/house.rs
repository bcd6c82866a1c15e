//! The service with everything around it that a test may look at.

use chrono::{DateTime, Utc};
use contracts::event::{OrderLine, OrderPlaced, ProductChanged};
use contracts::permission::Role;
use contracts::{
    App as Service, Currency, Envelope, Event, EventId, Money, Operation, OrderId, ProductId, UserId,
};
use order::app::{App, router};
use serde_json::{Value, json};
use sidecar::configuration::Live;
use sidecar::outbox::Outbox;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar, Signer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

pub struct House {
    pub app: App,
    pub client: Client,
    pub sidecar: FakeSidecar,
    pub signer: Signer,
    pub ada: UserId,
}

pub fn now() -> DateTime<Utc> {
    "2026-11-01T08:45:00Z".parse().unwrap()
}

pub fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

pub fn product(last: u128) -> ProductId {
    ProductId(Uuid::from_u128(last))
}

impl House {
    /// With two products known: 1 for £3.75 and 2 for nothing.
    pub async fn new(db: PgPool) -> House {
        let fake = FakeSidecar::start().await;
        let sidecar = Sidecar::new(Address {
            http_port: fake.http_port,
            grpc_port: fake.grpc_port,
            api_token: API_TOKEN.into(),
        })
        .unwrap();
        let live = Live::start(&sidecar, Service::Order, CancellationToken::new());
        let app = App { db, sidecar, outbox: Outbox::new(), live, clock: Clock::fixed(now()) };
        let signer = Signer::default();
        let router =
            router(app.clone(), Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.to_owned().into());
        let ada = UserId(Uuid::now_v7());
        let client = Client::new(router).bearer(&signer.token(ada, Role::Customer));
        let house = House { app, client, sidecar: fake, signer, ada };
        house.hear(product_changed(1, pounds(375), false), 1).await;
        house.hear(product_changed(2, pounds(0), false), 1).await;
        house
    }

    pub async fn place(&self, key: &str, body: Value) -> Answer {
        self.client.with("idempotency-key", key).ask(Operation::PlaceOrder, "", Some(body)).await
    }

    /// Places a good order and gives its id.
    pub async fn placed(&self, key: &str) -> OrderId {
        let answer = self.place(key, order()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn read(&self, id: OrderId) -> Value {
        let answer = self.client.ask(Operation::ReadOrder, &format!("order_id={id}"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Delivers an event and expects that it was handled.
    pub async fn hear(&self, event: Event, sequence: i64) -> Envelope {
        let envelope = envelope(event, sequence);
        assert_eq!(self.client.deliver(&envelope).await, "SUCCESS");
        envelope
    }

    /// The types of all events in the outbox, in the order in which they were written for each order.
    pub async fn said(&self) -> Vec<String> {
        sqlx::query_scalar("select type from outbox order by subject, sequence")
            .fetch_all(&self.app.db)
            .await
            .unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(statement).fetch_one(&self.app.db).await.unwrap()
    }
}

/// A body that is taken: 24 clocks.
pub fn order() -> Value {
    json!({
        "lines": [{"product_id": product(1), "quantity": 24}],
        "payment_method_id": Uuid::from_u128(5),
        "delivery_address": {
            "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH",
            "country": "GB",
        },
        "reference": "invoice 536370",
    })
}

pub fn product_changed(last: u128, price: Money, archived: bool) -> Event {
    ProductChanged {
        product_id: product(last),
        sku: format!("S{last}"),
        name: "ALARM CLOCK".into(),
        price,
        stock_controlled: true,
        archived,
    }
    .into()
}

pub fn envelope(event: Event, sequence: i64) -> Envelope {
    let subject = match &event {
        Event::ProductChanged(data) => data.product_id.0,
        Event::StockReserved(data) => data.order_id.0,
        Event::StockRejected(data) => data.order_id.0,
        Event::PaymentCaptured(data) => data.order_id.0,
        Event::PaymentDeclined(data) => data.order_id.0,
        Event::ReservationOverdue(data) => data.order_id.0,
        _ => panic!("no test delivers {:?}", event.event_type()),
    };
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject,
        sequence,
        time: now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
        event,
    }
}

/// What the outbox holds of an order's placing.
pub async fn placed_event(db: &PgPool, id: OrderId) -> OrderPlaced {
    let data: Value =
        sqlx::query_scalar("select data from outbox where subject = $1 and type = 'order.placed.v1'")
            .bind(id.0)
            .fetch_one(db)
            .await
            .unwrap();
    serde_json::from_value(data).unwrap()
}

pub fn line(last: u128, quantity: i64, price: Money) -> OrderLine {
    OrderLine {
        product_id: product(last),
        quantity: contracts::Quantity::new(quantity).unwrap(),
        unit_price: price,
    }
}
