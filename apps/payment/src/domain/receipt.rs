//! The chain of an order's receipts: each line's hash covers its fields and the hash of the line before.

use chrono::{DateTime, SecondsFormat, Utc};
use contracts::OrderId;
use sha2::{Digest, Sha256};

use super::effect::Receipt;

/// What a chain begins with.
pub const START: Hash = [0; 32];

pub type Hash = [u8; 32];

/// A receipt at its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub sequence: i32,
    pub request_hash: Hash,
    pub at: DateTime<Utc>,
    pub previous: Hash,
    pub hash: Hash,
}

/// Puts the receipt behind the last one.
pub fn link(
    order_id: OrderId,
    last: Option<(i32, Hash)>,
    receipt: &Receipt,
    request_hash: Hash,
    at: DateTime<Utc>,
) -> Link {
    let (last_sequence, previous) = last.unwrap_or((0, START));
    let sequence = last_sequence + 1;
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(request_hash);
    let fields = [
        order_id.to_string(),
        sequence.to_string(),
        receipt.kind.name().to_owned(),
        receipt.key.clone(),
        receipt.state.name().to_owned(),
        receipt.reference.clone().unwrap_or_default(),
        receipt.attempt.to_string(),
        at.to_rfc3339_opts(SecondsFormat::Micros, true),
    ];
    for field in fields {
        // The length before each field keeps two neighbours from being taken for one.
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field);
    }
    Link { sequence, request_hash, at, previous, hash: hash.finalize().into() }
}
