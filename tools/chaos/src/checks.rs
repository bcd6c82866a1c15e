//! What must hold at the end, seen from outside: by the API that customers use and by the card processor's own log.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;
use chrono::TimeDelta;
use contracts::Operation;
use serde::Serialize;
use serde_json::{Value, json};
use stack::Instance;

use crate::books::Books;
use crate::breaking::Injected;
use crate::client::Ask;
use crate::clock::{Clock, seconds};
use crate::journey::Outcome;
use crate::recovery::{LONGEST_DRAIN, LONGEST_RECOVERY, RoundRecovery};
use crate::shop::Shop;
use crate::shown::Order;

/// A sweep looks every second and has up to ten for what it finds; a second more for the clocks.
const SWEEP: i64 = 12_000;
/// A part that was killed or frozen needs so long to be back.
const COMING_BACK: i64 = 30_000;
/// Findings that are shown; all are counted.
const SHOWN: usize = 20;

/// One thing that must hold, and where it does not.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub kind: Kind,
    /// How many things were looked at.
    pub looked_at: usize,
    pub failed: usize,
    pub findings: Vec<String>,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It holds on any machine.
    Held,
    /// A time, which a machine that is busy with other things stretches.
    Timed,
}

impl Check {
    fn new(name: &'static str, looked_at: usize, findings: Vec<String>) -> Check {
        let failed = findings.len();
        let findings = findings.into_iter().take(SHOWN).collect();
        Check { name, kind: Kind::Held, looked_at, failed, findings }
    }

    fn timed(name: &'static str, looked_at: usize, findings: Vec<String>) -> Check {
        Check { kind: Kind::Timed, ..Check::new(name, looked_at, findings) }
    }

    pub fn passed(&self) -> bool {
        self.failed == 0
    }
}

/// Reads every order once more; what is not there stays without.
pub async fn look_again(shop: &Shop, outcomes: &mut [Outcome], until: Instant) {
    for outcome in outcomes.iter_mut() {
        let Some(id) = &outcome.id else { continue };
        let ask = Ask::new(Operation::ReadOrder).with("order_id", id);
        let customer = &shop.customers[outcome.plan.customer].session;
        let read = async { Order::read(&customer.ask(&ask, until).await?.expect("reading an order")?) };
        match read.await {
            Ok(order) => outcome.shown = Some(order),
            Err(error) => {
                outcome.trouble.get_or_insert(format!("at the end: {error:#}"));
            }
        }
    }
}

/// Has staff try again what the card processor refused to give back. How many refunds there were.
pub async fn retry_refunds(shop: &Shop, outcomes: &[Outcome], until: Instant) -> anyhow::Result<usize> {
    let mut tried = 0;
    for order in outcomes.iter().filter_map(|outcome| outcome.shown.as_ref()) {
        for refund in order.refunds.iter().filter(|refund| refund.status == "failed") {
            let body =
                json!({"action": "retry_refund", "cause": refund.cause, "reason": "the fault is over"});
            let ask = Ask::new(Operation::ResolvePayment).with("order_id", &order.id).body(body);
            // Somebody else's word may have come first; whether the money went back is checked in any case.
            shop.staff.ask(&ask, until).await?;
            tried += 1;
        }
    }
    Ok(tried)
}

/// Whether every order exists and has ended, and every request was answered as it should be.
pub fn orders(outcomes: &[Outcome], faults: &[Injected], clock: Clock) -> Vec<Check> {
    let taken: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.id.is_some()).collect();
    let unanswered = outcomes.iter().filter(|outcome| outcome.answered.is_none());
    let unanswered = unanswered.map(|outcome| format!("order {}: {}", outcome.plan.number, outcome.placing));
    let missing = taken.iter().filter(|outcome| outcome.shown.is_none()).map(|outcome| name(outcome));
    let open = taken.iter().filter_map(|outcome| open(outcome));
    let late = taken.iter().filter_map(|outcome| late(outcome, faults, clock));
    let troubled = outcomes.iter().filter_map(|outcome| {
        outcome.trouble.as_ref().map(|trouble| format!("{}: {trouble}", name(outcome)))
    });
    vec![
        Check::new("every request to place an order was answered", outcomes.len(), unanswered.collect()),
        Check::new("every order that was taken exists", taken.len(), missing.collect()),
        Check::new("every order has ended", taken.len(), open.collect()),
        Check::timed("every order ended in time", taken.len(), late.collect()),
        Check::new("everything asked for was answered as it should be", outcomes.len(), troubled.collect()),
    ]
}

fn open(outcome: &Outcome) -> Option<String> {
    let order = outcome.shown.as_ref().filter(|order| order.ended_at.is_none())?;
    Some(format!("{} is {} at the end", name(outcome), order.status))
}

/// An order that has ended later than its deadline, one sweep and the time that `order` was away allow.
fn late(outcome: &Outcome, faults: &[Injected], clock: Clock) -> Option<String> {
    let order = outcome.shown.as_ref()?;
    let ended_at = order.ended_at?;
    let over = (ended_at - order.terms.deadline).num_milliseconds();
    let (from, until) = (clock.place(order.placed_at), clock.place(ended_at));
    let away: i64 = faults
        .iter()
        .filter(|fault| fault.planned.fault.stops_order() && fault.began < until && fault.ended >= from)
        .map(|fault| i64::try_from(fault.ended - fault.began).unwrap_or(i64::MAX) + COMING_BACK)
        .sum();
    (over > SWEEP + away).then(|| {
        let over = TimeDelta::milliseconds(over).num_seconds();
        format!("{} ended {over} s after its deadline", name(outcome))
    })
}

