//! The shop before anything is broken: products with stock, customers with cards, staff, and short deadlines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use contracts::Operation;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use stack::Instance;
use stack::secrets::{ADMINISTRATOR_EMAIL, ADMINISTRATOR_PASSWORD};
use uuid::Uuid;

use crate::client::{Ask, Client, Session};
use crate::plan::{CUSTOMERS, GOOD_CARDS, HARD_CARDS, HARD_CUSTOMERS, Plan, SCARCE_PRODUCTS};

const PATIENCE: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 4;
const STOCK: i64 = 1_000_000;
const SCARCE_STOCK: i64 = 60;

/// Everything that the orders need.
#[derive(Debug)]
pub struct Shop {
    pub client: Client,
    pub staff: Session,
    pub customers: Vec<Customer>,
    pub products: Vec<Product>,
    /// How long an order may take, by the terms it is placed with.
    pub deadline: Duration,
}

#[derive(Debug)]
pub struct Customer {
    pub session: Session,
    /// Our id of each card.
    pub cards: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone)]
pub struct Product {
    pub id: String,
    pub received: i64,
}

impl Shop {
    pub async fn open(instance: &Instance, deadline: Duration) -> anyhow::Result<Shop> {
        let client = Client::new(instance.gateway_url())?;
        let until = Instant::now() + PATIENCE;
        let (email, password) =
            (instance.secret(ADMINISTRATOR_EMAIL)?, instance.secret(ADMINISTRATOR_PASSWORD)?);
        let staff = Session::log_in(&client, &email, &password, until).await?;
        let products = stock_up(&staff, until).await?;
        let client_ref = &client;
        let customers = stream::iter(0..CUSTOMERS)
            .map(|number| async move { register(client_ref, number, until).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let shop = Shop { client, staff, customers, products, deadline };
        shop.configure("order.deadline", &format!("{}s", deadline.as_secs()), until).await?;
        // As short as makes an outage of the card processor count as one.
        shop.configure("payment.provider_timeout", "2s", until).await?;
        Ok(shop)
    }

    /// Sets a configuration key.
    pub async fn configure(&self, key: &str, value: &str, until: Instant) -> anyhow::Result<()> {
        let read = Ask::new(Operation::ReadConfiguration).with("key", key);
        let present = self.staff.ask(&read, until).await?.expect("reading the configuration")?;
        let set = Ask::new(Operation::SetConfiguration)
            .with("key", key)
            .if_match(Some(format!("\"{}\"", present["version"])))
            .body(json!({"value": value, "reason": "a trial with faults"}));
        self.staff.ask(&set, until).await?.expect("setting the configuration")?;
        Ok(())
    }

    /// The body of an order.
    pub fn order(&self, plan: &Plan) -> Value {
        let lines: Vec<Value> = plan
            .lines
            .iter()
            .map(
                |(product, quantity)| json!({"product_id": self.products[*product].id, "quantity": quantity}),
            )
            .collect();
        json!({
            "lines": lines,
            "payment_method_id": self.customers[plan.customer].cards.get(plan.card),
            "delivery_address": {
                "name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB",
            },
            "reference": format!("chaos {}", plan.number),
        })
    }
}

async fn stock_up(staff: &Session, until: Instant) -> anyhow::Result<Vec<Product>> {
    let scarce = usize::try_from(SCARCE_PRODUCTS)?;
    let stock = |number: usize| if number < scarce { SCARCE_STOCK } else { STOCK };
    let rows: Vec<Value> = (0..Plan::products())
        .map(|number| {
            json!({
                "sku": format!("CHAOS-{}", Uuid::now_v7()), "name": format!("Product {number}"),
                "price": {"amount": 500 + 37 * number, "currency": "GBP"}, "stock_controlled": true,
                "received": stock(number),
            })
        })
        .collect();
    let ask = Ask::new(Operation::ImportProducts).body(json!({ "rows": rows }));
    let imported = staff.ask(&ask, until).await?.expect("importing products")?;
    let rows = imported["rows"].as_array().context("an import answers with rows")?;
    let product = |(number, row): (usize, &Value)| {
        let id = row["product_id"].as_str().context("an imported row has an id")?.to_owned();
        Ok(Product { id, received: stock(number) })
    };
    rows.iter().enumerate().map(product).collect()
}

async fn register(client: &Client, number: u64, until: Instant) -> anyhow::Result<Customer> {
    let email = format!("{}@example.com", Uuid::now_v7());
    let password = "a long enough password";
    let ask =
        Ask::new(Operation::RegisterUser).body(json!({"email": email, "password": password, "name": "Test"}));
    client.ask(&ask, "", until).await?.expect("registering")?;
    let session = Session::log_in(client, &email, password, until).await?;
    let hard = if number < HARD_CUSTOMERS { &HARD_CARDS[..] } else { &[] };
    let mut cards = BTreeMap::new();
    for card in GOOD_CARDS.iter().chain(hard) {
        let ask = Ask::new(Operation::AddPaymentMethod).body(json!({"provider_token": card}));
        let answer = session.ask(&ask, until).await?.expect("adding a card")?;
        let id = answer["id"].as_str().context("a payment method has an id")?;
        cards.insert(*card, id.to_owned());
    }
    Ok(Customer { session, cards })
}
