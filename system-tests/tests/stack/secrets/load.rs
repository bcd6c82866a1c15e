//! Customers who buy and staff who look on, for as long as a test lasts. Nobody asks again: each request is answered as
//! it should be, or has failed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::house::{House, PASSWORD};

const CUSTOMERS: usize = 4;
/// Well below what the gateway lets one client ask.
const PACE: Duration = Duration::from_millis(300);
/// Somebody logs in again after so many rounds.
const ROUNDS: usize = 60;
/// No request may take so long.
const HANG: Duration = Duration::from_secs(30);

pub struct Load {
    over: Arc<AtomicBool>,
    people: Vec<JoinHandle<Told>>,
}

/// What came of it.
#[derive(Default)]
pub struct Told {
    pub failures: Vec<String>,
    /// What was placed.
    pub orders: Vec<Uuid>,
    asked: usize,
    longest: Duration,
}

struct Person {
    http: Client,
    gateway: String,
    email: String,
    password: String,
    token: String,
    told: Told,
}

impl Load {
    pub async fn start(house: &House) -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let product = house.product(100_000).await;
        let mut people = Vec::new();
        for _ in 0..CUSTOMERS {
            let email = format!("{}@example.com", Uuid::now_v7());
            let body = json!({"email": email, "password": PASSWORD, "name": "Test"});
            let (status, answer) = house.ask(Method::POST, "/v1/users", "", Some(body)).await;
            assert_eq!(status, 201, "{answer}");
            let person = Person::new(house, email, PASSWORD.to_owned()).await;
            people.push(tokio::spawn(person.buys(product.clone(), over.clone())));
        }
        let secret = |name: &str| house.instance.secret(name).unwrap();
        let staff = Person::new(house, secret("administrator/email"), secret("administrator/password")).await;
        people.push(tokio::spawn(staff.looks_on(over.clone())));
        Load { over, people }
    }

    pub async fn stop(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        for person in self.people {
            let told = person.await.unwrap();
            all.failures.extend(told.failures);
            all.orders.extend(told.orders);
            all.asked += told.asked;
            all.longest = all.longest.max(told.longest);
        }
        all
    }
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { failures, orders, asked, longest } = self;
        let (failed, orders) = (failures.len(), orders.len());
        write!(formatter, "{asked} requests, {orders} orders, {failed} failed, the longest took {longest:?}")
    }
}

impl Person {
    async fn new(house: &House, email: String, password: String) -> Person {
        let token = house.log_in(&email, &password).await;
        let gateway = house.instance.gateway_url();
        Person { http: Client::new(), gateway, email, password, token, told: Told::default() }
    }

    async fn buys(mut self, product: String, over: Arc<AtomicBool>) -> Told {
        let card = json!({"provider_token": "pm_card_visa"});
        let card = self.ask(Method::POST, "/v1/payment-methods", Some(card), 201).await;
        let payment_method = card["id"].as_str().unwrap_or_default().to_owned();
        let order = json!({
            "lines": [{"product_id": product, "quantity": 1}],
            "payment_method_id": payment_method,
            "delivery_address": {"name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB"},
        });
        let mut pace = tokio::time::interval(PACE);
        for round in 1.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            pace.tick().await;
            let placed = self.ask(Method::POST, "/v1/orders", Some(order.clone()), 201).await;
            if let Some(id) = placed["id"].as_str() {
                self.told.orders.push(id.parse().unwrap());
                self.ask(Method::GET, &format!("/v1/orders/{id}"), None, 200).await;
            }
            self.ask(Method::GET, &format!("/v1/products/{product}"), None, 200).await;
            self.ask(Method::GET, "/v1/messages?limit=1", None, 200).await;
            if round % ROUNDS == 0 {
                self.log_in().await;
            }
        }
        self.told
    }

    /// Staff wait while it is not known whose rights were withdrawn, so they notice what customers do not.
    async fn looks_on(mut self, over: Arc<AtomicBool>) -> Told {
        let mut pace = tokio::time::interval(PACE);
        for round in 1.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            pace.tick().await;
            for path in ["/v1/books", "/v1/config", "/v1/payment-issues"] {
                self.ask(Method::GET, path, None, 200).await;
            }
            if round % ROUNDS == 0 {
                self.log_in().await;
            }
        }
        self.told
    }

    async fn log_in(&mut self) {
        let body = json!({"email": self.email, "password": self.password});
        let session = self.ask(Method::POST, "/v1/sessions", Some(body), 201).await;
        if let Some(token) = session["access_token"].as_str() {
            token.clone_into(&mut self.token);
        }
    }

    /// One request, and no other; what is answered otherwise is written down.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>, expected: u16) -> Value {
        let request = self.http.request(method.clone(), format!("{}{path}", self.gateway)).timeout(HANG);
        let request = request.bearer_auth(&self.token).header("idempotency-key", Uuid::now_v7().to_string());
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let began = Instant::now();
        let answer = request.send().await;
        self.told.asked += 1;
        self.told.longest = self.told.longest.max(began.elapsed());
        let at = chrono::Utc::now();
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap_or_else(|error| format!("{error:?}"));
                if status != expected {
                    self.told.failures.push(format!("{at} {method} {path}: {status} {text}"));
                }
                serde_json::from_str(&text).unwrap_or_default()
            }
            Err(error) => {
                self.told.failures.push(format!("{at} {method} {path}: {error:?}"));
                Value::Null
            }
        }
    }
}
