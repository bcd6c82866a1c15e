//! The service with everything around it: its sidecar, its database, a processor of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use card_sandbox::config::{ApiKey, Config, Secrets, Webhook};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{OrderConfirmed, OrderExpired, OrderPlaced, OrderRejected, StockReserved};
use contracts::permission::Role;
use contracts::{
    App as Service, CaptureMode, Currency, Envelope, Event, EventId, Money, Operation, OrderId,
    PaymentMethodId, Refusal, Terms, UserId,
};
use payment::app::{App, router};
use payment::jobs::{self, Turn};
use payment::provider::Provider;
use reqwest::Method;
use serde_json::{Value, json};
use sidecar::configuration::Live;
use sidecar::outbox::{self, Outbox};
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar, Signer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

const API_KEY: &str = "sk_test_of_payment";
pub const WEBHOOK_SECRET: &str = "whsec_of_payment";
/// When each test begins.
const MORNING: &str = "2026-11-01T09:00:00Z";

pub struct House {
    pub app: App,
    pub client: Client,
    pub signer: Signer,
    pub ada: UserId,
    pub clock: Clock,
    sandbox: String,
    sidecar: FakeSidecar,
    _folder: Arc<TempDir>,
}

pub fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

impl House {
    pub async fn new(db: PgPool) -> House {
        House::with_timeout(db, "20000").await
    }

    /// Gives up waiting for the processor soon enough for a test that makes it say nothing.
    pub async fn impatient(db: PgPool) -> House {
        House::with_timeout(db, "700").await
    }

    /// The processor tells the service of every change, through whoever takes it in between.
    pub async fn told_at(db: PgPool, url: &str) -> House {
        let retry_after = Duration::from_millis(1);
        let webhook = Webhook { url: url.to_owned(), retry_after };
        let (sandbox, folder) = start_sandbox(Some(webhook)).await;
        House::open(db, &sandbox, "20000", folder).await
    }

    async fn with_timeout(db: PgPool, milliseconds: &str) -> House {
        let (sandbox, folder) = start_sandbox(None).await;
        House::open(db, &sandbox, milliseconds, folder).await
    }

