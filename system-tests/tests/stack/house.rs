//! The stack under test, and what a customer, an administrator and an auditor do with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use contracts::App;
use contracts::event::EVENTS;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use stack::Instance;
use stack::instance::OFFSET_VARIABLE;
use stack::trial::Trial;
use uuid::Uuid;

/// Of the customers that are made here.
pub const PASSWORD: &str = "a long enough password";
/// Ends a wait that would never end; nothing is expected to take nearly as long.
const HANG: Duration = Duration::from_secs(180);

pub struct House {
    pub instance: Instance,
    pub http: Client,
}

/// A customer with a card that is good.
pub struct Customer {
    pub token: String,
    pub payment_method: String,
}

/// The stack, started from nothing by whichever test comes first.
pub fn house() -> House {
    static STARTED: OnceLock<Instance> = OnceLock::new();
    let instance = STARTED.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        // Another offset where something else has these ports.
        let offset = std::env::var(OFFSET_VARIABLE).map_or(10_000, |offset| offset.parse().unwrap());
        let instance = Instance::new(root, Path::new(".local/test"), offset).unwrap();
        // What is missing is missed after seconds, so that a test can wait for it.
        let trial = Trial {
            gap_age: Some("5".to_owned()),
            fail_points: Some(instance.home.join("fail-points")),
            ..instance.trial.clone()
        };
        let instance = Instance { trial, ..instance };
        instance.reset().unwrap();
        instance.up().unwrap();
        instance
    });
    House { instance: instance.clone(), http: Client::new() }
}

