//! A key with its present value, and what a change of it must keep to. Bounds stand in `contracts::configuration`.

use chrono::{DateTime, Utc};
use contracts::UserId;
use contracts::configuration::{Key, ValueError};
use serde::{Deserialize, Serialize};

/// A key and its last change; without one its default holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: &'static Key,
    pub last: Option<Change>,
}

/// Who gave a key which value, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// One counter for all keys, so that one number tells the whole configuration.
    pub version: i64,
    pub value: u64,
    pub changed_at: DateTime<Utc>,
    pub changed_by: UserId,
    pub reason: Reason,
}

/// Why somebody changed a key: 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(as = ChangeReason, value_type = String, min_length = 1, max_length = 500, example = "busier than usual")]
pub struct Reason(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to {max} characters", max = Reason::LONGEST)]
pub struct ReasonError;

/// Why a value was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("the value is longer than {most} bytes")]
    TooLong { most: u64 },
    #[error(transparent)]
    Refused(#[from] ValueError),
}

impl Setting {
    pub fn value(&self) -> u64 {
        self.last.as_ref().map_or(self.key.default, |change| change.value)
    }

    /// 0 while the key was never set.
    pub fn version(&self) -> i64 {
        self.last.as_ref().map_or(0, |change| change.version)
    }

    /// Reads a value as it was sent, within the key's bounds and at most `most` bytes long.
    pub fn parse(&self, text: &str, most: u64) -> Result<u64, SetError> {
        if text.len() as u64 > most {
            return Err(SetError::TooLong { most });
        }
        Ok(self.key.parse(text)?)
    }
}

impl Reason {
    pub const LONGEST: usize = 500;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Reason, ReasonError> {
        let text = text.trim();
        if (1..=Reason::LONGEST).contains(&text.chars().count()) {
            Ok(Reason(text.to_owned()))
        } else {
            Err(ReasonError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::configuration::{KEYS, ORDER_DEADLINE};

    #[test]
    fn a_key_that_was_never_set_has_its_default_and_version_zero() {
        for key in KEYS {
            let setting = Setting { key, last: None };
            assert_eq!((setting.value(), setting.version()), (key.default, 0));
        }
    }

    #[test]
    fn a_value_is_refused_by_the_bound_it_breaks() {
        let setting = Setting { key: &ORDER_DEADLINE, last: None };
        assert_eq!(setting.parse("604800", 16), Ok(604_800));
        let refusal = |text: &str| setting.parse(text, 16).unwrap_err().to_string();
        assert_eq!(refusal("604801"), "604801 is not between 5 and 604800");
        assert_eq!(refusal("-1"), "\"-1\" is not a whole number");
        assert_eq!(refusal("12345678901234567"), "the value is longer than 16 bytes");
    }

    #[test]
    fn a_reason_is_neither_empty_nor_endless() {
        assert_eq!(Reason::try_from(" why ".to_owned()).unwrap().as_str(), "why");
        assert_eq!(Reason::try_from("  ".to_owned()), Err(ReasonError));
        assert!(Reason::try_from("é".repeat(500)).is_ok());
        assert_eq!(Reason::try_from("é".repeat(501)), Err(ReasonError));
    }
}
