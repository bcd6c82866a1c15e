//! One customer's read of one order, on three ways: at the service itself, through two bare sidecars, and through the
//! public gateway.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use contracts::{App, Operation};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stack::Instance;
use stack::first_order::CUSTOMER;
use stack::secrets::SAMPLE_PASSWORD;
use tokio::time::MissedTickBehavior;

/// Below what the gateway lets one customer read, and evenly: a burst would measure the queue before it.
const PACE: Duration = Duration::from_millis(8);
/// As long as a customer would wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// The customer whose order the start of the instance has placed.
#[derive(Clone)]
pub struct Customer {
    pub token: String,
    pub order: String,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Customer").field("order", &self.order).finish_non_exhaustive()
    }
}

/// A way to the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Service,
    Bare,
    Gateway,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Service, Way::Bare, Way::Gateway];
}

/// Sends that read.
#[derive(Clone)]
pub struct Reader {
    http: Client,
    /// Makes a connection for each request.
    unpooled: Client,
    app_token: String,
    token: String,
    service: String,
    bare: String,
    gateway: String,
}

/// What came of the reads of some time.
#[derive(Debug, Default)]
pub struct Reads {
    pub times: Vec<Duration>,
    /// Not answered, or with something other than the order.
    pub failed: usize,
    /// Why the last of these was not.
    pub why: Option<String>,
}

impl Customer {
    pub async fn sample(instance: &Instance) -> anyhow::Result<Customer> {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let gateway = instance.gateway_url();
        let body = json!({"email": CUSTOMER, "password": instance.secret(SAMPLE_PASSWORD)?});
        let session: Value = patiently(|| http.post(format!("{gateway}/v1/sessions")).json(&body)).await?;
        let token = session["access_token"].as_str().context("the log-in gives no token")?.to_owned();
        let orders: Value =
            patiently(|| http.get(format!("{gateway}/v1/orders")).bearer_auth(&token)).await?;
        let order = orders["items"][0]["id"].as_str().context("the sample customer has no order")?.to_owned();
        Ok(Customer { token, order })
    }
}

/// Sends until it is let in.
async fn patiently(request: impl Fn() -> RequestBuilder) -> anyhow::Result<Value> {
    let began = Instant::now();
    loop {
        let answer = request().send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        if status.is_success() {
            return Ok(serde_json::from_str(&body)?);
        }
        let later = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        if !later || began.elapsed() > PATIENCE {
            bail!("answered {status}: {body}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Reader {
    pub fn new(instance: &Instance, customer: &Customer, bare_port: u16) -> anyhow::Result<Reader> {
        let read = Operation::ReadOrder.row();
        let inside = format!("{}?order_id={}", read.name, customer.order);
        let public = read.path.context("reading an order has no public path")?;
        Ok(Reader {
            http: Client::builder().no_proxy().timeout(PATIENCE).build()?,
            unpooled: Client::builder().no_proxy().timeout(PATIENCE).pool_max_idle_per_host(0).build()?,
            app_token: instance.secret(&format!("token/{}/app", App::Order))?,
            token: customer.token.clone(),
            service: format!("http://127.0.0.1:{}/{inside}", instance.ports.app(App::Order)),
            bare: format!("http://127.0.0.1:{bare_port}/v1.0/invoke/{}/method/{inside}", App::Order),
            gateway: format!("{}{}", instance.gateway_url(), public.replace("{order_id}", &customer.order)),
        })
    }

    /// Reads once, and says how long it took from the first byte sent to the last one received.
    pub async fn read(&self, way: Way) -> anyhow::Result<(Duration, Bytes)> {
        self.read_with(&self.http, way).await
    }

    async fn read_with(&self, http: &Client, way: Way) -> anyhow::Result<(Duration, Bytes)> {
        let request = match way {
            Way::Service => http
                .get(&self.service)
                .header("dapr-api-token", &self.app_token)
                .header("dapr-caller-app-id", App::Gateway.name()),
            Way::Bare => http.get(&self.bare),
            Way::Gateway => http.get(&self.gateway),
        };
        let request = request.bearer_auth(&self.token).build()?;
        let began = Instant::now();
        let answer = http.execute(request).await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        let took = began.elapsed();
        if status != StatusCode::OK {
            bail!("a read by way of {way:?} was answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok((took, body))
    }

    /// Reads through the gateway at an even pace for some time; every other read over a connection of its own.
    pub async fn read_for(&self, time: Duration) -> anyhow::Result<Reads> {
        let began = Instant::now();
        let mut pace = pace();
        let mut reads = Reads::default();
        let mut fresh = false;
        while began.elapsed() < time {
            pace.tick().await;
            let http = if fresh { &self.unpooled } else { &self.http };
            fresh = !fresh;
            match self.read_with(http, Way::Gateway).await {
                Ok((took, _)) => reads.times.push(took),
                Err(error) => {
                    reads.failed += 1;
                    reads.why = Some(format!("{error:#}"));
                }
            }
        }
        Ok(reads)
    }
}

impl Reads {
    pub fn add(&mut self, more: Reads) {
        self.times.extend(more.times);
        self.failed += more.failed;
        self.why = more.why.or(self.why.take());
    }
}

/// The beat of the reads; what was late is not caught up.
pub fn pace() -> tokio::time::Interval {
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
