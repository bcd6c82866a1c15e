//! What a card processor decides: intents, refunds, disputes, webhooks, idempotency keys. No IO, no clock, no randomness.

pub mod answer;
pub mod book;
pub mod card;
pub mod command;
pub mod dispute;
pub mod entry;
pub mod fold;
pub mod intent;
pub mod money;
pub mod refund;
pub mod summary;
pub mod view;
pub mod webhook;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The caller's own notes on an object, e.g. `order_id`.
pub type Metadata = BTreeMap<String, String>;

/// What can be asked of the processor that moves, or may move, money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Create,
    Confirm,
    Capture,
    Cancel,
    Refund,
    CloseDispute,
}

impl Act {
    pub const fn verb(self) -> &'static str {
        match self {
            Act::Create => "create",
            Act::Confirm => "confirm",
            Act::Capture => "capture",
            Act::Cancel => "cancel",
            Act::Refund => "refund",
            Act::CloseDispute => "close",
        }
    }

    pub const fn done(self) -> &'static str {
        match self {
            Act::Create => "created",
            Act::Confirm => "confirmed",
            Act::Capture => "captured",
            Act::Cancel => "canceled",
            Act::Refund => "refunded",
            Act::CloseDispute => "closed",
        }
    }
}

/// Identifiers for whatever a command may bring into being; those it does not need are thrown away.
#[derive(Debug, Clone)]
pub struct FreshIds {
    pub payment_intent: String,
    pub charge: String,
    pub refund: String,
    pub dispute: String,
    /// Where customers prove who they are; an intent's id follows.
    pub authentication_pages: String,
}
