//! One check: which orders and products are looked at, and what is kept of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use contracts::facts::{PaymentsFacts, PaymentsQuery, StockFacts, StockQuery};
use contracts::{App as Service, Operation, OrderId, ProductId};
use sqlx::PgConnection;

use super::gather::ask;
use super::look::{BATCH, look_at_orders, look_at_product, look_at_products, strangers_of_page};
use crate::app::App;
use crate::domain::books::Report;
use crate::domain::books::report::{Scope, Tally};
use crate::domain::books::turn::{Phase, Turn};
use crate::store::books as store;
use crate::store::books::kept::{self, Kind, LastCheck};

/// Changes are looked for this much further back: what was written at a time is seen only once it is committed.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);
/// How far back the very first check looks for changes; everything has its turn anyway.
const FIRST_LOOK: TimeDelta = TimeDelta::hours(1);
/// How long the part of everything takes that is looked at beside the changes.
const IN_TURN: Duration = Duration::from_secs(1);
/// How long one request goes on with everything, within the time that the gateway waits.
const ON_REQUEST: Duration = Duration::from_secs(4);
/// How long a request waits for a check that runs already.
const PATIENCE: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(50);

/// What somebody wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// By the clock: what has changed, and a part of everything.
    InTime,
    /// On request: what has changed.
    Changed,
    /// On request: everything from here on, as far as it goes in the time of a request.
    All(Turn),
}

