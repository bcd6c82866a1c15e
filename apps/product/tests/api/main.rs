//! `product` as its sidecar sees it: the real router and real PostgreSQL, a fake sidecar, a fixed clock.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod access;
mod catalogue;
mod concurrency;
mod events;
mod facts;
mod fulfilment;
mod import;
mod ledger;
mod stock;

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{
    OrderCancelled, OrderConfirmed, OrderExpired, OrderLine, OrderLinesCancelled, OrderPlaced, OrderRejected,
    OrderReturnReceived, OrderShipped, Part,
};
use contracts::permission::Role;
use contracts::{
    App as Service, CancellationId, CaptureMode, Currency, Envelope, Event, EventId, Money, Operation,
    OrderId, ParcelId, PaymentMethodId, ProductId, Quantity, Refusal, ReturnId, Terms, UserId,
};
use product::app::{App, router};
use serde_json::{Value, json};
use sidecar::configuration::Live;
use sidecar::outbox::{self, Outbox};
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar, Signer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

/// One service with its database, and everybody who talks to it.
struct Shop {
    app: App,
    /// Without a token, as the gateway passes requests on.
    anybody: Client,
    admin: Client,
    customer: Client,
    signer: Signer,
    clock: Clock,
    sidecar: FakeSidecar,
}

impl Shop {
    async fn open(db: PgPool) -> Shop {
        Shop::open_with(db, FakeSidecar::start().await).await
    }

