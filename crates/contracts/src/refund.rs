//! Why money goes back to a customer. One refund for each cause, for good.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CancellationId, ReturnId};

/// The natural key of a refund; as text `final_end`, `cancellation:<id>` or `return:<id>`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(into = "String", try_from = "String")]
pub enum RefundCause {
    /// The order has ended otherwise than by being confirmed, or was cancelled after it.
    FinalEnd,
    /// A part was cancelled after the amount to capture was fixed.
    Cancellation(CancellationId),
    /// What was sent back was accepted.
    Return(ReturnId),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no cause of a refund")]
pub struct UnknownRefundCause(pub String);

impl fmt::Display for RefundCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefundCause::FinalEnd => formatter.write_str("final_end"),
            RefundCause::Cancellation(id) => write!(formatter, "cancellation:{id}"),
            RefundCause::Return(id) => write!(formatter, "return:{id}"),
        }
    }
}

impl FromStr for RefundCause {
    type Err = UnknownRefundCause;

    fn from_str(text: &str) -> Result<RefundCause, UnknownRefundCause> {
        let unknown = || UnknownRefundCause(text.chars().take(64).collect());
        let id = |text: &str| Uuid::parse_str(text).map_err(|_| unknown());
        match text.split_once(':') {
            None if text == "final_end" => Ok(RefundCause::FinalEnd),
            Some(("cancellation", rest)) => Ok(RefundCause::Cancellation(CancellationId(id(rest)?))),
            Some(("return", rest)) => Ok(RefundCause::Return(ReturnId(id(rest)?))),
            None | Some(_) => Err(unknown()),
        }
    }
}

impl From<RefundCause> for String {
    fn from(cause: RefundCause) -> String {
        cause.to_string()
    }
}

impl TryFrom<String> for RefundCause {
    type Error = UnknownRefundCause;
    fn try_from(text: String) -> Result<RefundCause, UnknownRefundCause> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_read_back_from_its_text() {
        let id = Uuid::from_u128(7);
        for cause in [
            RefundCause::FinalEnd,
            RefundCause::Cancellation(CancellationId(id)),
            RefundCause::Return(ReturnId(id)),
        ] {
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        for wrong in ["", "final_end:", "return", "return:", "goodwill:1"] {
            assert!(wrong.parse::<RefundCause>().is_err(), "{wrong}");
        }
    }
}
