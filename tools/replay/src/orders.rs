//! Places every invoice as an order of its buyer and follows each until it has ended.
//!
//! An order is read for the first time after about as long as the last ones took, so that watching costs little.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::{DateTime, Utc};
use contracts::{Money, OrderId, ProductId};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Address, CallError, OrderStatus, OrderView, PlaceOrder, PlaceOrderLine};
use crate::customers::{Customer, Customers};
use crate::progress::Progress;
use crate::sales::{Invoice, Sales};
use crate::{Options, country, price};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What became of one invoice.
#[derive(Debug, Clone)]
pub enum Outcome {
    Ended(Ended),
    /// Not ended within the longest wait.
    Open(OrderId),
    /// Not taken, with the name of the problem.
    Refused {
        problem: String,
        detail: String,
    },
    /// No answer that could be used.
    Failed(String),
}

/// An order with its end.
#[derive(Debug, Clone)]
pub struct Ended {
    pub id: OrderId,
    pub end: End,
    pub total: Money,
    pub placed: Placed,
    /// By the service's own clock; none if it does not say when.
    pub by_service: Option<Duration>,
    /// From sending the POST to having read the end.
    pub observed: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    Now,
    /// By an earlier run, whose answer came back.
    Before,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Confirmed,
    Rejected { reason: String },
    Expired,
    Cancelled,
}

/// The orders phase as a whole.
#[derive(Debug)]
pub struct Run {
    /// By invoice number.
    pub outcomes: BTreeMap<String, Outcome>,
    /// From the first POST to the last answer to one.
    pub orders: Duration,
    /// From there to the last end.
    pub waiting: Duration,
}

/// What all orders under way share.
struct Lane {
    posting: Semaphore,
    reading: Semaphore,
    run_started_at: DateTime<Utc>,
    longest_wait: Duration,
    /// A running mean of what orders take, in milliseconds.
    usual: AtomicU64,
    posted: AtomicUsize,
    last_posted: Mutex<Instant>,
}

/// Places everything; `run_started_at` tells this run's orders from those of an earlier one.
pub async fn place(
    sales: &Sales,
    product_ids: &[ProductId],
    customers: &Customers,
    options: &Options,
    run_started_at: DateTime<Utc>,
    progress: &Progress,
) -> anyhow::Result<Run> {
    let started = Instant::now();
    let lane = Arc::new(Lane {
        posting: Semaphore::new(options.concurrency),
        reading: Semaphore::new(options.concurrency),
        run_started_at,
        longest_wait: options.longest_wait,
        usual: AtomicU64::new(0),
        posted: AtomicUsize::new(0),
        last_posted: Mutex::new(started),
    });
    let mut under_way = JoinSet::new();
    for invoice in &sales.invoices {
        let customer = customers.get(&invoice.buyer).context("an invoice's buyer was not registered")?;
        let order = request(invoice, sales, product_ids, customer);
        let (number, key) = (invoice.number.clone(), invoice.idempotency_key());
        let (lane, customer) = (Arc::clone(&lane), Arc::clone(customer));
        under_way.spawn(async move { (number, lane.follow(&customer, &order, &key).await) });
    }
    let mut outcomes = BTreeMap::new();
    while let Some(finished) = under_way.join_next().await {
        let (number, outcome) = finished.context("an order's task broke off")?;
        outcomes.insert(number, outcome);
        progress.note(format!("{} sent", lane.posted.load(Ordering::Relaxed)));
        progress.advance(1);
    }
    let last_posted = *lane.last_posted.lock().expect("invariant: nothing panics while it holds the lock");
    Ok(Run { outcomes, orders: last_posted - started, waiting: last_posted.elapsed() })
}

