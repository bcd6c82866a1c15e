//! One row of `orders`, and the order that it and what belongs to it are.

use chrono::{DateTime, Utc};
use contracts::event::OrderLine;
use contracts::{CaptureMode, Money, OrderId, PaymentMethodId, Refusal, Terms, UserId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::StoredOrder;
use crate::domain::order::{Capture, CaptureRequest, Due};
use crate::domain::{End, Facts, Order, PlacedLine, Saga};
use crate::store::fulfilment::Kept;
use crate::store::lines::LineRow;
use crate::store::refunds::RefundRow;
use crate::store::{money, unreadable};

pub(super) struct OrderRow {
    pub id: Uuid,
    pub number: String,
    pub customer_id: Uuid,
    pub payment_method_id: Uuid,
    pub currency: String,
    pub total: i64,
    pub delivery_address: Value,
    pub reference: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub charge_by: DateTime<Utc>,
    pub deadline: DateTime<Utc>,
    pub capture: String,
    pub return_window_days: i32,
    pub configuration_version: i64,
    pub stock_reserved_at: Option<DateTime<Utc>>,
    pub stock_refusal: Option<Value>,
    pub payment_action_required_at: Option<DateTime<Utc>>,
    pub payment_authorised_at: Option<DateTime<Utc>>,
    pub payment_captured_at: Option<DateTime<Utc>>,
    pub payment_captured_amount: Option<i64>,
    pub payment_refunded_at: Option<DateTime<Utc>>,
    pub payment_refusal: Option<Value>,
    pub payment_voided_at: Option<DateTime<Utc>>,
    pub capture_amount: Option<i64>,
    pub capture_round: Option<i32>,
    pub capture_requested_at: Option<DateTime<Utc>>,
    pub due_round: Option<i32>,
    pub due_reason: Option<String>,
    pub due_at: Option<DateTime<Utc>>,
    pub payment_disputes: Option<Value>,
    pub end_kind: Option<String>,
    pub end_refusal: Option<Value>,
    pub end_refunds_requested: Option<i64>,
    pub ended_at: Option<DateTime<Utc>>,
    pub version: i64,
}

impl OrderRow {
    pub fn order(
        self,
        lines: Vec<LineRow>,
        kept: &mut Kept,
        refunds: Vec<RefundRow>,
    ) -> Result<StoredOrder, sqlx::Error> {
        let currency = self.currency.clone();
        let lines: Vec<PlacedLine> =
            lines.into_iter().map(|line| placed_line(line, &currency)).collect::<Result<_, _>>()?;
        let order = Order {
            lines: lines.iter().map(ordered).collect(),
            terms: self.terms()?,
            capture: self.capture()?,
            parcels: kept.parcels.remove(&self.id).unwrap_or_default(),
            cancellations: kept.cancellations(self.id, &currency)?,
            returns: kept.returns.remove(&self.id).unwrap_or_default(),
            refunds: refunds.into_iter().map(|row| row.refund(&currency)).collect::<Result<_, _>>()?,
            disputes: self.payment_disputes.clone().map(read).transpose()?.unwrap_or_default(),
            saga: Saga {
                order_id: OrderId(self.id),
                total: money(self.total, &currency)?,
                deadline: self.deadline,
                end: self.end()?,
                number: self.number,
                customer_id: UserId(self.customer_id),
                facts: Facts {
                    stock_reserved: self.stock_reserved_at,
                    stock_refusal: self.stock_refusal.map(read).transpose()?,
                    payment_action_required: self.payment_action_required_at,
                    payment_authorised: self.payment_authorised_at,
                    payment_captured: self.payment_captured_at,
                    payment_refunded: self.payment_refunded_at,
                    payment_refusal: self.payment_refusal.map(read).transpose()?,
                    payment_voided: self.payment_voided_at,
                },
            },
        };
        Ok(StoredOrder {
            order,
            lines,
            payment_method_id: PaymentMethodId(self.payment_method_id),
            delivery_address: read(self.delivery_address)?,
            reference: self.reference,
            placed_at: self.placed_at,
            version: self.version,
        })
    }

    fn terms(&self) -> Result<Terms, sqlx::Error> {
        Ok(Terms {
            charge_by: self.charge_by,
            deadline: self.deadline,
            capture: capture(&self.capture)?,
            return_window_days: self
                .return_window_days
                .try_into()
                .map_err(|_| unreadable("return window"))?,
            configuration_version: self
                .configuration_version
                .try_into()
                .map_err(|_| unreadable("configuration version"))?,
        })
    }

    fn capture(&self) -> Result<Capture, sqlx::Error> {
        let amount = |amount: i64| money(amount, &self.currency);
        let round = |round: i32| u32::try_from(round).map_err(|_| unreadable("round"));
        let requested = match (self.capture_amount, self.capture_round, self.capture_requested_at) {
            (None, None, None) => None,
            (Some(asked), Some(times), Some(at)) => {
                Some(CaptureRequest { amount: amount(asked)?, round: round(times)?, at })
            }
            (Some(_) | None, _, _) => return Err(unreadable("capture request")),
        };
        let due = match (self.due_round, self.due_reason.clone(), self.due_at) {
            (None, None, None) => None,
            (Some(times), Some(reason), Some(at)) => Some(Due { round: round(times)?, reason, at }),
            (Some(_) | None, _, _) => return Err(unreadable("failed capture")),
        };
        // The first release did not keep the amount; it was always the total.
        let captured = self.payment_captured_at.map(|_| self.payment_captured_amount.unwrap_or(self.total));
        Ok(Capture { requested, captured: captured.map(amount).transpose()?, due })
    }

    fn end(&self) -> Result<Option<End>, sqlx::Error> {
        match (self.end_kind.as_deref(), self.ended_at) {
            (None, None) => Ok(None),
            (Some("confirmed"), Some(at)) => Ok(Some(End::Confirmed { at })),
            (Some("expired"), Some(at)) => Ok(Some(End::Expired { at })),
            (Some("rejected"), Some(at)) => {
                let refusal: Refusal = read(self.end_refusal.clone().ok_or_else(|| unreadable("refusal"))?)?;
                Ok(Some(End::Rejected { at, refusal }))
            }
            (Some("cancelled"), Some(at)) => {
                let asked = self.end_refunds_requested.ok_or_else(|| unreadable("cancelled end"))?;
                Ok(Some(End::Cancelled { at, refunds_requested: money(asked, &self.currency)? }))
            }
            (Some(_) | None, _) => Err(unreadable("end")),
        }
    }
}

fn placed_line(line: LineRow, currency: &str) -> Result<PlacedLine, sqlx::Error> {
    let unit_price: Money = money(line.unit_price, currency)?;
    Ok(PlacedLine {
        product_id: line.product_id,
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        unit_price,
        line_total: unit_price.times(line.quantity.get()).map_err(|_| unreadable("line total"))?,
    })
}

fn ordered(line: &PlacedLine) -> OrderLine {
    OrderLine { product_id: line.product_id, quantity: line.quantity, unit_price: line.unit_price }
}

pub(super) const fn capture_name(capture: CaptureMode) -> &'static str {
    match capture {
        CaptureMode::AtOnce => "at_once",
        CaptureMode::BeforeShipping => "before_shipping",
    }
}

fn capture(name: &str) -> Result<CaptureMode, sqlx::Error> {
    [CaptureMode::AtOnce, CaptureMode::BeforeShipping]
        .into_iter()
        .find(|mode| capture_name(*mode) == name)
        .ok_or_else(|| unreadable("capture mode"))
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Value, sqlx::Error> {
    serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, sqlx::Error> {
    serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()))
}
