//! Taking an order: lines are merged, prices come from product, totals are sums, terms are fixed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contracts::event::{OrderLine, OrderPlaced};
use contracts::money::MoneyError;
use contracts::quantity::QuantityOutOfRange;
use contracts::{Money, OrderId, PaymentMethodId, ProductId, Quantity, Refusal, Terms, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most lines that a request may ever have; the shop may allow fewer.
pub const MOST_LINES: usize = 500;

/// Where the parcel goes; kept with the order as it was when it was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: String,
    #[schema(min_length = 1, max_length = 200, example = "12 St James's Square")]
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    #[schema(min_length = 1, max_length = 200, example = "London")]
    pub city: String,
    #[schema(min_length = 1, max_length = 200, example = "SW1Y 4JH")]
    pub postcode: String,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$", example = "GB")]
    pub country: String,
}

/// A line as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub product_id: ProductId,
    pub quantity: Quantity,
    /// The price that the client saw; the order is refused if it is no longer true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
}

/// What `order` knows of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub price: Money,
    pub archived: bool,
}

/// What the order is placed with beside its lines.
#[derive(Debug, Clone)]
pub struct Placing {
    pub order_id: OrderId,
    pub number: String,
    pub customer_id: UserId,
    pub payment_method_id: PaymentMethodId,
    pub expected_total: Option<Money>,
    /// How many lines this customer's orders may have.
    pub most_lines: usize,
    pub terms: Terms,
    pub now: DateTime<Utc>,
}

/// A line as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedLine {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub line_total: Money,
}

/// An order that has just been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOrder {
    pub lines: Vec<PlacedLine>,
    pub placed: OrderPlaced,
    pub placed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceOrderError {
    #[error("an order needs at least one line")]
    NoLines,
    #[error("{lines} lines are more than {most}")]
    TooManyLines { lines: usize, most: usize },
    #[error(transparent)]
    Quantity(#[from] QuantityOutOfRange),
    #[error("the order is refused")]
    Refused(Refusal),
    #[error("the total is {actual}, not {expected}")]
    TotalChanged { expected: Money, actual: Money },
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Quantities by product: lines that name the same product become one.
///
/// # Errors
/// When there is no line, too many, or a merged quantity is out of range.
pub fn merge(lines: &[Line], most: usize) -> Result<BTreeMap<ProductId, Quantity>, PlaceOrderError> {
    let most = most.min(MOST_LINES);
    match lines.len() {
        0 => return Err(PlaceOrderError::NoLines),
        lines if lines > most => return Err(PlaceOrderError::TooManyLines { lines, most }),
        _ => {}
    }
    let mut merged = BTreeMap::new();
    for line in lines {
        let quantity = match merged.get(&line.product_id) {
            None => line.quantity,
            Some(same) => line.quantity.plus(*same)?,
        };
        merged.insert(line.product_id, quantity);
    }
    Ok(merged)
}

/// Takes the order: every product known and on sale, prices as the client saw them, sums within bounds.
///
/// # Errors
/// The first refusal in the request's order, then what is wrong with the total.
pub fn place(placing: Placing, lines: &[Line], known: &[Product]) -> Result<TakenOrder, PlaceOrderError> {
    let merged = merge(lines, placing.most_lines)?;
    let known: BTreeMap<_, _> = known.iter().map(|product| (product.product_id, product)).collect();
    lines.iter().try_for_each(|line| check(line, known.get(&line.product_id).copied()))?;
    let lines = merged
        .into_iter()
        .filter_map(|(product_id, quantity)| Some(take(known.get(&product_id)?, quantity)))
        .collect::<Result<Vec<_>, _>>()?;
    let total = total(&lines)?;
    if let Some(expected) = placing.expected_total.filter(|expected| *expected != total) {
        return Err(PlaceOrderError::TotalChanged { expected, actual: total });
    }
    let placed = OrderPlaced {
        order_id: placing.order_id,
        number: placing.number,
        customer_id: placing.customer_id,
        payment_method_id: placing.payment_method_id,
        lines: lines
            .iter()
            .map(|line| OrderLine {
                product_id: line.product_id,
                quantity: line.quantity,
                unit_price: line.unit_price,
            })
            .collect(),
        total,
        terms: placing.terms,
    };
    Ok(TakenOrder { lines, placed, placed_at: placing.now })
}

fn check(line: &Line, known: Option<&Product>) -> Result<(), PlaceOrderError> {
    let product_id = line.product_id;
    let product = known.ok_or(PlaceOrderError::Refused(Refusal::UnknownProduct { product_id }))?;
    if product.archived {
        return Err(PlaceOrderError::Refused(Refusal::ProductArchived { product_id }));
    }
    match line.unit_price.filter(|expected| *expected != product.price) {
        None => Ok(()),
        Some(expected) if expected.currency() != product.price.currency() => {
            Err(MoneyError::CurrencyMismatch(expected.currency(), product.price.currency()).into())
        }
        Some(expected) => {
            let actual = product.price;
            Err(PlaceOrderError::Refused(Refusal::PriceChanged { product_id, expected, actual }))
        }
    }
}

fn take(product: &Product, quantity: Quantity) -> Result<PlacedLine, MoneyError> {
    Ok(PlacedLine {
        product_id: product.product_id,
        sku: product.sku.clone(),
        name: product.name.clone(),
        quantity,
        unit_price: product.price,
        line_total: product.price.times(quantity.get())?,
    })
}

fn total(lines: &[PlacedLine]) -> Result<Money, MoneyError> {
    let mut amounts = lines.iter().map(|line| line.line_total);
    let first = amounts.next().expect("invariant: merged lines are never empty");
    amounts.try_fold(first, Money::plus)
}

#[cfg(test)]
#[path = "placing_tests.rs"]
mod tests;
