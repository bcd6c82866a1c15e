//! An order as the API shows it, as far as it is looked at here.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Order {
    pub id: String,
    pub status: String,
    pub payment_status: String,
    pub placed_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub terms: Terms,
    pub lines: Vec<Line>,
    #[serde(default)]
    pub parcels: Vec<Parcel>,
    #[serde(default)]
    pub returns: Vec<Return>,
    /// What was taken, once it was.
    #[serde(default)]
    pub captured: Option<Amount>,
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Refund {
    pub cause: String,
    pub amount: Amount,
    pub status: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Terms {
    pub deadline: DateTime<Utc>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Line {
    pub product_id: String,
    pub quantity: i64,
    #[serde(default)]
    pub cancelled_quantity: i64,
    pub unit_price: Amount,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub struct Amount {
    pub amount: i64,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Parcel {
    pub id: String,
    pub status: String,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Part {
    pub product_id: String,
    pub quantity: i64,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Return {
    pub id: String,
    #[serde(default)]
    pub restocked: Vec<Part>,
}

impl Order {
    pub fn read(body: &Value) -> anyhow::Result<Order> {
        Order::deserialize(body).with_context(|| format!("an order cannot be read: {body}"))
    }

    /// One piece of the first line, to be cancelled or shipped.
    pub fn piece(&self) -> anyhow::Result<Value> {
        let line = self.lines.first().context("an order has lines")?;
        Ok(json!({"product_id": line.product_id, "quantity": 1}))
    }

    pub fn price_of(&self, product: &str) -> anyhow::Result<i64> {
        let line = self.lines.iter().find(|line| line.product_id == product);
        Ok(line.context("only what was ordered is sent back")?.unit_price.amount)
    }

    /// Pieces of a product that have left, and that came back to be sold again.
    pub fn moved(&self, product: &str) -> (i64, i64) {
        let pieces = |parts: &[Part]| -> i64 {
            parts.iter().filter(|part| part.product_id == product).map(|part| part.quantity).sum()
        };
        let left =
            self.parcels.iter().filter(|parcel| matches!(parcel.status.as_str(), "shipped" | "delivered"));
        let shipped = left.map(|parcel| pieces(&parcel.parts)).sum();
        (shipped, self.returns.iter().map(|one| pieces(&one.restocked)).sum())
    }

    /// What the shop keeps of the customer's money when everything is done: what was neither cancelled nor taken back.
    pub fn expected_money(&self) -> i64 {
        if !self.lives() || self.captured.is_none() {
            return 0;
        }
        let kept = |line: &Line| (line.quantity - line.cancelled_quantity) * line.unit_price.amount;
        let returned = self.refunds.iter().filter(|refund| refund.cause.starts_with("return:"));
        let returned: i64 = returned.map(|refund| refund.amount.amount).sum();
        self.lines.iter().map(kept).sum::<i64>() - returned
    }

    /// Whether it goes on after its end.
    pub fn lives(&self) -> bool {
        matches!(self.status.as_str(), "confirmed" | "returned")
    }

    /// Pieces of a product that wait to be shipped.
    pub fn waiting(&self, product: &str) -> i64 {
        let lines = self.lines.iter().filter(|line| line.product_id == product);
        let ordered: i64 = lines.map(|line| line.quantity - line.cancelled_quantity).sum();
        if self.lives() { ordered - self.moved(product).0 } else { 0 }
    }
}
