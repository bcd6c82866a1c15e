//! What must hold when everything has ended, by what the gateway tells.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use contracts::OrderId;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::client::{OrderSummary, Session, StockView};
use crate::customers::Customers;
use crate::orders::{End, Outcome};
use crate::progress::Progress;
use crate::sales::Sales;
use crate::{Options, price};

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How many offenders a failed check names.
const NAMED: usize = 10;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    /// What was found.
    pub finding: String,
    pub result: CheckResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Holds,
    Fails,
}

impl Check {
    fn new(name: &'static str, result: Result<String, String>) -> Check {
        match result {
            Ok(finding) => Check { name, finding, result: CheckResult::Holds },
            Err(finding) => Check { name, finding, result: CheckResult::Fails },
        }
    }
}

/// Asks for all that is needed and judges it.
pub async fn run(
    sales: &Sales,
    outcomes: &BTreeMap<String, Outcome>,
    administrator: &Session,
    customers: &Customers,
    options: &Options,
    progress: &Progress,
) -> anyhow::Result<Vec<Check>> {
    let lists: Vec<Vec<OrderSummary>> = stream::iter(customers.values())
        .map(|customer| async move {
            let list = customer.session.list_orders().await;
            progress.advance(1);
            list
        })
        .buffer_unordered(options.concurrency)
        .try_collect()
        .await
        .context("cannot list a customer's orders")?;
    let stock = settled_stock(sales, administrator, options.longest_settling).await?;
    progress.advance(1);
    Ok(vec![
        Check::new("every invoice is a confirmed order", all_confirmed(sales, outcomes)),
        Check::new("confirmed orders come to the sum of the file's lines", sums(sales, outcomes)),
        Check::new(
            "every invoice is in its customer's list once",
            once_each(sales, outcomes, &lists.concat()),
        ),
        Check::new("nothing is available or reserved, all on hand is allocated", stock),
    ])
}

/// What the confirmed orders come to, in pence.
pub fn confirmed_total(outcomes: &BTreeMap<String, Outcome>) -> i64 {
    outcomes.values().filter_map(confirmed).sum()
}

fn confirmed(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Ended(ended) => (ended.end == End::Confirmed).then(|| ended.total.amount()),
        Outcome::Open(_) | Outcome::Refused { .. } | Outcome::Failed(_) => None,
    }
}

fn all_confirmed(sales: &Sales, outcomes: &BTreeMap<String, Outcome>) -> Result<String, String> {
    let others: Vec<String> = outcomes
        .iter()
        .filter_map(|(number, outcome)| Some(format!("{number} {}", shortfall(outcome)?)))
        .collect();
    if others.is_empty() && outcomes.len() == sales.invoices.len() {
        Ok(format!("{} of {}", outcomes.len(), sales.invoices.len()))
    } else {
        Err(format!("{} of {} are not: {}", others.len(), sales.invoices.len(), some_of(&others)))
    }
}

/// Why an invoice is not a confirmed order, if it is none.
fn shortfall(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Ended(ended) => match &ended.end {
            End::Confirmed => None,
            End::Rejected { reason } => Some(format!("rejected for {reason}")),
            End::Expired => Some("expired".to_owned()),
            End::Cancelled => Some("cancelled".to_owned()),
        },
        Outcome::Open(id) => Some(format!("has not ended (order {id})")),
        Outcome::Refused { detail, .. } => Some(format!("refused: {detail}")),
        Outcome::Failed(why) => Some(format!("failed: {why}")),
    }
}

fn sums(sales: &Sales, outcomes: &BTreeMap<String, Outcome>) -> Result<String, String> {
    let (confirmed, expected) = (confirmed_total(outcomes), sales.total());
    if confirmed == expected {
        Ok(price::show(expected))
    } else {
        Err(format!("{} where the lines come to {}", price::show(confirmed), price::show(expected)))
    }
}

/// Each placed invoice's reference must stand on one order, and on no other.
fn once_each(
    sales: &Sales,
    outcomes: &BTreeMap<String, Outcome>,
    orders: &[OrderSummary],
) -> Result<String, String> {
    let mut ids: HashMap<&str, HashSet<OrderId>> = HashMap::new();
    for order in orders {
        ids.entry(order.reference.as_deref().unwrap_or_default()).or_default().insert(order.id);
    }
    let mut offenders = Vec::new();
    let mut once = 0;
    for invoice in &sales.invoices {
        let listed = ids.get(invoice.reference().as_str()).map_or(0, HashSet::len);
        let placed = outcomes.get(&invoice.number).is_some_and(placed);
        match (placed, listed) {
            (_, 1) => once += 1,
            (false, 0) => {}
            (_, listed) => offenders.push(format!("{} on {listed} orders", invoice.reference())),
        }
    }
    if offenders.is_empty() {
        Ok(format!("{once} in the customers' lists"))
    } else {
        Err(format!("{} invoices: {}", offenders.len(), some_of(&offenders)))
    }
}

fn placed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ended(_) | Outcome::Open(_) => true,
        Outcome::Refused { .. } | Outcome::Failed(_) => false,
    }
}

/// Looks at the stock until it is as it must be: an order's stock is allocated a moment after it is confirmed.
async fn settled_stock(
    sales: &Sales,
    administrator: &Session,
    longest: Duration,
) -> anyhow::Result<Result<String, String>> {
    let started = Instant::now();
    loop {
        let levels = administrator.list_stock().await.context("cannot list the stock")?;
        let found = sold_out(sales, &levels);
        if found.is_ok() || started.elapsed() >= longest {
            return Ok(found);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn sold_out(sales: &Sales, levels: &[StockView]) -> Result<String, String> {
    let levels: HashMap<&str, &StockView> = levels.iter().map(|level| (level.sku.as_str(), level)).collect();
    let controlled: Vec<&str> = sales
        .products
        .iter()
        .filter(|product| product.stock_controlled)
        .map(|product| product.sku.as_str())
        .collect();
    let offenders: Vec<String> = controlled
        .iter()
        .filter_map(|sku| match levels.get(sku) {
            None => Some(format!("{sku} has no stock level")),
            Some(level) => offence(level),
        })
        .collect();
    if offenders.is_empty() {
        Ok(format!("{} products", price::thousands(controlled.len() as u64)))
    } else {
        Err(format!("{} of {} products: {}", offenders.len(), controlled.len(), some_of(&offenders)))
    }
}

fn offence(level: &StockView) -> Option<String> {
    let StockView { sku, on_hand, reserved, allocated, available } = level;
    let settled = *available == 0 && *reserved == 0 && on_hand == allocated;
    (!settled).then(|| {
        format!("{sku} on hand {on_hand}, reserved {reserved}, allocated {allocated}, available {available}")
    })
}

fn some_of(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMED)].join("; ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
