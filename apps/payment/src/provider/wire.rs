//! The processor's JSON, as much of it as is needed. Fields that nobody reads may come and go.

use std::collections::HashMap;

use contracts::event::DisputeStatus;
use contracts::{Currency, Money, RefundCause};
use serde::Deserialize;

use super::request::{CAUSE, names_cause};
use crate::domain::{self, IntentId, IntentStatus, RefundSeen};

/// The longest code that is passed on.
const LONGEST_CODE: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    id: String,
    status: String,
    currency: String,
    #[serde(default)]
    amount_received: i64,
    #[serde(default)]
    amount_capturable: i64,
    last_payment_error: Option<Error>,
    next_action: Option<NextAction>,
}

#[derive(Debug, Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    status: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    amount: i64,
    currency: String,
    status: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Error {
    #[serde(default, rename = "type")]
    kind: String,
    code: Option<String>,
    decline_code: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    error: Error,
}

/// The error of an answer; an empty one where the body is none of the processor's.
pub(super) fn read_error(body: &[u8]) -> Error {
    serde_json::from_slice::<ErrorBody>(body).unwrap_or_default().error
}

impl Intent {
    /// None when it is in a state, or of an amount, that we know nothing of.
    pub(super) fn read(self) -> Option<domain::Intent> {
        let money = |amount| money(amount, &self.currency);
        let status = match self.status.as_str() {
            "requires_confirmation" => IntentStatus::RequiresConfirmation,
            "requires_payment_method" => IntentStatus::RequiresPaymentMethod {
                declined: self.last_payment_error.as_ref().map(Error::code),
            },
            "requires_action" => IntentStatus::RequiresAction {
                url: self.next_action.and_then(|next| next.redirect_to_url).and_then(|to| to.url),
            },
            "processing" => IntentStatus::Processing,
            "requires_capture" => IntentStatus::RequiresCapture { held: money(self.amount_capturable)? },
            "succeeded" => IntentStatus::Succeeded { received: money(self.amount_received)? },
            "canceled" => IntentStatus::Canceled,
            _ => return None,
        };
        Some(domain::Intent { id: IntentId(self.id), status })
    }
}

impl Dispute {
    /// None where it takes no money, or is in a state that we know nothing of.
    pub(super) fn read(self) -> Option<(Money, DisputeStatus)> {
        let status = match self.status.as_str() {
            "needs_response" | "under_review" => DisputeStatus::Open,
            "won" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            _ => return None,
        };
        Some((money(self.amount, &self.currency)?, status))
    }
}

impl Refund {
    pub(super) fn is_for(&self, cause: RefundCause) -> bool {
        names_cause(self.metadata.get(CAUSE), cause)
    }

    pub(super) fn read(self) -> RefundSeen {
        match self.status.as_deref() {
            Some("failed" | "canceled") => RefundSeen::Failed { reference: self.id },
            Some(_) | None => RefundSeen::Accepted { reference: self.id },
        }
    }
}

impl Error {
    /// The bank's reason where there is one, else the processor's.
    pub(super) fn code(&self) -> String {
        let code = self.decline_code.as_ref().or(self.code.as_ref()).map_or("declined", String::as_str);
        code.chars().filter(char::is_ascii_graphic).take(LONGEST_CODE).collect()
    }

    pub(super) fn about_the_key(&self) -> bool {
        self.kind == "idempotency_error"
    }
}

pub(super) fn money(amount: i64, currency: &str) -> Option<Money> {
    Money::new(amount, Currency::from_code(&currency.to_ascii_uppercase())?).ok()
}
