//! What the public gateway is asked and what it answers, as far as this program reads it.
//!
//! Paths and methods come from the operation table; how a request is repeated is `client/transport.rs`.

mod session;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{Money, Operation, OrderId, PaymentMethodId, ProductId, Quantity};
use serde::{Deserialize, Serialize};

pub use session::{Credentials, Session};
pub use transport::{Call, CallError, Pauses, Problem};

use transport::Transport;

/// The most rows of one import.
pub const LARGEST_IMPORT: usize = 1_000;
/// The rows asked for in one page; the service may give fewer.
const PAGE: &str = "100";

#[derive(Serialize)]
struct RegisterUser<'a> {
    email: &'a str,
    password: &'a str,
    name: &'a str,
}

/// Whether a registration made the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    Now,
    Before,
}

#[derive(Debug, Serialize)]
pub struct ImportRow {
    pub sku: String,
    pub name: String,
    pub price: Money,
    pub stock_controlled: bool,
    pub received: u64,
}

#[derive(Debug, Serialize)]
struct ImportProducts<'a> {
    rows: &'a [ImportRow],
}

#[derive(Debug, Deserialize)]
pub struct ImportedRow {
    pub sku: String,
    pub product_id: ProductId,
}

#[derive(Debug, Deserialize)]
struct Imported {
    rows: Vec<ImportedRow>,
}

#[derive(Serialize)]
struct AddPaymentMethod<'a> {
    provider_token: &'a str,
}

#[derive(Debug, Deserialize)]
struct PaymentMethodView {
    id: PaymentMethodId,
}

#[derive(Debug, Serialize)]
pub struct PlaceOrder {
    pub lines: Vec<PlaceOrderLine>,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
    pub reference: String,
}

#[derive(Debug, Serialize)]
pub struct PlaceOrderLine {
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub unit_price: Money,
}

#[derive(Debug, Serialize)]
pub struct Address {
    pub name: String,
    pub line1: String,
    pub city: String,
    pub postcode: String,
    pub country: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Placed,
    Confirmed,
    Rejected,
    Expired,
    Cancelled,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Rejection {
    #[serde(rename = "type")]
    pub reason: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct OrderView {
    pub id: OrderId,
    pub status: OrderStatus,
    pub total: Money,
    pub placed_at: DateTime<Utc>,
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub rejection: Option<Rejection>,
}

/// An order in its customer's list.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderSummary {
    pub id: OrderId,
    #[serde(default)]
    pub reference: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct StockView {
    pub sku: String,
    pub on_hand: i64,
    pub reserved: i64,
    pub allocated: i64,
    pub available: i64,
}

#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// The gateway, as its clients see it. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// A client that repeats each request for at most `patience`.
    pub fn new(gateway: &str, patience: Duration) -> Result<Client, reqwest::Error> {
        Ok(Client { transport: Arc::new(Transport::new(gateway, patience)?) })
    }

    /// How often requests had to wait so far.
    pub fn pauses(&self) -> Pauses {
        self.transport.pauses()
    }

    /// Registers a customer; that the account exists already is no error.
    pub async fn register(&self, credentials: &Credentials, name: &str) -> Result<Registered, CallError> {
        let body = RegisterUser { email: &credentials.email, password: &credentials.password, name };
        match self.transport.send(&Call::new(Operation::RegisterUser).body(&body)).await {
            Ok(_) => Ok(Registered::Now),
            Err(CallError::Refused { problem, .. }) if problem.name() == "email-taken" => {
                Ok(Registered::Before)
            }
            Err(error) => Err(error),
        }
    }

    /// Logs in; the session logs in again by itself when its token ends.
    pub async fn log_in(&self, credentials: Credentials) -> Result<Session, CallError> {
        Session::open(Arc::clone(&self.transport), credentials).await
    }
}

impl Session {
    /// Creates products and receives their stock, all rows or none.
    pub async fn import_products(
        &self,
        rows: &[ImportRow],
        idempotency_key: &str,
    ) -> Result<Vec<ImportedRow>, CallError> {
        let call = Call::new(Operation::ImportProducts)
            .body(&ImportProducts { rows })
            .idempotency_key(idempotency_key);
        let imported: Imported = self.ask(call).await?;
        Ok(imported.rows)
    }

    pub async fn add_payment_method(
        &self,
        provider_token: &str,
        idempotency_key: &str,
    ) -> Result<PaymentMethodId, CallError> {
        let call = Call::new(Operation::AddPaymentMethod)
            .body(&AddPaymentMethod { provider_token })
            .idempotency_key(idempotency_key);
        let method: PaymentMethodView = self.ask(call).await?;
        Ok(method.id)
    }

    pub async fn place_order(
        &self,
        order: &PlaceOrder,
        idempotency_key: &str,
    ) -> Result<OrderView, CallError> {
        self.ask(Call::new(Operation::PlaceOrder).body(order).idempotency_key(idempotency_key)).await
    }

    pub async fn read_order(&self, order_id: OrderId) -> Result<OrderView, CallError> {
        self.ask(Call::new(Operation::ReadOrder).path_parameter("order_id", &order_id.to_string())).await
    }

    /// Every order of this customer.
    pub async fn list_orders(&self) -> Result<Vec<OrderSummary>, CallError> {
        self.list(Operation::ListOrders).await
    }

    /// Every product under stock control.
    pub async fn list_stock(&self) -> Result<Vec<StockView>, CallError> {
        self.list(Operation::ListStock).await
    }

    /// A whole list, page by page.
    async fn list<T: for<'de> Deserialize<'de>>(&self, operation: Operation) -> Result<Vec<T>, CallError> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let call = Call::new(operation).query("limit", PAGE).query_if("cursor", cursor);
            let page: Page<T> = self.ask(call).await?;
            items.extend(page.items);
            if page.next_cursor.is_none() {
                return Ok(items);
            }
            cursor = page.next_cursor;
        }
    }
}
