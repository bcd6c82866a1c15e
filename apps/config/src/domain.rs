//! What the configuration may become: settings as they stand, changes of several keys, files, states of before.

pub mod change;
pub mod comparison;
pub mod file;
pub mod rollback;
pub mod setting;
pub mod trial;

use serde::{Deserialize, Serialize};

pub use setting::{Setting, Settings, State, StateError, Texts};

/// Why somebody changed a key: 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(as = ChangeReason, value_type = String, min_length = 1, max_length = 500, example = "busier than usual")]
pub struct Reason(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to {max} characters", max = Reason::LONGEST)]
pub struct ReasonError;

impl Reason {
    pub const LONGEST: usize = 500;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is said by ourselves, cut off where it gets too long.
    pub(crate) fn cut(text: &str) -> Reason {
        Reason(text.trim().chars().take(Reason::LONGEST).collect())
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

    #[test]
    fn a_reason_is_neither_empty_nor_endless() {
        assert_eq!(Reason::try_from(" why ".to_owned()).unwrap().as_str(), "why");
        assert_eq!(Reason::try_from("  ".to_owned()), Err(ReasonError));
        assert!(Reason::try_from("é".repeat(500)).is_ok());
        assert_eq!(Reason::try_from("é".repeat(501)), Err(ReasonError));
    }
}
