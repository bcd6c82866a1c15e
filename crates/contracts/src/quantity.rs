//! How many of a product an order line asks for.

use serde::{Deserialize, Serialize};

/// Between 1 and [`Quantity::MAX`] pieces.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "i64")]
#[schema(value_type = u32, minimum = 1, maximum = 100_000, example = 2)]
pub struct Quantity(u32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("quantity {0} is not between 1 and {max}", max = Quantity::MAX)]
pub struct QuantityOutOfRange(pub i64);

impl Quantity {
    pub const MAX: u32 = 100_000;

    pub fn new(pieces: i64) -> Result<Quantity, QuantityOutOfRange> {
        match u32::try_from(pieces) {
            Ok(pieces @ 1..=Quantity::MAX) => Ok(Quantity(pieces)),
            Ok(_) | Err(_) => Err(QuantityOutOfRange(pieces)),
        }
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sum of two lines that name the same product.
    pub fn plus(self, other: Quantity) -> Result<Quantity, QuantityOutOfRange> {
        Quantity::new(i64::from(self.0) + i64::from(other.0))
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityOutOfRange;
    fn try_from(pieces: i64) -> Result<Quantity, QuantityOutOfRange> {
        Quantity::new(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_one_to_the_bound_and_nothing_else() {
        assert!(Quantity::new(1).is_ok());
        assert!(Quantity::new(100_000).is_ok());
        for refused in [0, -1, 100_001, i64::MAX, i64::MIN] {
            assert_eq!(Quantity::new(refused), Err(QuantityOutOfRange(refused)));
        }
        assert_eq!(
            Quantity::new(100_000).unwrap().plus(Quantity::new(1).unwrap()),
            Err(QuantityOutOfRange(100_001))
        );
    }
}