/// The card processor's own log: nobody was charged twice, and nobody for nothing.
pub async fn charges(instance: &Instance, outcomes: &[Outcome]) -> anyhow::Result<Vec<Check>> {
    let url = format!("http://127.0.0.1:{}/_sandbox/summary", instance.ports.card_sandbox());
    let summary: Value = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.json().await?;
    let log = summary["orders"].as_object().context("a summary has orders")?;
    let twice = log.iter().filter(|(_, tally)| tally["effective_charges"].as_u64().unwrap_or(2) > 1);
    let twice = twice.map(|(id, tally)| format!("order {id}: {tally}")).collect();
    let shown: Vec<&Order> = outcomes.iter().filter_map(|outcome| outcome.shown.as_ref()).collect();
    let wrong = shown.iter().filter_map(|order| {
        let tally = &log.get(&order.id).cloned().unwrap_or_default();
        let kept = amount(tally, "captured") - amount(tally, "refunded");
        let open = tally["open_authorizations"].as_i64().unwrap_or_default();
        let expected = order.expected_money();
        let fits = kept == expected && (open == 0 || order.lives());
        (!fits).then(|| {
            format!("order {} is {}: expected to keep {expected}, found {tally}", order.id, order.status)
        })
    });
    Ok(vec![
        Check::new("the card processor's log has at most one charge for each order", log.len(), twice),
        Check::new(
            "what the card processor took and gave back is what each order cost",
            shown.len(),
            wrong.collect(),
        ),
    ])
}

fn amount(tally: &Value, name: &str) -> i64 {
    let sums = tally[name].as_object();
    sums.into_iter().flat_map(|sums| sums.values()).filter_map(Value::as_i64).sum()
}

/// Stock as staff see it against what all orders together did to it.
pub async fn stock(shop: &Shop, outcomes: &[Outcome], until: Instant) -> anyhow::Result<Check> {
    let levels = levels(shop, until).await?;
    let shown: Vec<&Order> = outcomes.iter().filter_map(|outcome| outcome.shown.as_ref()).collect();
    let mut findings = Vec::new();
    for product in &shop.products {
        let (mut on_hand, mut allocated) = (product.received, 0);
        for order in &shown {
            let (shipped, restocked) = order.moved(&product.id);
            on_hand += restocked - shipped;
            allocated += order.waiting(&product.id);
        }
        let expected = (on_hand, 0, allocated);
        let found = levels.get(&product.id).copied();
        if found != Some(expected) {
            findings.push(format!(
                "product {}: on hand, reserved, allocated are {found:?} where the orders say {expected:?}",
                product.id
            ));
        }
    }
    Ok(Check::new("stock adds up", shop.products.len(), findings))
}

async fn levels(shop: &Shop, until: Instant) -> anyhow::Result<BTreeMap<String, (i64, i64, i64)>> {
    let mut levels = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let ask = Ask::new(Operation::ListStock).query(&format!("limit=100{cursor}"));
        let page = shop.staff.ask(&ask, until).await?.expect("listing stock")?;
        for row in page["items"].as_array().context("a list has items")? {
            let number = |name: &str| row[name].as_i64().unwrap_or(i64::MIN);
            let id = row["product_id"].as_str().context("a stock level has a product")?.to_owned();
            levels.insert(id, (number("on_hand"), number("reserved"), number("allocated")));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(levels),
        }
    }
}

/// What the system says of itself, and what was measured.
pub fn of_the_whole(
    settled: &Result<(), String>,
    books: &anyhow::Result<Books>,
    rounds: &[RoundRecovery],
    faults: &[Injected],
) -> Vec<Check> {
    let unsettled = settled.as_ref().err().cloned().into_iter().collect();
    let (looked_at, violations, late) = match books {
        Ok(books) => {
            let (violations, late) = books.violations();
            (usize::try_from(books.orders).unwrap_or_default(), violations, late)
        }
        Err(error) => (0, vec![format!("{error:#}")], Vec::new()),
    };
    let slow = rounds.iter().filter(|round| round.rate.is_none_or(|time| time > LONGEST_RECOVERY));
    let slow = slow.map(|round| format!("round {}: {}", round.round, said(round.rate)));
    let full = rounds.iter().filter(|round| round.drained.is_none_or(|time| time > LONGEST_DRAIN));
    let full = full.map(|round| format!("round {}: {}", round.round, said(round.drained)));
    let undone = faults.iter().filter_map(|fault| {
        let trouble = fault.trouble.as_ref()?;
        // What is down already cannot be killed; the fault was there all the same.
        (!trouble.contains("does not run at present")).then(|| format!("{}: {trouble}", fault.planned.fault))
    });
    vec![
        Check::new("every event was published and handled", 1, unsettled),
        Check::new("the books are green", looked_at, violations),
        Check::timed("the books name no order that ended late", looked_at, late),
        Check::timed("95 % of the rate was back within 30 s of each round", rounds.len(), slow.collect()),
        Check::timed("the backlog was drained within 60 s of each round", rounds.len(), full.collect()),
        Check::new("every fault was injected and healed", faults.len(), undone.collect()),
    ]
}

fn said(time: Option<u64>) -> String {
    time.map_or_else(|| "not before the end".to_owned(), seconds)
}

fn name(outcome: &Outcome) -> String {
    let id = outcome.id.as_deref().unwrap_or("not taken");
    format!("order {} ({id}, {}, {:?})", outcome.plan.number, outcome.plan.card, outcome.plan.story)
}
