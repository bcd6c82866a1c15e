//! The proof at the end of a start: a small catalogue, a customer, and one order, all through the gateway.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::secrets::{ADMINISTRATOR_EMAIL, ADMINISTRATOR_PASSWORD, SAMPLE_PASSWORD, Vault};
use crate::{Instance, say};

/// The customer of the sample order.
pub const CUSTOMER: &str = "customer@cartwright.example";
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts, when the answer does not say how long.
const USUAL_PAUSE: Duration = Duration::from_millis(500);
/// Stock keeping unit, name, price in pence, stock; postage has none.
const CATALOGUE: &[(&str, &str, i64, Option<u64>)] = &[
    ("SAMPLE-MUG", "Stoneware mug, blue", 850, Some(1_000)),
    ("SAMPLE-TEAPOT", "Cast-iron teapot, 1.2 l", 3_495, Some(200)),
    ("SAMPLE-TRAY", "Oak serving tray", 2_250, Some(150)),
    ("SAMPLE-TOWEL", "Linen tea towel", 675, Some(2_000)),
    ("SAMPLE-POSTAGE", "Postage and packing", 395, None),
];

/// Loads the sample catalogue and places an order, unless this start has done so already.
pub async fn prove(instance: &Instance) -> anyhow::Result<()> {
    let proof = instance.run().join("first-order.json");
    if proof.exists() {
        return Ok(());
    }
    let began = Instant::now();
    let order = place(instance).await.map_err(|error| {
        let logs = instance.short(&instance.logs());
        anyhow::anyhow!(
            "the first order did not go through: {error:#}\nlogs: {logs}\nnext: ./taskw logs app=order"
        )
    })?;
    crate::part::write_whole(&proof, order.to_string().as_bytes())?;
    say::line(format!("✓ one order through the gateway ({})", say::duration(began.elapsed())));
    Ok(())
}

/// Forgets the proof of an earlier start.
pub fn forget(instance: &Instance) {
    let _ = std::fs::remove_file(instance.run().join("first-order.json"));
}

async fn place(instance: &Instance) -> anyhow::Result<Value> {
    let vault = Vault::open(instance)?;
    let client = Client {
        http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?,
        base: instance.gateway_url(),
    };
    let administrator = client
        .log_in(&vault.existing(ADMINISTRATOR_EMAIL)?, &vault.existing(ADMINISTRATOR_PASSWORD)?)
        .await?;
    let products = client.import(&administrator).await?;
    let password = vault.existing(SAMPLE_PASSWORD)?;
    let customer = client.customer(&password).await?;
    let method = client
        .send(
            Method::POST,
            "/v1/payment-methods",
            Some(&customer),
            Some("sample-payment-method"),
            Some(json!({
                "provider_token": "pm_card_visa",
            })),
        )
        .await?;
    let key = format!("first-order-{}", Utc::now().timestamp_micros());
    let order = client
        .send(Method::POST, "/v1/orders", Some(&customer), Some(&key), Some(json!({
            "lines": lines(&products)?,
            "payment_method_id": method["id"],
            "delivery_address": {
                "name": "Ada Sample", "line1": "1 Example Street", "city": "London", "postcode": "E1 6AN", "country": "GB",
            },
            "reference": "first order of this start",
        })))
        .await?;
    let id = order["id"].as_str().context("the order has no id")?.to_owned();
    let ended = client.wait_for_end(&customer, &id).await?;
    let timeline =
        client.send(Method::GET, &format!("/v1/orders/{id}/timeline"), Some(&customer), None, None).await?;
    tell(&ended, &timeline);
    match ended["status"].as_str() {
        Some("confirmed") => Ok(ended),
        _ => bail!("the order {id} ended as {}", ended["status"]),
    }
}

