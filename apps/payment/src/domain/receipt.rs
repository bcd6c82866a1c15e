//! A receipt's place in the chain of its order's receipts.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use contracts::receipt::{Hash, ReceiptLine, START, hash};

use super::effect::Receipt;

/// Puts the receipt behind the last one.
pub fn link(
    order_id: OrderId,
    last: Option<(i32, Hash)>,
    receipt: &Receipt,
    request_hash: Hash,
    at: DateTime<Utc>,
) -> ReceiptLine {
    let (last_sequence, previous) = last.unwrap_or((0, START));
    let line = ReceiptLine {
        sequence: last_sequence + 1,
        kind: receipt.kind.name().to_owned(),
        key: receipt.key.clone(),
        state: receipt.state.name().to_owned(),
        provider_reference: receipt.reference.clone(),
        attempt: receipt.attempt,
        at,
        request_hash,
        previous_hash: previous,
        hash: START,
    };
    ReceiptLine { hash: hash(order_id, &line, previous), ..line }
}