fn request(invoice: &Invoice, sales: &Sales, product_ids: &[ProductId], customer: &Customer) -> PlaceOrder {
    let lines = invoice.lines.iter().map(|line| PlaceOrderLine {
        product_id: product_ids[line.product],
        quantity: line.quantity,
        unit_price: sales.products[line.product].price,
    });
    PlaceOrder {
        lines: lines.collect(),
        payment_method_id: customer.payment_method_id,
        delivery_address: Address {
            name: invoice.buyer.name(),
            line1: "1 Replay Street".to_owned(),
            city: "Replay".to_owned(),
            postcode: "00001".to_owned(),
            country: country::code(&invoice.country).to_owned(),
        },
        // A total that is too large to be money is left to the service to refuse.
        expected_total: Money::new(invoice.total, price::CURRENCY).ok(),
        reference: invoice.reference(),
    }
}

impl Lane {
    /// From POST to the end.
    async fn follow(&self, customer: &Customer, order: &PlaceOrder, idempotency_key: &str) -> Outcome {
        let permit = self.posting.acquire().await.expect("invariant: the semaphore is never closed");
        let started = Instant::now();
        let answer = customer.session.place_order(order, idempotency_key).await;
        drop(permit);
        self.posted.fetch_add(1, Ordering::Relaxed);
        *self.last_posted.lock().expect("invariant: nothing panics while it holds the lock") = Instant::now();
        match answer {
            Ok(view) => self.wait(customer, &view, started).await.unwrap_or_else(Outcome::from),
            Err(error) => Outcome::from(error),
        }
    }

    async fn wait(
        &self,
        customer: &Customer,
        placed: &OrderView,
        started: Instant,
    ) -> Result<Outcome, CallError> {
        let earlier = placed.placed_at < self.run_started_at;
        let mut pause = SHORTEST_PAUSE;
        if !earlier {
            let usual = Duration::from_millis(self.usual.load(Ordering::Relaxed));
            tokio::time::sleep(usual.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        }
        loop {
            let permit = self.reading.acquire().await.expect("invariant: the semaphore is never closed");
            let view = customer.session.read_order(placed.id).await?;
            drop(permit);
            if let Some(end) = end(&view) {
                let ended = Ended {
                    id: view.id,
                    end,
                    total: view.total,
                    placed: if earlier { Placed::Before } else { Placed::Now },
                    by_service: view.ended_at.and_then(|ended_at| (ended_at - view.placed_at).to_std().ok()),
                    observed: started.elapsed(),
                };
                self.learn(&ended);
                return Ok(Outcome::Ended(ended));
            }
            if started.elapsed() > self.longest_wait {
                return Ok(Outcome::Open(placed.id));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Moves the running mean an eighth of the way; that two may do so at once does not matter.
    fn learn(&self, ended: &Ended) {
        let took = ended.by_service.filter(|_| ended.placed == Placed::Now);
        if let Some(took) = took.and_then(|took| u64::try_from(took.as_millis()).ok()) {
            let usual = self.usual.load(Ordering::Relaxed);
            let mean = if usual == 0 { took } else { (usual * 7 + took) / 8 };
            self.usual.store(mean, Ordering::Relaxed);
        }
    }
}

impl From<CallError> for Outcome {
    fn from(error: CallError) -> Outcome {
        match error {
            CallError::Refused { problem, .. } => {
                Outcome::Refused { problem: problem.name().to_owned(), detail: problem.to_string() }
            }
            CallError::GaveUp { .. } | CallError::Unreadable { .. } => {
                Outcome::Failed(format!("{:#}", anyhow::Error::from(error)))
            }
        }
    }
}

fn end(view: &OrderView) -> Option<End> {
    match view.status {
        OrderStatus::Placed => None,
        OrderStatus::Confirmed => Some(End::Confirmed),
        OrderStatus::Rejected => Some(End::Rejected {
            reason: view
                .rejection
                .as_ref()
                .map_or("no reason given", |rejection| &rejection.reason)
                .to_owned(),
        }),
        OrderStatus::Expired => Some(End::Expired),
        OrderStatus::Cancelled => Some(End::Cancelled),
    }
}
