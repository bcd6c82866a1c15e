//! Amounts and currencies that the processor takes.

use serde::{Deserialize, Serialize};

/// A positive amount in minor units, of at most eight digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("amount is less than 1")]
    TooSmall,
    #[error("amount is more than {max}", max = Amount::MAX)]
    TooLarge,
}

impl Amount {
    pub const MAX: u64 = 99_999_999;

    pub fn new(minor_units: u64) -> Result<Amount, AmountError> {
        if minor_units == 0 {
            return Err(AmountError::TooSmall);
        }
        if minor_units > Amount::MAX {
            return Err(AmountError::TooLarge);
        }
        Ok(Amount(minor_units))
    }

    pub const fn minor_units(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Amount {
    type Error = AmountError;
    fn try_from(minor_units: u64) -> Result<Amount, AmountError> {
        Amount::new(minor_units)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> u64 {
        amount.0
    }
}

/// A currency of the allow-list, in the processor's lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Currency(&'static str);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("currency {0} is not on the list")]
pub struct UnknownCurrency(String);

impl Currency {
    pub const ALLOWED: [&'static str; 9] = ["chf", "dkk", "eur", "gbp", "jpy", "nok", "pln", "sek", "usd"];

    pub const fn code(self) -> &'static str {
        self.0
    }

    /// An amount as people write it.
    pub fn shown(self, amount: Amount) -> String {
        let (units, code) = (amount.minor_units(), self.0.to_ascii_uppercase());
        match self.0 {
            "jpy" => format!("{units} {code}"),
            _ => format!("{}.{:02} {code}", units / 100, units % 100),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Currency, UnknownCurrency> {
        Currency::ALLOWED
            .into_iter()
            .find(|allowed| allowed.eq_ignore_ascii_case(&code))
            .map(Currency)
            .ok_or(UnknownCurrency(code))
    }
}

// Written out because the derived one would ask for text that lives for ever.
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
        Currency::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
