//! An address that a customer keeps, in the form in which an order takes one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many of them an account may have.
pub const MOST: i64 = 50;
const LONGEST: usize = 200;

/// As a client writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenAddress {
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    #[schema(min_length = 1, max_length = 200, example = "12 St James's Square")]
    line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    line2: Option<String>,
    #[schema(min_length = 1, max_length = 200, example = "London")]
    city: String,
    #[schema(min_length = 1, max_length = 200, example = "SW1Y 4JH")]
    postcode: String,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$", example = "GB")]
    country: String,
}

/// The same, trimmed and within its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenAddress")]
pub struct Address {
    pub name: String,
    pub line1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    pub city: String,
    pub postcode: String,
    pub country: String,
}

/// Says what is asked for and never what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0} takes 1 to 200 characters")]
    Text(&'static str),
    #[error("country is a code of two capital letters, as in ISO 3166-1")]
    Country,
}

impl TryFrom<WrittenAddress> for Address {
    type Error = AddressError;

    fn try_from(written: WrittenAddress) -> Result<Address, AddressError> {
        let text = |field, text: String| {
            let text = text.trim();
            if (1..=LONGEST).contains(&text.chars().count()) {
                Ok(text.to_owned())
            } else {
                Err(AddressError::Text(field))
            }
        };
        let country = written.country;
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(AddressError::Country);
        }
        Ok(Address {
            name: text("name", written.name)?,
            line1: text("line1", written.line1)?,
            // An empty second line is none.
            line2: written
                .line2
                .filter(|line| !line.trim().is_empty())
                .map(|line| text("line2", line))
                .transpose()?,
            city: text("city", written.city)?,
            postcode: text("postcode", written.postcode)?,
            country,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: serde_json::Value) -> Result<Address, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_trimmed_and_bounded() {
        let good = serde_json::json!({
            "name": " Ada ", "line1": "12 St James's Square", "line2": " ", "city": "London", "postcode": "SW1Y", "country": "GB"
        });
        let address = read(good.clone()).unwrap();
        assert_eq!((address.name.as_str(), address.line2.as_deref()), ("Ada", None));
        for (field, value, said) in [
            ("name", " ", "name takes 1 to 200 characters"),
            ("line2", &*"a".repeat(201), "line2 takes 1 to 200 characters"),
            ("city", "", "city takes 1 to 200 characters"),
            ("country", "gb", "country is a code of two capital letters, as in ISO 3166-1"),
            ("country", "GBR", "country is a code of two capital letters, as in ISO 3166-1"),
            ("planet", "Earth", "unknown field"),
        ] {
            let mut json = good.clone();
            json[field] = value.into();
            assert!(read(json).unwrap_err().starts_with(said), "{field}");
        }
    }
}
