//! The chain of an order's receipts, computed here from what the service shows.

use std::fmt::Write;

use contracts::receipt::{self, ReceiptChain};
use contracts::{Operation, OrderId};
use replay::client::{Call, Session};

use crate::Said;

pub async fn run(session: &Session, order_id: OrderId) -> anyhow::Result<Said> {
    let call = Call::new(Operation::VerifyReceipts).path_parameter("order_id", &order_id.to_string());
    let chain: ReceiptChain = session.ask(call).await?;
    tell(order_id, &chain)
}

/// Whatever the service says of its chain: what counts is what comes out here.
pub fn tell(order_id: OrderId, chain: &ReceiptChain) -> anyhow::Result<Said> {
    let broken = receipt::verify(order_id, &chain.receipts);
    let mut text = String::new();
    for line in &chain.receipts {
        let mark = if broken == Some(line.sequence) { "✗" } else { "·" };
        let reference = line.provider_reference.as_deref().unwrap_or("-");
        let hash: String = line.hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        writeln!(
            text,
            "{mark} {:>3}  {}  {:<8} {:<10} attempt {:<2} {hash}…  {reference}",
            line.sequence,
            line.at.format("%Y-%m-%d %H:%M:%S%.3f"),
            line.kind,
            line.state,
            line.attempt,
        )?;
    }
    match broken {
        None => writeln!(text, "✓ {} receipts, a whole chain", chain.receipts.len())?,
        Some(sequence) => writeln!(text, "✗ the chain breaks at receipt {sequence}")?,
    }
    if chain.broken_at != broken {
        let theirs =
            chain.broken_at.map_or_else(|| "whole".to_owned(), |sequence| format!("broken at {sequence}"));
        writeln!(text, "✗ the service itself calls it {theirs}")?;
    }
    Ok(Said { text, well: broken.is_none() && chain.broken_at.is_none() })
}
