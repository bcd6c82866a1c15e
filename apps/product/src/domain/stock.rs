//! Stock levels, the ledger's lines, and whether an order can be served.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use contracts::event::OrderLine;
use contracts::{Money, OrderId, ProductId, Refusal};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::product::{Product, TextError, line_of_text};

/// The most pieces of one product on the shelf, or in one line of the ledger.
pub const MOST_PIECES: i64 = 1_000_000_000;

/// The three quantities of a product; what is available is what is left of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// What a picker can count.
    pub on_hand: i64,
    /// Promised to orders that have no end yet.
    pub reserved: i64,
    /// Promised to confirmed orders.
    pub allocated: i64,
}

/// A product with what there is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stocked {
    pub product: Product,
    /// None when the product is not under stock control.
    pub level: Option<Level>,
}

/// What staff say about the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfChange {
    /// Pieces came in.
    Received { pieces: i64 },
    /// A count or a loss: more or fewer than thought.
    Adjusted { pieces: i64 },
}

/// Why staff change the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(as = MovementReason, value_type = String, min_length = 1, max_length = 200, example = "delivery note 4711")]
pub struct Reason(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShelfChangeError {
    #[error("{0} pieces cannot be received or adjusted")]
    OutOfRange(i64),
    #[error("{requested} pieces would leave the shelf and only {available} are not promised")]
    Promised { requested: i64, available: i64 },
}

/// The kinds of lines of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    Received,
    Adjusted,
    Reserved,
    Allocated,
    Released,
    Shipped,
    /// Sent back by a customer, and to be sold again.
    Returned,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub id: i64,
    pub product_id: ProductId,
    pub kind: MovementKind,
    pub on_hand_delta: i64,
    pub reserved_delta: i64,
    pub allocated_delta: i64,
    pub order_id: Option<OrderId>,
    /// The cancellation, parcel or return that it was for.
    pub cause_id: Option<Uuid>,
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// What an order holds of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub product_id: ProductId,
    pub pieces: i64,
}

/// What a product is sold at, as it stands under the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub price: Money,
    pub archived: bool,
    /// None when the product is not under stock control.
    pub available: Option<i64>,
}

/// Whether all lines can be served: what to hold, one entry for each product under stock control, in the products'
/// order; or the refusal of the first line that cannot. Lines that name the same product are summed.
///
/// # Errors
/// The first refusal in the order of the lines.
pub fn assess(lines: &[OrderLine], offers: &HashMap<ProductId, Offer>) -> Result<Vec<Held>, Refusal> {
    let mut demand = BTreeMap::<ProductId, i64>::new();
    for line in lines {
        *demand.entry(line.product_id).or_default() += i64::from(line.quantity.get());
    }
    for line in lines {
        let product_id = line.product_id;
        let offer = offers.get(&product_id).ok_or(Refusal::UnknownProduct { product_id })?;
        if offer.archived {
            return Err(Refusal::ProductArchived { product_id });
        }
        if offer.price != line.unit_price {
            let (expected, actual) = (line.unit_price, offer.price);
            return Err(Refusal::PriceChanged { product_id, expected, actual });
        }
        let requested = demand[&product_id];
        if let Some(available) = offer.available.filter(|available| *available < requested) {
            let (requested, available) = (shown(requested), shown(available));
            return Err(Refusal::InsufficientStock { product_id, requested, available });
        }
    }
    demand.retain(|product_id, _| offers.get(product_id).is_some_and(|offer| offer.available.is_some()));
    Ok(demand.into_iter().map(|(product_id, pieces)| Held { product_id, pieces }).collect())
}

/// A refusal shows pieces as they fit.
pub fn shown(pieces: i64) -> u32 {
    u32::try_from(pieces.max(0)).unwrap_or(u32::MAX)
}

impl Level {
    pub const fn available(self) -> i64 {
        self.on_hand - self.reserved - self.allocated
    }

    /// The level after a change of the shelf.
    ///
    /// # Errors
    /// When the change is out of range, or would take what is promised to orders.
    pub fn after(self, change: ShelfChange) -> Result<Level, ShelfChangeError> {
        let pieces = change.pieces();
        let within_bounds = match change {
            ShelfChange::Received { pieces } => (1..=MOST_PIECES).contains(&pieces),
            ShelfChange::Adjusted { pieces } => pieces != 0 && (-MOST_PIECES..=MOST_PIECES).contains(&pieces),
        };
        if !within_bounds || self.on_hand + pieces > MOST_PIECES {
            return Err(ShelfChangeError::OutOfRange(pieces));
        }
        if self.available() + pieces < 0 {
            return Err(ShelfChangeError::Promised { requested: -pieces, available: self.available() });
        }
        Ok(Level { on_hand: self.on_hand + pieces, ..self })
    }
}