/// Two mugs, a tea towel and postage.
fn lines(products: &Value) -> anyhow::Result<Vec<Value>> {
    let wanted = [("SAMPLE-MUG", 2), ("SAMPLE-TOWEL", 1), ("SAMPLE-POSTAGE", 1)];
    let rows = products["rows"].as_array().context("the import's answer has no rows")?;
    wanted
        .iter()
        .map(|(sku, quantity)| {
            let row = rows
                .iter()
                .find(|row| row["sku"] == *sku)
                .with_context(|| format!("{sku} was not imported"))?;
            let price = CATALOGUE.iter().find(|(name, ..)| name == sku).map_or(0, |(_, _, price, _)| *price);
            let money = json!({ "amount": price, "currency": "GBP" });
            Ok(json!({ "product_id": row["product_id"], "quantity": quantity, "unit_price": money }))
        })
        .collect()
}

/// The order's timeline with the time since its first entry.
fn tell(order: &Value, timeline: &Value) {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    say::line(format!(
        "\n  order {} ({}): {}",
        word(&order["number"]),
        word(&order["id"]),
        word(&order["status"])
    ));
    let mut first = None;
    for entry in timeline["items"].as_array().into_iter().flatten() {
        let at = entry["at"].as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let start = *first.get_or_insert(at);
        let after = at.zip(start).map_or(0, |(at, start)| (at - start).num_milliseconds());
        let from = match entry["kind"].as_str() {
            Some("heard") => format!(" from {}", word(&entry["who"])),
            _ => String::new(),
        };
        say::line(format!("    +{after:>5} ms  {:<8} {}{from}", word(&entry["kind"]), word(&entry["name"])));
    }
    say::line("");
}

struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    async fn log_in(&self, email: &str, password: &str) -> anyhow::Result<String> {
        let body = json!({ "email": email, "password": password });
        let session = self.send(Method::POST, "/v1/sessions", None, None, Some(body)).await?;
        Ok(session["access_token"].as_str().context("the log-in gives no access token")?.to_owned())
    }

    /// The first start registers the customer; later ones find the account.
    async fn customer(&self, password: &str) -> anyhow::Result<String> {
        let body = json!({ "email": CUSTOMER, "password": password, "name": "Ada Sample" });
        match self.send(Method::POST, "/v1/users", None, None, Some(body)).await {
            Err(error) if !error.to_string().contains("email-taken") => return Err(error),
            _ => (),
        }
        self.log_in(CUSTOMER, password).await
    }

    async fn import(&self, administrator: &str) -> anyhow::Result<Value> {
        let rows: Vec<Value> = CATALOGUE
            .iter()
            .map(|(sku, name, price, stock)| {
                json!({
                    "sku": sku,
                    "name": name,
                    "price": { "amount": price, "currency": "GBP" },
                    "stock_controlled": stock.is_some(),
                    "received": stock.unwrap_or(0),
                })
            })
            .collect();
        let body = json!({ "rows": rows });
        self.send(
            Method::POST,
            "/v1/products/import",
            Some(administrator),
            Some("sample-catalogue"),
            Some(body),
        )
        .await
    }

    async fn wait_for_end(&self, customer: &str, id: &str) -> anyhow::Result<Value> {
        let began = Instant::now();
        loop {
            let order =
                self.send(Method::GET, &format!("/v1/orders/{id}"), Some(customer), None, None).await?;
            if order["status"] != "placed" {
                return Ok(order);
            }
            if began.elapsed() > PATIENCE {
                bail!("the order {id} is still being handled after {}", say::duration(PATIENCE));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends a request until it is answered otherwise than "later".
    async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        idempotency_key: Option<&str>,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let began = Instant::now();
        loop {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(key) = idempotency_key {
                request = request.header("Idempotency-Key", key);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await.with_context(|| format!("{method} {path} was not answered"))?;
            let status = answer.status();
            let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let pause = pause.map_or(USUAL_PAUSE, Duration::from_secs);
            let text = answer.text().await?;
            if status.is_success() {
                return serde_json::from_str(&text)
                    .with_context(|| format!("{method} {path} is not answered with JSON"));
            }
            let later = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            if !later || began.elapsed() + pause > PATIENCE {
                bail!("{method} {path} was answered {status}: {text}");
            }
            tokio::time::sleep(pause).await;
        }
    }
}
