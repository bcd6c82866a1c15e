//! The service with everything around it that a test may look at.

use chrono::{DateTime, Utc};
use contracts::event::{OrderLine, OrderPlaced, PaymentCaptured, ProductChanged, StockReserved};
use contracts::permission::Role;
use contracts::{
    App as Service, Currency, Envelope, Event, EventId, Money, Operation, OrderId, PaymentId, ProductId,
    UserId,
};
use order::app::watches::Watches;
use order::app::{App, router};
use order::domain::Input;
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
        House::configured(db, &[]).await
    }

    /// The same with configuration keys that are not at their defaults.
    pub async fn configured(db: PgPool, keys: &[(&str, &str)]) -> House {
        let fake = FakeSidecar::start().await;
        for (key, value) in keys {
            fake.set_configuration_silently(key, value);
        }
        let sidecar = Sidecar::new(Address {
            http_port: fake.http_port,
            grpc_port: fake.grpc_port,
            api_token: API_TOKEN.into(),
        })
        .unwrap();
        let live = Live::start(&sidecar, Service::Order, CancellationToken::new());
        live.settled().await;
        let app = App {
            db,
            sidecar,
            outbox: Outbox::new(),
            live,
            clock: Clock::fixed(now()),
            watches: Watches::default(),
        };
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

    /// Places a good order that stock and payment agree to: 24 clocks for £90.00, captured at once.
    pub async fn confirmed(&self, key: &str) -> OrderId {
        let id = self.placed(key).await;
        self.hear(StockReserved { order_id: id }.into(), 1).await;
        self.hear(captured(id, 9000), 1).await;
        assert_eq!(self.read(id).await["status"], "confirmed");
        id
    }

    /// A client with every permission, as somebody else.
    pub fn staff(&self) -> Client {
        self.client.bearer(&self.signer.token(UserId(Uuid::from_u128(77)), Role::Admin))
    }

    /// The order's present ETag.
    pub async fn etag(&self, id: OrderId) -> String {
        let answer = self.client.ask(Operation::ReadOrder, &format!("order_id={id}"), None).await;
        answer.headers["etag"].to_str().unwrap().to_owned()
    }

    /// Staff asks for something, having seen the order as it is, under a key of its own.
    pub async fn manage(&self, operation: Operation, path: &str, id: OrderId, body: Value) -> Answer {
        let client = self.staff().with("if-match", &self.etag(id).await);
        let client = client.with("idempotency-key", &Uuid::now_v7().to_string());
        client.ask(operation, &format!("order_id={id}{path}"), Some(body)).await
    }

    /// The same, and it must be done.
    pub async fn managed(&self, operation: Operation, path: &str, id: OrderId, body: Value) -> Value {
        let answer = self.manage(operation, path, id, body).await;
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
        answer.body
    }

    /// The customer asks for something, under a key of its own.
    pub async fn wish(&self, operation: Operation, id: OrderId, body: Value) -> Answer {
        let client = self.client.with("idempotency-key", &Uuid::now_v7().to_string());
        client.ask(operation, &format!("order_id={id}"), Some(body)).await
    }

    /// What this service has said of one order, in order.
    pub async fn said_of(&self, id: OrderId) -> Vec<String> {
        sqlx::query_scalar("select type from outbox where subject = $1 order by sequence")
            .bind(id.0)
            .fetch_all(&self.app.db)
            .await
            .unwrap()
    }

    /// What the last event of this type carried.
    pub async fn last(&self, id: OrderId, event_type: &str) -> Value {
        sqlx::query_scalar(
            "select data from outbox where subject = $1 and type = $2 order by sequence desc limit 1",
        )
        .bind(id.0)
        .bind(event_type)
        .fetch_one(&self.app.db)
        .await
        .unwrap()
    }

    /// The kinds and names on an order's timeline.
    pub async fn told(&self, id: OrderId) -> Vec<String> {
        let timeline = self.client.ask(Operation::ReadTimeline, &format!("order_id={id}"), None).await.body;
        let line = |entry: &Value| {
            format!("{} {}", entry["kind"].as_str().unwrap(), entry["name"].as_str().unwrap())
        };
        timeline["items"].as_array().unwrap().iter().map(line).collect()
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

pub fn captured(order_id: OrderId, pence: i64) -> Event {
    PaymentCaptured { order_id, payment_id: PaymentId(Uuid::nil()), amount: pounds(pence) }.into()
}

pub fn parts(last: u128, pieces: u32) -> Value {
    json!([{"product_id": product(last), "quantity": pieces}])
}

pub fn envelope(event: Event, sequence: i64) -> Envelope {
    let subject = match &event {
        Event::ProductChanged(data) => data.product_id.0,
        told => Input::of(told, sequence).unwrap().0.0,
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