impl ShelfChange {
    pub const fn pieces(self) -> i64 {
        match self {
            ShelfChange::Received { pieces } | ShelfChange::Adjusted { pieces } => pieces,
        }
    }

    pub const fn kind(self) -> MovementKind {
        match self {
            ShelfChange::Received { .. } => MovementKind::Received,
            ShelfChange::Adjusted { .. } => MovementKind::Adjusted,
        }
    }
}

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = TextError;
    fn try_from(text: String) -> Result<Reason, TextError> {
        line_of_text(&text).map(Reason).ok_or(TextError::Reason)
    }
}

impl MovementKind {
    pub const ALL: [MovementKind; 7] = [
        MovementKind::Received,
        MovementKind::Adjusted,
        MovementKind::Reserved,
        MovementKind::Allocated,
        MovementKind::Released,
        MovementKind::Shipped,
        MovementKind::Returned,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            MovementKind::Received => "received",
            MovementKind::Adjusted => "adjusted",
            MovementKind::Reserved => "reserved",
            MovementKind::Allocated => "allocated",
            MovementKind::Released => "released",
            MovementKind::Shipped => "shipped",
            MovementKind::Returned => "returned",
        }
    }

    pub fn from_name(name: &str) -> Option<MovementKind> {
        MovementKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{Currency, Quantity};

    fn line(product: u128, quantity: i64, pence: i64) -> OrderLine {
        OrderLine {
            product_id: ProductId(Uuid::from_u128(product)),
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: Money::new(pence, Currency::Gbp).unwrap(),
        }
    }

    fn offers() -> HashMap<ProductId, Offer> {
        let offer = |archived, available| Offer {
            price: Money::new(100, Currency::Gbp).unwrap(),
            archived,
            available,
        };
        [
            (1, offer(false, Some(5))),
            (2, offer(false, Some(1))),
            (3, offer(true, Some(5))),
            (4, offer(false, None)),
        ]
        .map(|(product, offer)| (ProductId(Uuid::from_u128(product)), offer))
        .into()
    }

    fn told(lines: &[OrderLine]) -> String {
        match assess(lines, &offers()) {
            Ok(held) => held
                .iter()
                .map(|held| format!("{}:{}", held.product_id.0.as_u128(), held.pieces))
                .collect::<Vec<_>>()
                .join(" "),
            Err(refusal) => refusal.problem_type().name().to_owned(),
        }
    }

    #[test]
    fn holds_the_sum_of_each_product_and_nothing_of_what_has_no_stock() {
        assert_eq!(told(&[line(2, 1, 100), line(1, 2, 100), line(4, 9, 100), line(1, 3, 100)]), "1:5 2:1");
        assert_eq!(told(&[line(4, 100_000, 100)]), "");
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn refuses_for_the_first_line_that_cannot_be_served() {
        assert_eq!(told(&[line(1, 3, 100), line(1, 3, 100)]), "insufficient-stock");
        assert_eq!(told(&[line(1, 1, 100), line(9, 1, 100), line(3, 1, 100)]), "unknown-product");
        assert_eq!(told(&[line(3, 1, 99), line(9, 1, 100)]), "product-archived");
        assert_eq!(told(&[line(2, 9, 99), line(9, 1, 100)]), "price-changed");
        assert_eq!(told(&[line(4, 1, 99)]), "price-changed");
        let euros = OrderLine { unit_price: Money::new(100, Currency::Eur).unwrap(), ..line(1, 1, 100) };
        assert_eq!(told(&[euros]), "price-changed");
    }

    #[test]
    fn the_shelf_keeps_what_is_promised() {
        let level = Level { on_hand: 10, reserved: 2, allocated: 3 };
        assert_eq!(level.after(ShelfChange::Adjusted { pieces: -5 }).unwrap().available(), 0);
        assert_eq!(
            level.after(ShelfChange::Adjusted { pieces: -6 }),
            Err(ShelfChangeError::Promised { requested: 6, available: 5 })
        );
        assert_eq!(level.after(ShelfChange::Received { pieces: 1 }).unwrap().on_hand, 11);
        for refused in [0, -1, MOST_PIECES, i64::MAX] {
            let change = ShelfChange::Received { pieces: refused };
            assert_eq!(level.after(change), Err(ShelfChangeError::OutOfRange(refused)));
        }
        for refused in [0, i64::MIN, MOST_PIECES] {
            let change = ShelfChange::Adjusted { pieces: refused };
            assert_eq!(level.after(change), Err(ShelfChangeError::OutOfRange(refused)));
        }
    }
}
