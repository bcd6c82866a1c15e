//! A product of the catalogue, and what staff may do with it.

use chrono::{DateTime, Utc};
use contracts::event::ProductChanged;
use contracts::{Money, ProductId};
use serde::{Deserialize, Serialize};

/// A stock keeping unit: the shop's own name for a product, unique and fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 64, pattern = "^[!-~]+$", example = "22728")]
pub struct Sku(String);

/// What people call a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200, example = "ALARM CLOCK BAKELIKE PINK")]
pub struct ProductName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("a sku is 1 to 64 visible ASCII characters")]
    Sku,
    #[error("a name is 1 to 200 characters without control characters")]
    Name,
    #[error("a reason is 1 to 200 characters without control characters")]
    Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    /// Fixed: postage and fees are sold without stock, and stay so.
    pub stock_controlled: bool,
    pub sale: Sale,
    /// Counts the changes from 1.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Whether orders may name the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sale {
    Open,
    Archived { at: DateTime<Utc> },
}

/// What staff say of a product that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    pub stock_controlled: bool,
}

/// What is to be different; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductChange {
    pub name: Option<ProductName>,
    pub price: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeProductError {
    #[error("the product was archived at {at}")]
    Archived { at: DateTime<Utc> },
}

impl Product {
    pub fn create(id: ProductId, new: NewProduct, now: DateTime<Utc>) -> (Product, ProductChanged) {
        let product = Product {
            id,
            sku: new.sku,
            name: new.name,
            price: new.price,
            stock_controlled: new.stock_controlled,
            sale: Sale::Open,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let event = product.changed();
        (product, event)
    }

    /// Another name or price, for orders placed from now on.
    ///
    /// # Errors
    /// When the product is archived.
    pub fn change(
        &mut self,
        change: ProductChange,
        now: DateTime<Utc>,
    ) -> Result<Option<ProductChanged>, ChangeProductError> {
        if let Sale::Archived { at } = self.sale {
            return Err(ChangeProductError::Archived { at });
        }
        let name = change.name.unwrap_or_else(|| self.name.clone());
        let price = change.price.unwrap_or(self.price);
        if name == self.name && price == self.price {
            return Ok(None);
        }
        self.name = name;
        self.price = price;
        self.touch(now);
        Ok(Some(self.changed()))
    }

    /// Takes it off sale for good; what is promised stays promised.
    pub fn archive(&mut self, now: DateTime<Utc>) -> Option<ProductChanged> {
        match self.sale {
            Sale::Archived { .. } => None,
            Sale::Open => {
                self.sale = Sale::Archived { at: now };
                self.touch(now);
                Some(self.changed())
            }
        }
    }

    pub fn archived(&self) -> bool {
        match self.sale {
            Sale::Open => false,
            Sale::Archived { .. } => true,
        }
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = now;
    }

    fn changed(&self) -> ProductChanged {
        ProductChanged {
            product_id: self.id,
            sku: self.sku.as_str().to_owned(),
            name: self.name.as_str().to_owned(),
            price: self.price,
            stock_controlled: self.stock_controlled,
            archived: self.archived(),
        }
    }
}

impl Sku {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = TextError;
    fn try_from(text: String) -> Result<Sku, TextError> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Sku(text)) } else { Err(TextError::Sku) }
    }
}

impl ProductName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProductName {
    type Error = TextError;
    fn try_from(text: String) -> Result<ProductName, TextError> {
        line_of_text(&text).map(ProductName).ok_or(TextError::Name)
    }
}

/// One line of up to 200 characters, without the blanks around it.
pub(crate) fn line_of_text(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Currency;
    use uuid::Uuid;

    fn clock() -> NewProduct {
        NewProduct {
            sku: "22728".to_owned().try_into().unwrap(),
            name: "ALARM CLOCK ".to_owned().try_into().unwrap(),
            price: Money::new(375, Currency::Gbp).unwrap(),
            stock_controlled: true,
        }
    }

    #[test]
    fn each_change_counts_once_and_tells_the_whole_state() {
        let now = DateTime::UNIX_EPOCH;
        let (mut product, created) = Product::create(ProductId(Uuid::nil()), clock(), now);
        assert_eq!((product.version, created.name.as_str()), (1, "ALARM CLOCK"));

        let price = Money::new(395, Currency::Gbp).unwrap();
        let change = ProductChange { name: None, price: Some(price) };
        let changed = product.change(change.clone(), now).unwrap().unwrap();
        assert_eq!((product.version, changed.price), (2, price));
        assert_eq!(product.change(change.clone(), now), Ok(None));

        assert!(product.archive(now).unwrap().archived);
        assert_eq!(product.archive(now), None);
        assert_eq!(product.change(change, now), Err(ChangeProductError::Archived { at: now }));
        assert_eq!(product.version, 3);
    }

    #[test]
    fn text_is_bounded() {
        for refused in ["", "two words", "é", &"x".repeat(65)] {
            assert_eq!(Sku::try_from(refused.to_owned()), Err(TextError::Sku));
        }
        for refused in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert_eq!(ProductName::try_from(refused.to_owned()), Err(TextError::Name));
        }
        assert!(Sku::try_from("POST@18.00".to_owned()).is_ok());
        assert!(ProductName::try_from("é".repeat(200)).is_ok());
    }
}
