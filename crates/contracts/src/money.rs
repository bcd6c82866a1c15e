//! Money: an integer in minor units with its currency. No floats, no operators; every sum is checked.

use serde::{Deserialize, Serialize};

/// The currencies a shop may trade in (ISO 4217), by allow-list.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Chf,
    Eur,
    Gbp,
    Jpy,
    Usd,
}

impl Currency {
    pub const ALL: [Currency; 5] =
        [Currency::Chf, Currency::Eur, Currency::Gbp, Currency::Jpy, Currency::Usd];

    /// The ISO 4217 letters, e.g. `GBP`.
    pub const fn code(self) -> &'static str {
        match self {
            Currency::Chf => "CHF",
            Currency::Eur => "EUR",
            Currency::Gbp => "GBP",
            Currency::Jpy => "JPY",
            Currency::Usd => "USD",
        }
    }

    pub fn from_code(code: &str) -> Option<Currency> {
        Currency::ALL.into_iter().find(|currency| currency.code() == code)
    }

    /// Digits after the point: 2 for pounds, 0 for yen (ISO 4217).
    pub const fn exponent(self) -> u32 {
        match self {
            Currency::Chf | Currency::Eur | Currency::Gbp | Currency::Usd => 2,
            Currency::Jpy => 0,
        }
    }
}

/// An amount in minor units, between 0 and [`Money::MAX_AMOUNT`], e.g. `{"amount": 1999, "currency": "GBP"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Raw", deny_unknown_fields)]
pub struct Money {
    #[schema(minimum = 0, maximum = 99_999_999, example = 1999)]
    amount: i64,
    currency: Currency,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    amount: i64,
    currency: Currency,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("amount {0} is not between 0 and {max}", max = Money::MAX_AMOUNT)]
    OutOfRange(i128),
    #[error("{} cannot be added to {}", .0.code(), .1.code())]
    CurrencyMismatch(Currency, Currency),
}

impl Money {
    /// Eight digits, the largest amount that the card processor takes for one charge (Stripe's documented bound).
    pub const MAX_AMOUNT: i64 = 99_999_999;

    pub fn new(amount: i64, currency: Currency) -> Result<Money, MoneyError> {
        if (0..=Money::MAX_AMOUNT).contains(&amount) {
            Ok(Money { amount, currency })
        } else {
            Err(MoneyError::OutOfRange(amount.into()))
        }
    }

    pub const fn zero(currency: Currency) -> Money {
        Money { amount: 0, currency }
    }

    pub const fn amount(self) -> i64 {
        self.amount
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub const fn zero_amount(self) -> bool {
        self.amount == 0
    }

    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(other.currency, self.currency));
        }
        let sum = i128::from(self.amount) + i128::from(other.amount);
        Money::from_wide(sum, self.currency)
    }

    /// What is left; never less than nothing.
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(other.currency, self.currency));
        }
        let rest = i128::from(self.amount) - i128::from(other.amount);
        Money::from_wide(rest, self.currency)
    }

    pub fn times(self, factor: u32) -> Result<Money, MoneyError> {
        Money::from_wide(i128::from(self.amount) * i128::from(factor), self.currency)
    }

    fn from_wide(amount: i128, currency: Currency) -> Result<Money, MoneyError> {
        i64::try_from(amount)
            .map_err(|_| MoneyError::OutOfRange(amount))
            .and_then(|amount| Money::new(amount, currency))
    }
}

impl TryFrom<Raw> for Money {
    type Error = MoneyError;
    fn try_from(raw: Raw) -> Result<Money, MoneyError> {
        Money::new(raw.amount, raw.currency)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10_i64.pow(self.currency.exponent());
        let (whole, part) = (self.amount / unit, self.amount % unit);
        match self.currency.exponent() {
            0 => write!(formatter, "{} {whole}", self.currency.code()),
            digits => {
                write!(formatter, "{} {whole}.{part:0width$}", self.currency.code(), width = digits as usize)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_minor_units_as_people_write_them() {
        assert_eq!(Money::new(1999, Currency::Gbp).unwrap().to_string(), "GBP 19.99");
        assert_eq!(Money::new(5, Currency::Eur).unwrap().to_string(), "EUR 0.05");
        assert_eq!(Money::new(500, Currency::Jpy).unwrap().to_string(), "JPY 500");
    }

    #[test]
    fn refuses_what_is_out_of_range_or_of_another_currency() {
        let most = Money::new(Money::MAX_AMOUNT, Currency::Gbp).unwrap();
        let penny = Money::new(1, Currency::Gbp).unwrap();
        assert_eq!(most.plus(penny), Err(MoneyError::OutOfRange(100_000_000)));
        assert_eq!(most.times(u32::MAX), Err(MoneyError::OutOfRange(99_999_999 * 4_294_967_295)));
        assert_eq!(
            penny.plus(Money::zero(Currency::Eur)),
            Err(MoneyError::CurrencyMismatch(Currency::Eur, Currency::Gbp))
        );
        assert!(serde_json::from_str::<Money>(r#"{"amount":-1,"currency":"GBP"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1.5,"currency":"GBP"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1,"currency":"XXX"}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_sum_is_exact_or_refused(a in 0..=Money::MAX_AMOUNT, b in 0..=Money::MAX_AMOUNT) {
            let sum = Money::new(a, Currency::Gbp).unwrap().plus(Money::new(b, Currency::Gbp).unwrap());
            match sum {
                Ok(sum) => prop_assert_eq!(sum.amount(), a + b),
                Err(error) => prop_assert_eq!(error, MoneyError::OutOfRange((a + b).into())),
            }
        }
    }
}
