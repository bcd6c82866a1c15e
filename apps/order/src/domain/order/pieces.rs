//! Pieces by product: sums of parts, and what is left of them.

use std::collections::BTreeMap;

use contracts::event::{OrderLine, Part};
use contracts::{ProductId, Quantity};

/// How many pieces of which product, in the products' order; a product without any is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pieces(BTreeMap<ProductId, u32>);

/// More of a product than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{requested} pieces of {product_id} are asked for, {left} are left")]
pub struct Exceeded {
    pub product_id: ProductId,
    pub requested: u32,
    pub left: u32,
}

impl Pieces {
    /// The sum for each product; one that is named twice counts twice.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Pieces {
        let mut pieces = Pieces::default();
        for part in parts {
            pieces.put(part.product_id, part.quantity.get());
        }
        pieces
    }

    pub fn ordered(lines: &[OrderLine]) -> Pieces {
        Pieces(lines.iter().map(|line| (line.product_id, line.quantity.get())).collect())
    }

    pub fn plus(mut self, other: &Pieces) -> Pieces {
        for (product_id, pieces) in &other.0 {
            self.put(*product_id, *pieces);
        }
        self
    }

    /// What is left; never less than nothing.
    pub fn minus(mut self, other: &Pieces) -> Pieces {
        for (product_id, pieces) in &other.0 {
            let left = self.get(*product_id).saturating_sub(*pieces);
            match left {
                0 => _ = self.0.remove(product_id),
                left => _ = self.0.insert(*product_id, left),
            }
        }
        self
    }

    /// For each product the smaller of both.
    pub fn at_most(self, other: &Pieces) -> Pieces {
        let smaller =
            |(product_id, pieces): (ProductId, u32)| (product_id, pieces.min(other.get(product_id)));
        Pieces(self.0.into_iter().map(smaller).filter(|(_, pieces)| *pieces > 0).collect())
    }

    /// # Errors
    /// The first product of which these are more.
    pub fn within(&self, left: &Pieces) -> Result<(), Exceeded> {
        for (product_id, requested) in &self.0 {
            let left = left.get(*product_id);
            if *requested > left {
                return Err(Exceeded { product_id: *product_id, requested: *requested, left });
            }
        }
        Ok(())
    }

    pub fn get(&self, product_id: ProductId) -> u32 {
        self.0.get(&product_id).copied().unwrap_or_default()
    }

    pub fn none(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (ProductId, u32)> + '_ {
        self.0.iter().map(|(product_id, pieces)| (*product_id, *pieces))
    }

    /// As they stand in events, in the products' order.
    pub fn parts(&self) -> Vec<Part> {
        self.iter()
            .map(|(product_id, pieces)| Part {
                product_id,
                quantity: Quantity::new(pieces.into())
                    .expect("invariant: pieces of an order are at most what was ordered"),
            })
            .collect()
    }

    /// A sum beyond all bounds stays one that is more than there can be.
    fn put(&mut self, product_id: ProductId, pieces: u32) {
        if pieces > 0 {
            let sum = self.0.entry(product_id).or_default();
            *sum = sum.saturating_add(pieces);
        }
    }
}
