//! The chain of an order's receipts: each line's hash covers its fields and the hash of the line before.
//!
//! One formula for whoever writes the lines and for whoever checks them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::OrderId;

/// What a chain begins with.
pub const START: Hash = [0; 32];

/// SHA-256.
pub type Hash = [u8; 32];

/// One line as it is stored and shown; hashes are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiptLine {
    /// From 1, without gaps.
    pub sequence: i32,
    /// `charge`, `capture`, `void` or `refund`.
    pub kind: String,
    /// The idempotency key under which the effect was asked for.
    pub key: String,
    /// `planned`, `sent`, `confirmed`, `unknown` or `failed`.
    pub state: String,
    pub provider_reference: Option<String>,
    pub attempt: u32,
    /// To the microsecond.
    pub at: DateTime<Utc>,
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub request_hash: Hash,
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub previous_hash: Hash,
    #[serde(with = "hex::serde")]
    #[schema(value_type = String)]
    pub hash: Hash,
}

/// An order's receipts, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiptChain {
    pub order_id: OrderId,
    pub receipts: Vec<ReceiptLine>,
    /// The sequence of the first line that does not fit, as the service finds it.
    pub broken_at: Option<i32>,
}

/// What a line's hash must be; its own `hash` and `previous_hash` are not looked at.
pub fn hash(order_id: OrderId, line: &ReceiptLine, previous: Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(line.request_hash);
    let fields = [
        order_id.to_string(),
        line.sequence.to_string(),
        line.kind.clone(),
        line.key.clone(),
        line.state.clone(),
        line.provider_reference.clone().unwrap_or_default(),
        line.attempt.to_string(),
        line.at.to_rfc3339_opts(SecondsFormat::Micros, true),
    ];
    for field in fields {
        // The length before each field keeps two neighbours from being taken for one.
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// The sequence of the first line that does not fit: another one than the next, not behind the line before, or
/// changed. A chain that lost its last lines cannot be told from a shorter one.
pub fn verify(order_id: OrderId, lines: &[ReceiptLine]) -> Option<i32> {
    let (mut sequence, mut previous) = (0, START);
    for line in lines {
        sequence += 1;
        let fits = line.sequence == sequence
            && line.previous_hash == previous
            && line.hash == hash(order_id, line, previous);
        if !fits {
            return Some(line.sequence);
        }
        previous = line.hash;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ORDER: OrderId = OrderId(Uuid::from_u128(1));

    fn chain() -> Vec<ReceiptLine> {
        let mut previous = START;
        let line = |(sequence, state): (i32, &str)| {
            let mut line = ReceiptLine {
                sequence,
                kind: "charge".into(),
                key: "charge-1-0".into(),
                state: state.into(),
                provider_reference: (state == "confirmed").then(|| "pi_1".into()),
                attempt: 1,
                at: "2026-11-01T08:45:00.123456Z".parse().unwrap(),
                request_hash: [7; 32],
                previous_hash: previous,
                hash: START,
            };
            line.hash = hash(ORDER, &line, previous);
            previous = line.hash;
            line
        };
        [(1, "planned"), (2, "sent"), (3, "confirmed")].map(line).into()
    }

    #[test]
    fn a_whole_chain_fits_and_is_read_back_from_json() {
        let receipts = chain();
        assert_eq!(verify(ORDER, &receipts), None);
        let chain = ReceiptChain { order_id: ORDER, receipts, broken_at: None };
        let json = serde_json::to_value(&chain).unwrap();
        assert_eq!(json["receipts"][0]["previous_hash"], "0".repeat(64));
        assert_eq!(serde_json::from_value::<ReceiptChain>(json).unwrap(), chain);
    }

    #[test]
    fn a_changed_lost_or_moved_line_is_named() {
        for (change, broken) in [
            ((|lines| lines[1].state = "failed".into()) as fn(&mut Vec<ReceiptLine>), 2),
            (|lines| lines[2].at += chrono::TimeDelta::microseconds(1), 3),
            (|lines| lines[0].hash[0] ^= 1, 1),
            (|lines| _ = lines.remove(1), 3),
            (|lines| _ = lines.remove(0), 2),
            (|lines| lines.swap(1, 2), 3),
        ] {
            let mut lines = chain();
            change(&mut lines);
            assert_eq!(verify(ORDER, &lines), Some(broken));
        }
        assert_eq!(verify(OrderId(Uuid::from_u128(2)), &chain()), Some(1));
    }
}