    async fn open(db: PgPool, processor: &str, milliseconds: &str, folder: Arc<TempDir>) -> House {
        let fake = FakeSidecar::start().await;
        fake.set_configuration("payment.provider_timeout", &format!("{milliseconds}ms"));
        let clock = Clock::fixed(MORNING.parse().unwrap());
        let app = start(db, &fake, processor, clock.clone()).await;
        let signer = Signer::default();
        let router = router(app.clone(), Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        let ada = UserId(Uuid::now_v7());
        let client = Client::new(router).bearer(&signer.token(ada, Role::Customer));
        House {
            app,
            client,
            signer,
            ada,
            clock,
            sandbox: processor.to_owned(),
            sidecar: fake,
            _folder: folder,
        }
    }

    /// Another replica on the same database, sidecar and processor.
    pub async fn replica(&self) -> App {
        start(self.app.db.clone(), &self.sidecar, &self.sandbox, self.clock.clone()).await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub async fn add_method(&self, token: &str) -> Answer {
        let key = Uuid::now_v7().to_string();
        let body = json!({"provider_token": token});
        self.client.with("idempotency-key", &key).ask(Operation::AddPaymentMethod, "", Some(body)).await
    }

    /// One of ada's methods.
    pub async fn method(&self, token: &str) -> PaymentMethodId {
        let answer = self.add_method(token).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// Ada's order of £19.99, to be paid with this token.
    pub async fn order(&self, token: &str) -> OrderPlaced {
        self.order_by(self.method(token).await)
    }

    pub fn order_by(&self, payment_method_id: PaymentMethodId) -> OrderPlaced {
        OrderPlaced {
            order_id: OrderId(Uuid::now_v7()),
            number: "A-1".into(),
            customer_id: self.ada,
            payment_method_id,
            lines: Vec::new(),
            total: pounds(1999),
            terms: Terms {
                charge_by: self.now() + TimeDelta::seconds(600),
                deadline: self.now() + TimeDelta::seconds(900),
                capture: CaptureMode::AtOnce,
                return_window_days: 30,
                configuration_version: 0,
            },
        }
    }

    /// Delivers an event and expects that it was handled.
    pub async fn hear(&self, event: impl Into<Event>) -> Envelope {
        let envelope = envelope(event.into(), self.now());
        assert_eq!(self.client.deliver(&envelope).await, "SUCCESS");
        envelope
    }

    /// Placed and reserved: a charge may begin.
    pub async fn begin(&self, token: &str) -> OrderPlaced {
        let order = self.order(token).await;
        self.hear(order.clone()).await;
        self.hear(reserved(&order)).await;
        order
    }

    /// Works until nothing waits at this moment.
    pub async fn work(&self) {
        while jobs::work_once(&self.app).await.unwrap() == Turn::Worked {}
    }

    /// Works, and lets time pass to the next step, until nothing is in hand.
    pub async fn work_through(&self) {
        for _ in 0..40 {
            self.work().await;
            let next: Option<DateTime<Utc>> =
                sqlx::query_scalar("select min(least(act_at, side_at)) from payment")
                    .fetch_one(&self.app.db)
                    .await
                    .unwrap();
            let Some(next) = next else { return };
            self.clock.advance(next - self.now());
        }
        panic!("a payment does not come to rest");
    }

    /// Begins, and works until the payment comes to rest.
    pub async fn charge(&self, token: &str) -> OrderPlaced {
        let order = self.begin(token).await;
        self.work_through().await;
        order
    }

    /// The payment as its customer sees it.
    pub async fn payment(&self, order: &OrderPlaced) -> Value {
        let answer =
            self.client.ask(Operation::ListPayments, &format!("order_id={}", order.order_id), None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["items"][0].clone()
    }

    pub async fn status(&self, order: &OrderPlaced) -> String {
        self.payment(order).await["status"].as_str().unwrap().to_owned()
    }

    /// The receipts in few words: kind, state and attempt.
    pub async fn receipts(&self, order: &OrderPlaced) -> Vec<String> {
        let payment = self.payment(order).await;
        let lines = payment["receipts"].as_array().unwrap().iter();
        lines
            .map(|line| {
                format!(
                    "{} {} {}",
                    line["kind"].as_str().unwrap(),
                    line["state"].as_str().unwrap(),
                    line["attempt"]
                )
            })
            .collect()
    }

    /// Lets the relay publish all there is, and gives what payment has said of the order.
    pub async fn said(&self, order: &OrderPlaced) -> Vec<Event> {
        let done = CancellationToken::new();
        let relay = tokio::spawn(outbox::relay(
            self.app.outbox.clone(),
            self.app.db.clone(),
            self.app.sidecar.clone(),
            Service::Payment,
            done.clone(),
        ));
        while outbox::pending(&mut self.app.db.acquire().await.unwrap()).await.unwrap() > 0 {
            self.app.outbox.wake();
            tokio::task::yield_now().await;
        }
        done.cancel();
        self.app.outbox.wake();
        relay.await.unwrap();
        let published = self.sidecar.published().into_iter();
        published
            .filter(|envelope| envelope.subject == order.order_id.0)
            .map(|envelope| envelope.event)
            .collect()
    }

    /// The names of what payment has said of the order.
    pub async fn said_names(&self, order: &OrderPlaced) -> Vec<&'static str> {
        self.said(order).await.iter().map(|event| event.event_type().name()).collect()
    }

    /// The sandbox's own count for the order.
    pub async fn tally(&self, order: &OrderPlaced) -> Value {
        let url = format!("{}/_sandbox/summary?order_id={}", self.sandbox, order.order_id);
        let body = reqwest::get(url).await.unwrap().text().await.unwrap();
        let summary: Value = serde_json::from_str(&body).unwrap();
        summary["orders"][order.order_id.to_string()].clone()
    }

    /// Asks the processor past the service, by its own key.
    pub async fn at_processor(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
        let request = reqwest::Client::new().request(method.clone(), format!("{}{path}", self.sandbox));
        let request = request.bearer_auth(API_KEY);
        let request = if method == Method::GET { request } else { request.form(form) };
        let body = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap()
    }

    /// The order's intents as the processor lists them, the newest first.
    pub async fn intents(&self, order: &OrderPlaced) -> Vec<Value> {
        let listed = self.at_processor(Method::GET, "/v1/payment_intents?limit=100", &[]).await;
        let data = listed["data"].as_array().unwrap().iter();
        data.filter(|intent| intent["metadata"]["order_id"] == order.order_id.to_string()).cloned().collect()
    }

    /// Intents, effective charges and refunds at the processor.
    pub async fn counts(&self, order: &OrderPlaced) -> [i64; 3] {
        let tally = self.tally(order).await;
        ["payment_intents", "effective_charges", "refunds"]
            .map(|name| tally[name].as_i64().unwrap_or_default())
    }

    pub async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(statement).fetch_one(&self.app.db).await.unwrap()
    }
}

async fn start(db: PgPool, fake: &FakeSidecar, processor: &str, clock: Clock) -> App {
    let sidecar = Sidecar::new(Address {
        http_port: fake.http_port,
        grpc_port: fake.grpc_port,
        api_token: API_TOKEN.into(),
    })
    .unwrap();
    let live = Live::start(&sidecar, Service::Payment, CancellationToken::new());
    live.settled().await;
    let provider = Provider::new(processor, API_KEY.into()).unwrap();
    App {
        db,
        sidecar,
        outbox: Outbox::new(),
        live,
        clock,
        provider,
        webhook_secret: WEBHOOK_SECRET.into(),
        work: Arc::default(),
        told: Arc::default(),
    }
}

/// A card processor on a free port; it ends with the test's runtime.
async fn start_sandbox(webhook: Option<Webhook>) -> (String, Arc<TempDir>) {
    let folder = Arc::new(TempDir::new().unwrap());
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        log: folder.path().join("log.jsonl"),
        secrets: Secrets::Fixed { api_key: ApiKey::of(API_KEY), webhook: Some(WEBHOOK_SECRET.into()) },
        late_after: Duration::ZERO,
        public_url: None,
        webhook,
        verbosity: String::new(),
    };
    // Signatures hold for minutes: the two clocks agree at first.
    let clock = match config.webhook {
        Some(_) => card_sandbox::app::Clock::Fixed(Arc::new(Mutex::new(MORNING.parse().unwrap()))),
        None => card_sandbox::app::Clock::System,
    };
    let app = card_sandbox::app::App::open(&config, clock).unwrap();
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(card_sandbox::app::serve(app, listener, std::future::pending::<()>()));
    (url, folder)
}

pub fn reserved(order: &OrderPlaced) -> StockReserved {
    StockReserved { order_id: order.order_id }
}

pub fn confirmed(order: &OrderPlaced) -> OrderConfirmed {
    OrderConfirmed {
        order_id: order.order_id,
        number: order.number.clone(),
        customer_id: order.customer_id,
        total: order.total,
    }
}

pub fn rejected(order: &OrderPlaced) -> OrderRejected {
    OrderRejected {
        order_id: order.order_id,
        number: order.number.clone(),
        customer_id: order.customer_id,
        refusal: Refusal::TooLate,
    }
}

pub fn expired(order: &OrderPlaced) -> OrderExpired {
    OrderExpired { order_id: order.order_id, number: order.number.clone(), customer_id: order.customer_id }
}

pub fn envelope(event: Event, time: DateTime<Utc>) -> Envelope {
    let data = event.data();
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject: data["order_id"].as_str().unwrap().parse().unwrap(),
        sequence: 1,
        time,
        traceparent: None,
        correlation_id: None,
        causation_id: None,
        event,
    }
}