impl House {
    /// Sends a request to the gateway; 429 and 503 are waited out as Retry-After says.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.ask_with(method, path, token, body, &[]).await
    }

    pub async fn ask_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
        headers: &[(&str, String)],
    ) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.instance.gateway_url());
        let key = Uuid::now_v7().to_string();
        let started = Instant::now();
        loop {
            let mut request = self.http.request(method.clone(), &url).header("idempotency-key", &key);
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await;
            let again =
                answer.as_ref().map_or(true, |answer| matches!(answer.status().as_u16(), 429 | 500..=599));
            if again && started.elapsed() > HANG {
                self.tell_what_the_gateway_said();
            }
            if !again || started.elapsed() > HANG {
                let answer = answer.unwrap();
                let status = answer.status();
                return (status, answer.json().await.unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Why it refused is in its log only.
    fn tell_what_the_gateway_said(&self) {
        let log = std::fs::read_to_string(self.instance.log("gateway")).unwrap_or_default();
        let told = log.lines().rev().filter(|line| line.contains(r#""level":"ERROR""#)).take(12);
        told.for_each(|line| eprintln!("gateway: {line}"));
    }

    pub async fn administrator(&self) -> String {
        let email = self.instance.secret("administrator/email").unwrap();
        let password = self.instance.secret("administrator/password").unwrap();
        self.log_in(&email, &password).await
    }

    pub async fn log_in(&self, email: &str, password: &str) -> String {
        let body = json!({"email": email, "password": password});
        let (status, answer) = self.ask(Method::POST, "/v1/sessions", "", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A new customer with this card.
    pub async fn customer(&self, card: &str) -> Customer {
        let email = format!("{}@example.com", Uuid::now_v7());
        let body = json!({"email": email, "password": PASSWORD, "name": "Test"});
        let (status, answer) = self.ask(Method::POST, "/v1/users", "", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        let token = self.log_in(&email, PASSWORD).await;
        let body = json!({"provider_token": card});
        let (status, answer) = self.ask(Method::POST, "/v1/payment-methods", &token, Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        Customer { token, payment_method: answer["id"].as_str().unwrap().to_owned() }
    }

    /// A new product with so many in stock.
    pub async fn product(&self, received: u32) -> String {
        let token = self.administrator().await;
        let row = json!({"sku": Uuid::now_v7(), "name": "LAMP", "price": {"amount": 1250, "currency": "GBP"},
            "stock_controlled": true, "received": received});
        let (status, answer) =
            self.ask(Method::POST, "/v1/products/import", &token, Some(json!({"rows": [row]}))).await;
        assert_eq!(status, 200, "{answer}");
        answer["rows"][0]["product_id"].as_str().unwrap().to_owned()
    }

    /// Places an order and gives its id.
    pub async fn place(&self, customer: &Customer, product: &str, quantity: u32) -> String {
        let body = json!({
            "lines": [{"product_id": product, "quantity": quantity}],
            "payment_method_id": customer.payment_method,
            "delivery_address": {"name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB"},
        });
        let (status, answer) = self.ask(Method::POST, "/v1/orders", &customer.token, Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Reads the order until it has ended, and gives it.
    pub async fn ended(&self, customer: &Customer, order: &str) -> Value {
        self.until(&format!("order {order} ends"), async || {
            let (_, answer) =
                self.ask(Method::GET, &format!("/v1/orders/{order}"), &customer.token, None).await;
            (answer["status"] != "placed").then_some(answer)
        })
        .await
    }

    /// Sets a key as an administrator would, and waits until `order` places by it.
    pub async fn configure(&self, key: &str, value: &str) {
        let token = self.administrator().await;
        let path = format!("/v1/config/{key}");
        let (status, present) = self.ask(Method::GET, &path, &token, None).await;
        assert_eq!(status, 200, "{present}");
        let tag = format!("\"{}\"", present["version"]);
        let body = json!({"value": value, "reason": "a system test"});
        let (status, answer) =
            self.ask_with(Method::PUT, &path, &token, Some(body), &[("if-match", tag)]).await;
        assert_eq!(status, 200, "{answer}");
        let version = answer["version"].as_u64().unwrap();

        let product = self.product(100).await;
        let customer = self.customer("pm_card_visa").await;
        self.until("the change is live", async || {
            let order = self.place(&customer, &product, 1).await;
            let order = self.ended(&customer, &order).await;
            (order["terms"]["configuration_version"].as_u64().unwrap() >= version).then_some(())
        })
        .await;
    }

    /// Asks until there is an answer.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(started.elapsed() < HANG, "{what}: not within {HANG:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A superuser's connection to a service's database.
    pub async fn database(&self, app: App) -> PgConnection {
        PgConnection::connect(&self.instance.database_url(app.name()).unwrap()).await.unwrap()
    }

    pub async fn count(&self, app: App, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&mut self.database(app).await).await.unwrap()
    }

    /// Waits until every outbox is empty and every event published has been handled by each of its subscribers,
    /// then expects that nothing failed on the way.
    pub async fn settled(&self) {
        self.until("all that was published is handled", async || {
            let mut missing = Vec::new();
            for publisher in contracts::event::topics() {
                let waiting =
                    self.count(publisher, "select count(*) from outbox where published_at is null").await;
                if waiting > 0 {
                    return None;
                }
                for row in EVENTS.iter().filter(|row| row.publisher == publisher) {
                    let sent = self.ids(publisher, "select id from outbox where type = $1", row.name).await;
                    for subscriber in row.subscribers {
                        let handled = self
                            .ids(*subscriber, "select event_id from inbox where type = $1", row.name)
                            .await;
                        missing.extend(sent.difference(&handled).copied());
                        let strangers: Vec<_> = handled.difference(&sent).collect();
                        assert!(strangers.is_empty(), "{subscriber} handled {} that nobody sent", row.name);
                    }
                }
            }
            missing.is_empty().then_some(())
        })
        .await;
    }

    async fn ids(&self, app: App, statement: &'static str, event_type: &str) -> BTreeSet<Uuid> {
        let ids: Vec<Uuid> = sqlx::query_scalar(statement)
            .bind(event_type)
            .fetch_all(&mut self.database(app).await)
            .await
            .unwrap();
        ids.into_iter().collect()
    }

    /// How many events have failed, in all services.
    pub async fn failed_events(&self) -> i64 {
        let mut failed = 0;
        for app in App::ALL.into_iter().filter(|app| app.has_database()) {
            failed += self.count(app, "select count(*) from failed_event").await;
        }
        failed
    }
}
