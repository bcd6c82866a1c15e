//! What `order` may ask for the books.

use std::collections::HashMap;
use std::hash::Hash;

use axum::extract::State;
use contracts::facts::{MOST, PaymentFacts, PaymentsFacts, PaymentsQuery, ProviderFacts, RefundFacts};
use contracts::receipt::{self, ReceiptLine};
use contracts::{Currency, OrderId, ProblemType};
use web::{Json, Problem};

use crate::app::App;
use crate::store::comparison::{self, ProviderSums};
use crate::store::facts::{self, Head, Posted, Recorded};
use crate::store::receipts;

pub async fn read_payment_facts(
    State(app): State<App>,
    Json(query): Json<PaymentsQuery>,
) -> Result<Json<PaymentsFacts>, Problem> {
    let mut tx = app.snapshot().await?;
    let orders = match query {
        PaymentsQuery::Orders(orders) if orders.len() > MOST => {
            let detail = format!("{} orders asked for, {MOST} are the most", orders.len());
            return Err(Problem::new(ProblemType::InvalidField).detail(detail));
        }
        PaymentsQuery::Orders(orders) => orders,
        PaymentsQuery::After(after) => facts::list_orders_after(&mut tx, after).await?,
    };
    let heads = facts::list_heads(&mut tx, &orders).await?;
    let mut rows = Rows {
        recorded: facts::list_recorded(&mut tx, &orders).await?.into_iter().collect(),
        posted: facts::list_posted(&mut tx, &orders).await?.into_iter().collect(),
        unbalanced: grouped(facts::list_unbalanced(&mut tx, &orders).await?),
        refunds: grouped(facts::list_refunds(&mut tx, &orders).await?),
        receipts: grouped(receipts::list_receipts(&mut tx, &orders).await?),
        provider: comparison::list_provider_sums(&mut tx, &orders)
            .await?
            .into_iter()
            .map(|sums| (sums.order_id, sums))
            .collect(),
    };
    let compared_at = comparison::find_compared_at(&mut tx).await?;
    tx.commit().await?;
    let payments = heads.into_iter().map(|head| rows.take(head)).collect();
    Ok(Json(PaymentsFacts { payments, compared_at }))
}

/// Everything but the payments' own rows, by order.
struct Rows {
    recorded: HashMap<OrderId, Recorded>,
    posted: HashMap<OrderId, Posted>,
    unbalanced: HashMap<OrderId, Vec<Currency>>,
    refunds: HashMap<OrderId, Vec<RefundFacts>>,
    receipts: HashMap<OrderId, Vec<ReceiptLine>>,
    provider: HashMap<OrderId, ProviderSums>,
}

impl Rows {
    fn take(&mut self, head: Head) -> PaymentFacts {
        let id = head.order_id;
        let recorded = self.recorded.remove(&id).unwrap_or_default();
        let posted = self.posted.remove(&id).unwrap_or_default();
        let receipts = self.receipts.remove(&id).unwrap_or_default();
        PaymentFacts {
            order_id: id,
            currency: head.currency,
            unknown: head.unknown,
            authorised_open: match head.stage.as_str() {
                "authorised" | "capturing" | "due" => true,
                "cancelling" => recorded.authorised,
                _ => false,
            },
            due: head.stage == "due",
            stage: head.stage,
            dispute_open: head.dispute_open,
            captures: recorded.captures,
            captured: recorded.captured,
            refunded: recorded.refunded,
            refunds: self.refunds.remove(&id).unwrap_or_default(),
            ledger_captured: posted.captured,
            ledger_refunded: posted.refunded,
            unbalanced: self.unbalanced.remove(&id).unwrap_or_default(),
            provider: self.provider.remove(&id).filter(|sums| head.changed_at < sums.seen_at).map(shown),
            broken_receipt: receipt::verify(id, &receipts),
            changed_at: head.changed_at,
        }
    }
}

fn shown(sums: ProviderSums) -> ProviderFacts {
    ProviderFacts {
        charges: sums.charges,
        captured: sums.captured,
        refunded: sums.refunded,
        compared_at: sums.seen_at,
    }
}

fn grouped<K: Eq + Hash, V>(rows: Vec<(K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in rows {
        groups.entry(key).or_default().push(value);
    }
    groups
}
