//! An import of products by sku: creates or changes, and receives stock once; all rows or none.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use contracts::event::ProductChanged;
use contracts::{Money, ProblemType, ProductId};
use serde::{Deserialize, Serialize};

use super::product::{ChangeProductError, NewProduct, Product, ProductChange, ProductName, Sku};
use super::stock::{Level, ShelfChange, Stocked};

/// The most rows of one import.
pub const MOST_ROWS: usize = 1_000;

/// A product as it is to be, and the pieces that came in with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    pub stock_controlled: bool,
    /// Nought for a product without stock control.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub received: i64,
}

/// What is to be written, and what is to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub created: Vec<Product>,
    pub changed: Vec<Product>,
    /// Pieces received, by product.
    pub received: Vec<(ProductId, i64)>,
    pub events: Vec<ProductChanged>,
    /// The product of each row, in the rows' order.
    pub product_ids: Vec<ProductId>,
}

/// Why a row cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("the sku stands in row {first} already")]
    Twice { first: usize },
    #[error("the product was archived at {at}")]
    Archived { at: DateTime<Utc> },
    #[error("whether a product is under stock control cannot be changed")]
    StockControl,
    #[error("a product without stock control receives nothing")]
    NoShelf,
    #[error("{0} pieces cannot be received")]
    OutOfRange(i64),
}

impl RowError {
    /// The problem type under which a client knows it.
    pub const fn problem_type(&self) -> ProblemType {
        match self {
            RowError::Twice { .. } => ProblemType::SkuTaken,
            RowError::Archived { .. } => ProblemType::ProductArchived,
            RowError::StockControl => ProblemType::Conflict,
            RowError::NoShelf => ProblemType::InvalidField,
            RowError::OutOfRange(_) => ProblemType::QuantityOutOfRange,
        }
    }
}

/// Decides all rows; `present` is what the catalogue has under their skus, under lock, and `new_ids` has an id for
/// each row, should it create a product.
///
/// # Errors
/// Each wrong row by its index.
pub fn plan(
    rows: &[ImportRow],
    mut present: HashMap<Sku, Stocked>,
    new_ids: &[ProductId],
    now: DateTime<Utc>,
) -> Result<Plan, Vec<(usize, RowError)>> {
    let mut plan = Plan::default();
    let mut wrong = Vec::new();
    let mut first = HashMap::<&Sku, usize>::new();
    for (index, (row, new_id)) in rows.iter().zip(new_ids).enumerate() {
        let first = *first.entry(&row.sku).or_insert(index);
        let decided = if first == index {
            plan.add(row, present.remove(&row.sku), *new_id, now)
        } else {
            Err(RowError::Twice { first })
        };
        if let Err(error) = decided {
            wrong.push((index, error));
        }
    }
    if wrong.is_empty() { Ok(plan) } else { Err(wrong) }
}

impl Plan {
    fn add(
        &mut self,
        row: &ImportRow,
        present: Option<Stocked>,
        new_id: ProductId,
        now: DateTime<Utc>,
    ) -> Result<(), RowError> {
        let level = match &present {
            Some(present) if present.product.stock_controlled != row.stock_controlled => {
                return Err(RowError::StockControl);
            }
            Some(present) => present.level,
            None => row.stock_controlled.then(Level::default),
        };
        received(row, level)?;
        let product_id = match present {
            None => self.create(row, new_id, now),
            Some(present) => self.change(row, present.product, now)?,
        };
        if row.received > 0 {
            self.received.push((product_id, row.received));
        }
        self.product_ids.push(product_id);
        Ok(())
    }

    fn create(&mut self, row: &ImportRow, new_id: ProductId, now: DateTime<Utc>) -> ProductId {
        let new = NewProduct {
            sku: row.sku.clone(),
            name: row.name.clone(),
            price: row.price,
            stock_controlled: row.stock_controlled,
        };
        let (product, event) = Product::create(new_id, new, now);
        self.created.push(product);
        self.events.push(event);
        new_id
    }