/// Checks, unless another check runs: then none, by the clock at once and on request after some patience.
pub async fn check(app: &App, wanted: Wanted) -> Result<Option<Report>, sqlx::Error> {
    // A connection of its own, that takes the lock with it whatever happens.
    let mut lock = app.db.acquire().await?.detach();
    let began = Instant::now();
    while !kept::lock_checks(&mut lock).await? {
        if wanted == Wanted::InTime || began.elapsed() > PATIENCE {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
    check_alone(app, wanted, &mut lock).await.map(Some)
}

async fn check_alone(app: &App, wanted: Wanted, db: &mut PgConnection) -> Result<Report, sqlx::Error> {
    let began_at = app.clock.now();
    let last = kept::find_last_check(db).await?;
    let mut changed_until = last.as_ref().map(|last| last.changed_until);
    let mut cursor = last.and_then(|last| last.cursor);
    let mut tally = Tally::default();
    let mut next_cursor = None;
    let scope = match wanted {
        Wanted::InTime | Wanted::Changed => {
            look_at_changes(app, db, changed_until.unwrap_or(began_at - FIRST_LOOK), &mut tally).await?;
            if tally.unreachable.is_empty() {
                changed_until = Some(began_at);
            }
            if wanted == Wanted::InTime {
                let turn = cursor.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Turn::START);
                let turn = look_in_turn(app, turn, IN_TURN, &mut tally).await?;
                cursor = turn.map(|turn| turn.to_string());
            }
            Scope::Changed
        }
        Wanted::All(turn) => {
            if turn == Turn::START {
                look_at_wrong(app, db, &mut tally).await?;
            }
            next_cursor = look_in_turn(app, turn, ON_REQUEST, &mut tally).await?.map(|turn| turn.to_string());
            Scope::All
        }
    };
    let violations: Vec<_> =
        kept::list_violations(db).await?.into_iter().map(|(_, _, found)| found).collect();
    let report = tally.report(scope, (began_at, app.clock.now()), &violations, next_cursor);
    let changed_until = changed_until.unwrap_or(began_at - FIRST_LOOK);
    kept::upsert_last_check(db, &LastCheck { report: report.clone(), changed_until, cursor }).await?;
    Ok(report)
}

/// Every order that has changed, had not come to rest, or was wrong; and the products that were wrong.
async fn look_at_changes(
    app: &App,
    db: &mut PgConnection,
    changed_until: DateTime<Utc>,
    tally: &mut Tally,
) -> Result<(), sqlx::Error> {
    let since = changed_until - OVERLAP;
    let lost: BTreeSet<OrderId> = store::list_lost(db, since).await?.into_iter().collect();
    let (mut ids, products) = list_wrong(db).await?;
    ids.extend(&lost);
    ids.extend(store::list_changed_since(db, since).await?);
    ids.extend(kept::list_left_out(db).await?);
    look_at(app, db, ids, products, lost, tally).await
}

/// What was wrong, which has no other turn when it is of an order that does not exist. Whatever has one is counted then.
async fn look_at_wrong(app: &App, db: &mut PgConnection, tally: &mut Tally) -> Result<(), sqlx::Error> {
    let (ids, products) = list_wrong(db).await?;
    let mut uncounted = Tally::default();
    look_at(app, db, ids, products, BTreeSet::new(), &mut uncounted).await?;
    uncounted.unreachable.into_iter().for_each(|service| tally.unreached(service));
    Ok(())
}

async fn list_wrong(db: &mut PgConnection) -> Result<(BTreeSet<OrderId>, BTreeSet<ProductId>), sqlx::Error> {
    let (mut orders, mut products) = (BTreeSet::new(), BTreeSet::new());
    for (kind, subject, _) in kept::list_violations(db).await? {
        match kind {
            Kind::Order => _ = orders.insert(OrderId(subject)),
            Kind::Product => _ = products.insert(ProductId(subject)),
        }
    }
    Ok((orders, products))
}

async fn look_at(
    app: &App,
    db: &mut PgConnection,
    ids: BTreeSet<OrderId>,
    products: BTreeSet<ProductId>,
    lost: BTreeSet<OrderId>,
    tally: &mut Tally,
) -> Result<(), sqlx::Error> {
    let lost = still_lost(db, &ids, lost).await?;
    let ids: Vec<OrderId> = ids.into_iter().collect();
    look_at_orders(app, &ids, &lost, tally).await?;
    for product_id in products {
        look_at_product(app, product_id, tally).await?;
    }
    Ok(())
}

/// What was lost before is lost for as long as its answer is kept.
async fn still_lost(
    db: &mut PgConnection,
    ids: &BTreeSet<OrderId>,
    mut lost: BTreeSet<OrderId>,
) -> Result<BTreeSet<OrderId>, sqlx::Error> {
    let all: Vec<OrderId> = ids.iter().copied().collect();
    let existing: BTreeSet<OrderId> = store::list_existing(db, &all).await?.into_iter().collect();
    if ids.iter().any(|id| !existing.contains(id)) {
        lost.extend(store::list_lost(db, DateTime::UNIX_EPOCH).await?);
    }
    Ok(lost)
}

/// Goes on with everything for some time; gives where to go on, or none at the end.
async fn look_in_turn(
    app: &App,
    turn: Turn,
    budget: Duration,
    tally: &mut Tally,
) -> Result<Option<Turn>, sqlx::Error> {
    let began = Instant::now();
    let mut next = Some(turn);
    while let Some(turn) = next {
        next = turn.next(look_at_page(app, turn, tally).await?);
        if began.elapsed() > budget {
            break;
        }
    }
    Ok(next)
}

/// Looks at one page; gives its last row, or none when there are no more.
async fn look_at_page(app: &App, turn: Turn, tally: &mut Tally) -> Result<Option<uuid::Uuid>, sqlx::Error> {
    let none = BTreeSet::new();
    match turn.phase {
        Phase::Orders => {
            let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let page = store::list_page(&mut *app.db.acquire().await?, turn.after, limit).await?;
            look_at_orders(app, &page, &none, tally).await?;
            Ok(page.last().map(|id| id.0))
        }
        Phase::Products => look_at_products(app, turn.after, tally).await,
        Phase::Reservations => {
            let query = StockQuery::ReservationsAfter(turn.after.map(OrderId));
            let Some(facts) = ask::<_, StockFacts>(app, Operation::ReadStockFacts, &query).await else {
                tally.unreached(Service::Product);
                return Ok(None);
            };
            let page = facts.reservations.iter().map(|reservation| reservation.order_id).collect();
            let (strangers, last) = strangers_of_page(app, page).await?;
            look_at_orders(app, &strangers, &none, tally).await?;
            Ok(last)
        }
        Phase::Payments => {
            let query = PaymentsQuery::After(turn.after.map(OrderId));
            let Some(facts) = ask::<_, PaymentsFacts>(app, Operation::ReadPaymentFacts, &query).await else {
                tally.unreached(Service::Payment);
                return Ok(None);
            };
            let page = facts.payments.iter().map(|payment| payment.order_id).collect();
            let (strangers, last) = strangers_of_page(app, page).await?;
            look_at_orders(app, &strangers, &none, tally).await?;
            Ok(last)
        }
    }
}
