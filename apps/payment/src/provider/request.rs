//! Requests as the processor takes them: path and form parameters.

use contracts::{CaptureMode, Money, OrderId, RefundCause};
use sha2::{Digest, Sha256};

use super::{NewIntent, NewRefund};
use crate::domain::{Act, IntentId};

/// The metadata under which a refund keeps its cause.
pub(super) const CAUSE: &str = "cause";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
}

/// One request, without the account's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub verb: Verb,
    pub path: String,
    pub parameters: Vec<(&'static str, String)>,
}

impl Request {
    pub fn create_intent(new: NewIntent<'_>) -> Request {
        let capture = match new.capture {
            CaptureMode::AtOnce => "automatic",
            CaptureMode::BeforeShipping => "manual",
        };
        let parameters = vec![
            ("amount", new.amount.amount().to_string()),
            ("currency", currency(new.amount)),
            ("capture_method", capture.to_owned()),
            ("payment_method", new.token.expose().to_owned()),
            ("payment_method_types[]", "card".to_owned()),
            ("metadata[order_id]", new.order_id.to_string()),
            ("metadata[payment_id]", new.payment_id.to_string()),
        ];
        post("/v1/payment_intents".to_owned(), parameters)
    }

    pub fn read_intent(intent: &IntentId) -> Request {
        get(format!("/v1/payment_intents/{}", intent.0), Vec::new())
    }

    /// `return_url` is where the customer's bank sends them back to, should it want to see them.
    pub fn confirm_intent(intent: &IntentId, return_url: Option<&str>) -> Request {
        let parameters = return_url.map(|url| ("return_url", url.to_owned())).into_iter().collect();
        post(format!("/v1/payment_intents/{}/confirm", intent.0), parameters)
    }

    pub fn capture_intent(intent: &IntentId, amount: Money) -> Request {
        let parameters = vec![("amount_to_capture", amount.amount().to_string())];
        post(format!("/v1/payment_intents/{}/capture", intent.0), parameters)
    }

    pub fn cancel_intent(intent: &IntentId) -> Request {
        post(format!("/v1/payment_intents/{}/cancel", intent.0), Vec::new())
    }

    pub fn list_intents(after: Option<&IntentId>, limit: u32) -> Request {
        let mut parameters = vec![("limit", limit.to_string())];
        parameters.extend(after.map(|intent| ("starting_after", intent.0.clone())));
        get("/v1/payment_intents".to_owned(), parameters)
    }

    pub fn create_refund(new: NewRefund<'_>) -> Request {
        let parameters = vec![
            ("payment_intent", new.intent.0.clone()),
            ("amount", new.amount.amount().to_string()),
            ("metadata[cause]", new.cause.to_string()),
            ("metadata[order_id]", new.order_id.to_string()),
        ];
        post("/v1/refunds".to_owned(), parameters)
    }

    pub fn list_refunds(intent: &IntentId, after: Option<&str>, limit: u32) -> Request {
        let mut parameters = vec![("payment_intent", intent.0.clone()), ("limit", limit.to_string())];
        parameters.extend(after.map(|refund| ("starting_after", refund.to_owned())));
        get("/v1/refunds".to_owned(), parameters)
    }

    pub fn close_dispute(dispute_id: &str) -> Request {
        post(format!("/v1/disputes/{dispute_id}/close"), Vec::new())
    }

    /// A part of any of the processor's lists.
    pub(super) fn list(path: &str, parameters: Vec<(&'static str, String)>) -> Request {
        get(path.to_owned(), parameters)
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&self.path);
        for (name, value) in &self.parameters {
            hash.update([0]);
            hash.update(name);
            hash.update([0]);
            hash.update(value);
        }
        hash.finalize().into()
    }
}

/// What identifies the request of an act that has receipts; others move nothing and have none.
pub fn request_hash(order_id: OrderId, act: &Act) -> Option<[u8; 32]> {
    let request = match act {
        Act::Confirm { intent } => Request::confirm_intent(intent, None),
        Act::Capture { intent, amount } => Request::capture_intent(intent, *amount),
        Act::Cancel { intent } => Request::cancel_intent(intent),
        Act::Refund { intent, amount, cause } => {
            Request::create_refund(NewRefund { order_id, intent, amount: *amount, cause: *cause })
        }
        Act::CloseDispute { dispute_id } => Request::close_dispute(dispute_id),
        Act::Create { .. } | Act::Read { .. } | Act::FindRefund { .. } => return None,
    };
    Some(request.hash())
}

impl std::fmt::Debug for Request {
    /// Without the parameters: one of them is the customer's token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} {}", self.verb, self.path)
    }
}

/// Whether a refund's metadata names this cause.
pub(super) fn names_cause(value: Option<&String>, cause: RefundCause) -> bool {
    value.is_some_and(|value| *value == cause.to_string())
}

fn currency(money: Money) -> String {
    money.currency().code().to_ascii_lowercase()
}

fn get(path: String, parameters: Vec<(&'static str, String)>) -> Request {
    Request { verb: Verb::Get, path, parameters }
}

fn post(path: String, parameters: Vec<(&'static str, String)>) -> Request {
    Request { verb: Verb::Post, path, parameters }
}