    fn change(
        &mut self,
        row: &ImportRow,
        mut product: Product,
        now: DateTime<Utc>,
    ) -> Result<ProductId, RowError> {
        let id = product.id;
        let change = ProductChange { name: Some(row.name.clone()), price: Some(row.price) };
        let event = product.change(change, now).map_err(|error| match error {
            ChangeProductError::Archived { at } => RowError::Archived { at },
        })?;
        if let Some(event) = event {
            self.changed.push(product);
            self.events.push(event);
        }
        Ok(id)
    }
}

fn received(row: &ImportRow, level: Option<Level>) -> Result<(), RowError> {
    match (row.received, level) {
        (0, _) => Ok(()),
        (_, None) => Err(RowError::NoShelf),
        (pieces, Some(level)) => {
            level.after(ShelfChange::Received { pieces }).map_err(|_| RowError::OutOfRange(pieces))?;
            Ok(())
        }
    }
}

/// The skus that an import names, each once.
pub fn skus(rows: &[ImportRow]) -> Vec<String> {
    let mut seen = HashSet::new();
    rows.iter().map(|row| row.sku.as_str()).filter(|sku| seen.insert(*sku)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::product::Sale;
    use contracts::Currency;
    use uuid::Uuid;

    fn row(sku: &str, pence: i64, received: i64) -> ImportRow {
        ImportRow {
            sku: sku.to_owned().try_into().unwrap(),
            name: "CLOCK".to_owned().try_into().unwrap(),
            price: Money::new(pence, Currency::Gbp).unwrap(),
            stock_controlled: true,
            received,
        }
    }

    fn id(number: u128) -> ProductId {
        ProductId(Uuid::from_u128(number))
    }

    /// `old` at 100 with 5 on the shelf.
    fn present(sale: Sale) -> HashMap<Sku, Stocked> {
        let row = row("old", 100, 0);
        let new =
            NewProduct { sku: row.sku.clone(), name: row.name, price: row.price, stock_controlled: true };
        let (mut product, _) = Product::create(id(9), new, DateTime::UNIX_EPOCH);
        product.sale = sale;
        [(row.sku, Stocked { product, level: Some(Level { on_hand: 5, ..Level::default() }) })].into()
    }

    #[test]
    fn creates_changes_and_receives_by_sku() {
        let rows = [row("new", 100, 3), row("old", 120, 2)];
        let plan = plan(&rows, present(Sale::Open), &[id(1), id(2)], DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(plan.product_ids, [id(1), id(9)]);
        assert_eq!(plan.received, [(id(1), 3), (id(9), 2)]);
        assert_eq!(plan.created.len(), 1);
        assert_eq!((plan.changed[0].id, plan.changed[0].version), (id(9), 2));
        assert_eq!(plan.events.len(), 2);
    }

    #[test]
    fn what_is_as_it_should_be_is_not_told_again() {
        let plan = plan(&[row("old", 100, 1)], present(Sale::Open), &[id(1)], DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((plan.created.len(), plan.changed.len(), plan.events.len()), (0, 0, 0));
        assert_eq!(plan.received, [(id(9), 1)]);
    }

    #[test]
    fn every_wrong_row_is_named() {
        let rows = [
            row("a", 100, -1),
            row("a", 100, 1),
            ImportRow { stock_controlled: false, ..row("b", 100, 1) },
            row("fine", 100, 1),
            ImportRow { stock_controlled: false, ..row("old", 100, 0) },
        ];
        let ids = [1, 2, 3, 4, 5].map(id);
        let wrong = plan(&rows, present(Sale::Open), &ids, DateTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(
            wrong,
            [
                (0, RowError::OutOfRange(-1)),
                (1, RowError::Twice { first: 0 }),
                (2, RowError::NoShelf),
                (4, RowError::StockControl)
            ]
        );
        let at = DateTime::UNIX_EPOCH;
        let archived = plan(&[row("old", 100, 0)], present(Sale::Archived { at }), &ids, at).unwrap_err();
        assert_eq!(archived, [(0, RowError::Archived { at })]);
    }
}
