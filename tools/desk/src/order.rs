//! Which order is meant: by its id, or by the number that people know.

use anyhow::bail;
use contracts::{Operation, OrderId};
use replay::client::{Call, Session};
use serde::Deserialize;

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: OrderId,
}

/// The order's id.
///
/// # Errors
/// When there is no order of this number.
pub async fn find(session: &Session, order: &str) -> anyhow::Result<OrderId> {
    if let Ok(id) = order.parse() {
        return Ok(id);
    }
    let page: Page = session.ask(Call::new(Operation::ListOrders).query("number", order)).await?;
    match page.items.as_slice() {
        [order] => Ok(order.id),
        _ => bail!("there is no order {order}; an order's number looks like 7K3M-9QXT"),
    }
}