    async fn open_with(db: PgPool, sidecar: FakeSidecar) -> Shop {
        let connection = Sidecar::new(Address {
            http_port: sidecar.http_port,
            grpc_port: sidecar.grpc_port,
            api_token: API_TOKEN.into(),
        })
        .unwrap();
        let clock = Clock::fixed("2026-11-01T09:00:00Z".parse().unwrap());
        let live = Live::start(&connection, Service::Product, CancellationToken::new());
        live.settled().await;
        let app = App { db, sidecar: connection, outbox: Outbox::new(), live, clock: clock.clone() };
        let signer = Signer::default();
        let router: Router =
            router(app.clone(), Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        let anybody = Client::new(router);
        let bearing = |role| anybody.bearer(&signer.token(UserId(Uuid::now_v7()), role));
        Shop {
            admin: bearing(Role::Admin),
            customer: bearing(Role::Customer),
            app,
            anybody,
            signer,
            clock,
            sidecar,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A product at 1.00 with so many pieces on the shelf; None is without stock control.
    async fn stock(&self, sku: &str, pieces: Option<i64>) -> ProductId {
        let body =
            json!({"sku": sku, "name": sku, "price": pounds(100), "stock_controlled": pieces.is_some()});
        let created = keyed(&self.admin).ask(Operation::CreateProduct, "", Some(body)).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let id = ProductId(created.body["id"].as_str().unwrap().parse().unwrap());
        if let Some(pieces) = pieces.filter(|pieces| *pieces > 0) {
            let body = json!({"kind": "received", "quantity": pieces, "reason": "delivery"});
            let received = self.record(id, body).await;
            assert_eq!(received.status, 201, "{}", received.body);
        }
        id
    }

    async fn record(&self, id: ProductId, body: Value) -> Answer {
        keyed(&self.admin).ask(Operation::RecordMovement, &format!("product_id={id}"), Some(body)).await
    }

    async fn product(&self, id: ProductId) -> Answer {
        self.anybody.ask(Operation::ReadProduct, &format!("product_id={id}"), None).await
    }

    /// On hand, reserved, allocated, available.
    async fn level(&self, id: ProductId) -> [i64; 4] {
        let listed = self.admin.ask(Operation::ListStock, "limit=1000", None).await;
        let items = listed.body["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["product_id"] == json!(id)).unwrap();
        ["on_hand", "reserved", "allocated", "available"].map(|name| item[name].as_i64().unwrap())
    }

    async fn state(&self, order_id: OrderId) -> String {
        sqlx::query_scalar("select state from reservation where order_id = $1")
            .bind(order_id.0)
            .fetch_one(&self.app.db)
            .await
            .unwrap()
    }

    /// Lets the relay publish all there is, and gives what product has said of this order.
    async fn said(&self, order_id: OrderId) -> Vec<Event> {
        let told = self.told().await;
        told.into_iter()
            .filter(|envelope| envelope.subject == order_id.0)
            .map(|envelope| envelope.event)
            .collect()
    }

    /// Lets the relay publish all there is, and gives everything that product has said.
    async fn told(&self) -> Vec<Envelope> {
        let done = CancellationToken::new();
        let relay = tokio::spawn(outbox::relay(
            self.app.outbox.clone(),
            self.app.db.clone(),
            self.app.sidecar.clone(),
            Service::Product,
            done.clone(),
        ));
        while outbox::pending(&mut self.app.db.acquire().await.unwrap()).await.unwrap() > 0 {
            self.app.outbox.wake();
            tokio::task::yield_now().await;
        }
        done.cancel();
        self.app.outbox.wake();
        relay.await.unwrap();
        self.sidecar.published()
    }

    /// What must hold at the end of every test: the ledger's sums are the stock, promises are open reservations,
    /// every product's changes were told once each, and nothing waits in the outbox.
    async fn close(&self) {
        let told = self.told().await;
        let mut ids: Vec<_> = told.iter().map(|envelope| envelope.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), told.len(), "an event was published twice");
        let (wrong, untold): (i64, i64) = sqlx::query_as(
            "with ledger as (
                 select product_id, sum(on_hand_delta)::bigint as on_hand, sum(reserved_delta)::bigint as reserved,
                     sum(allocated_delta)::bigint as allocated
                 from movement group by product_id
             ), line as (
                 select *, quantity - released - shipped as left_over
                 from reservation_line join reservation using (order_id)
             ), promised as (
                 select product_id, sum(left_over) filter (where state = 'reserved')::bigint as reserved,
                     sum(left_over) filter (where state = 'allocated')::bigint as allocated,
                     sum(left_over) filter (where state = 'ended')::bigint as stranded
                 from line group by product_id
             )
             select
                 (select count(*) from stock left join ledger using (product_id) left join promised using (product_id)
                  where stock.on_hand <> coalesce(ledger.on_hand, 0)
                      or stock.reserved <> coalesce(ledger.reserved, 0)
                      or stock.allocated <> coalesce(ledger.allocated, 0)
                      or stock.reserved <> coalesce(promised.reserved, 0)
                      or stock.allocated <> coalesce(promised.allocated, 0)
                      or promised.stranded <> 0),
                 (select count(*) from product left join outbox_head on subject = id
                  where version is distinct from sequence)",
        )
        .fetch_one(&self.app.db)
        .await
        .unwrap();
        assert_eq!((wrong, untold), (0, 0), "levels beside their ledger, and changes beside their events");
    }

    fn order(&self, lines: &[(ProductId, i64)]) -> OrderPlaced {
        let lines = lines.iter().map(|(product_id, quantity)| OrderLine {
            product_id: *product_id,
            quantity: Quantity::new(*quantity).unwrap(),
            unit_price: pounds(100),
        });
        OrderPlaced {
            order_id: OrderId(Uuid::now_v7()),
            number: "7K3M-9QXT".into(),
            customer_id: UserId(Uuid::now_v7()),
            payment_method_id: PaymentMethodId(Uuid::now_v7()),
            lines: lines.collect(),
            total: pounds(100),
            terms: Terms {
                charge_by: self.now() + TimeDelta::seconds(60),
                deadline: self.now() + TimeDelta::seconds(120),
                capture: CaptureMode::AtOnce,
                return_window_days: 30,
                configuration_version: 1,
            },
        }
    }

    /// Delivers an event of `order`, which must be handled.
    async fn hear(&self, envelope: &Envelope) {
        assert_eq!(self.anybody.deliver(envelope).await, "SUCCESS");
    }

    async fn hear_event(&self, event: impl Into<Event>) {
        self.hear(&envelope(event)).await;
    }
}

/// The same client with an idempotency key of its own.
fn keyed(client: &Client) -> Client {
    client.with("idempotency-key", &Uuid::now_v7().to_string())
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn confirmed(order: &OrderPlaced) -> OrderConfirmed {
    let OrderPlaced { order_id, number, customer_id, total, .. } = order.clone();
    OrderConfirmed { order_id, number, customer_id, total }
}

fn rejected(order: &OrderPlaced) -> OrderRejected {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    OrderRejected { order_id, number, customer_id, refusal: Refusal::TooLate }
}

fn expired(order: &OrderPlaced) -> OrderExpired {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    OrderExpired { order_id, number, customer_id }
}

fn cancelled(order: &OrderPlaced) -> OrderCancelled {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    OrderCancelled { order_id, number, customer_id, refunds_requested: pounds(0) }
}

fn lines_cancelled(order: &OrderPlaced, id: u128, parts: &[(ProductId, i64)]) -> OrderLinesCancelled {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    let cancellation_id = CancellationId(Uuid::from_u128(id));
    let (parts, amount) = (self::parts(parts), pounds(100));
    OrderLinesCancelled { order_id, number, customer_id, cancellation_id, parts, amount }
}

fn shipped(order: &OrderPlaced, id: u128, parts: &[(ProductId, i64)]) -> OrderShipped {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    let (parcel_id, parts) = (ParcelId(Uuid::from_u128(id)), self::parts(parts));
    OrderShipped { order_id, number, customer_id, parcel_id, parts }
}

fn returned(order: &OrderPlaced, id: u128, restocked: &[(ProductId, i64)]) -> OrderReturnReceived {
    let OrderPlaced { order_id, number, customer_id, .. } = order.clone();
    let (return_id, restocked) = (ReturnId(Uuid::from_u128(id)), parts(restocked));
    // What cannot be sold again is none of product's stock.
    let unusable = parts(&[(ProductId(Uuid::nil()), 1)]);
    OrderReturnReceived { order_id, number, customer_id, return_id, restocked, unusable }
}

fn parts(parts: &[(ProductId, i64)]) -> Vec<Part> {
    let part = |(product_id, pieces): &(ProductId, i64)| Part {
        product_id: *product_id,
        quantity: Quantity::new(*pieces).unwrap(),
    };
    parts.iter().map(part).collect()
}

/// An event as `order` would publish it.
fn envelope(event: impl Into<Event>) -> Envelope {
    let event = event.into();
    let data = event.data();
    let subject: Uuid = data["order_id"].as_str().unwrap().parse().unwrap();
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject,
        sequence: 1,
        time: "2026-11-01T09:00:00Z".parse().unwrap(),
        traceparent: None,
        correlation_id: Some(subject),
        causation_id: None,
        event,
    }
}
