//! Webhooks: what is told of each change, in Stripe's words, and how often and how soon.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::card::Token;
use super::entry::Entry;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const MOST_DOUBLINGS: u32 = 8;

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Announced {
    pub event: String,
    pub kind: Kind,
    pub delivery: Delivery,
    /// The object as it was right after the change.
    pub object: Value,
}

/// The types of events, by Stripe's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    #[serde(rename = "payment_intent.succeeded")]
    IntentSucceeded,
    #[serde(rename = "payment_intent.payment_failed")]
    IntentFailed,
    #[serde(rename = "payment_intent.canceled")]
    IntentCanceled,
    #[serde(rename = "payment_intent.amount_capturable_updated")]
    IntentCapturable,
    #[serde(rename = "payment_intent.requires_action")]
    IntentRequiresAction,
    #[serde(rename = "payment_intent.processing")]
    IntentProcessing,
    #[serde(rename = "refund.created")]
    RefundCreated,
    #[serde(rename = "refund.updated")]
    RefundUpdated,
    #[serde(rename = "refund.failed")]
    RefundFailed,
    #[serde(rename = "charge.dispute.created")]
    DisputeCreated,
    #[serde(rename = "charge.dispute.closed")]
    DisputeClosed,
}

/// How a webhook travels. The network promises nothing, and each of these may happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// At once, while the caller gets its answer.
    Prompt,
    /// Before the caller gets its answer.
    Early,
    /// Once more after it was taken.
    Twice,
    /// Some time later.
    Late,
    Never,
}

/// A webhook that nobody has taken yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Outstanding {
    pub announced: Announced,
    /// Seconds since 1970.
    pub created: i64,
    pub order_id: Option<String>,
    pub attempts: u32,
    /// How often it was answered 2xx.
    pub taken: u32,
}

impl Delivery {
    /// How often it has to be taken.
    pub const fn times(self) -> u32 {
        match self {
            Delivery::Prompt | Delivery::Early | Delivery::Late => 1,
            Delivery::Twice => 2,
            Delivery::Never => 0,
        }
    }
}

impl Announced {
    /// The whole message.
    pub fn message(&self, created: i64) -> Value {
        serde_json::json!({
            "id": self.event,
            "object": "event",
            "api_version": "2026-08-26.dahlia",
            "created": created,
            "data": { "object": self.object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": null,
            "type": self.kind,
        })
    }
}

/// The header that proves a message: its time, and for each secret a code over both that only that secret makes.
pub fn signature<'a>(secrets: impl Iterator<Item = &'a str>, at: i64, body: &[u8]) -> String {
    let codes = secrets.map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{at}.").as_bytes());
        context.update(body);
        format!(",v1={}", hex::encode(context.sign()))
    });
    format!("t={at}{}", codes.collect::<String>())
}

/// Whether an answer means that the webhook was taken.
pub fn takes(status: Option<u16>) -> bool {
    status.is_some_and(|status| (200..300).contains(&status))
}

/// How long to wait after so many attempts that came to nothing.
pub fn pause(first: Duration, attempts: u32) -> Duration {
    first.saturating_mul(1 << attempts.saturating_sub(1).min(MOST_DOUBLINGS)).min(LONGEST_PAUSE)
}

/// What is told of an entry.
pub fn kinds(entry: &Entry) -> &'static [Kind] {
    match entry {
        Entry::Charged(_) | Entry::Captured(_) => &[Kind::IntentSucceeded],
        Entry::Authorized(_) => &[Kind::IntentCapturable],
        Entry::Declined(_) => &[Kind::IntentFailed],
        Entry::Canceled { .. } => &[Kind::IntentCanceled],
        Entry::ActionRequired(_) => &[Kind::IntentRequiresAction],
        Entry::Processing(_) => &[Kind::IntentProcessing],
        Entry::Refunded(_) => &[Kind::RefundCreated],
        Entry::RefundFailed { .. } => &[Kind::RefundUpdated, Kind::RefundFailed],
        Entry::Disputed(_) => &[Kind::DisputeCreated],
        Entry::DisputeClosed { .. } => &[Kind::DisputeClosed],
        Entry::Created(_)
        | Entry::Announced(_)
        | Entry::WebhookSent { .. }
        | Entry::WebhookAnswered { .. }
        | Entry::Refused { .. }
        | Entry::Faulted { .. }
        | Entry::KeysPruned { .. } => &[],
    }
}

/// How the webhooks about what was paid with this card travel.
pub fn delivery(card: Option<Token>) -> Delivery {
    card.map_or(Delivery::Prompt, Token::delivery)
}
