//! Looks at some orders or products: reads, judges, reads what seems wrong once more, and keeps what both readings say.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use contracts::facts::{LevelFacts, PublishedEvents, PublishedQuery, StockFacts, StockQuery};
use contracts::{App as Service, Operation, OrderId, ProductId};
use uuid::Uuid;

use super::gather::{Gathered, ask, gather};
use crate::app::App;
use crate::domain::books::facts::Case;
use crate::domain::books::report::Tally;
use crate::domain::books::{self, Judgement, Violation};
use crate::store::books as store;
use crate::store::books::kept::{self, Kind};

/// Orders that are asked about at once.
pub(super) const BATCH: usize = 100;

/// What one reading says.
struct Reading {
    cases: Vec<Case>,
    judgements: BTreeMap<OrderId, Judgement>,
    unreachable: Vec<Service>,
}

/// Looks at these orders, of which some may not exist; `lost` are known to have been answered with 201.
pub(super) async fn look_at_orders(
    app: &App,
    ids: &[OrderId],
    lost: &BTreeSet<OrderId>,
    tally: &mut Tally,
) -> Result<(), sqlx::Error> {
    for ids in ids.chunks(BATCH) {
        let first = read(app, ids, lost, &tally.unreachable).await?;
        let wrong: Vec<OrderId> = first
            .judgements
            .iter()
            .filter(|(_, judgement)| !judgement.violations.is_empty())
            .map(|(order_id, _)| *order_id)
            .collect();
        let Reading { cases, mut judgements, mut unreachable } = first;
        if !wrong.is_empty() {
            let second = read(app, &wrong, lost, &unreachable).await?;
            for order_id in wrong {
                let first = judgements.remove(&order_id).unwrap_or_default();
                let again = second.judgements.get(&order_id).cloned().unwrap_or_default();
                let violations = books::agreed(&first.violations, again.violations);
                judgements.insert(order_id, Judgement { violations, in_flight: again.in_flight });
            }
            unreachable.extend(second.unreachable);
        }
        for case in &cases {
            tally.order(case, judgements.get(&case.order.order_id).and_then(|judgement| judgement.in_flight));
        }
        unreachable.iter().for_each(|service| tally.unreached(*service));
        keep_orders(app, ids, &cases, &judgements, &unreachable).await?;
    }
    Ok(())
}

async fn read(
    app: &App,
    ids: &[OrderId],
    lost: &BTreeSet<OrderId>,
    away: &[Service],
) -> Result<Reading, sqlx::Error> {
    let Gathered { cases, reservations, payments, unreachable } = gather(app, ids, away).await?;
    let now = app.clock.now();
    let oldest = cases.iter().map(|case| case.order.deadline).min().unwrap_or(now);
    let awake = kept::list_awake(&mut *app.db.acquire().await?, oldest).await?;
    let mut judgements = BTreeMap::new();
    for case in &cases {
        let findings = books::check_order(case, &awake, now);
        judgements.insert(case.order.order_id, books::judge(&case.order, findings, now));
    }
    let orphaned = reservations
        .iter()
        .filter(|reservation| matches!(reservation.state.as_str(), "reserved" | "allocated"))
        .map(|reservation| (reservation.order_id, books::orphaned_reservation(reservation)));
    let unowned = payments
        .iter()
        .filter(|payment| payment.captured != 0 || payment.authorised_open || payment.unknown)
        .map(|payment| (payment.order_id, books::orphaned_payment(payment)));
    let known: BTreeSet<OrderId> = judgements.keys().copied().collect();
    let lost = ids.iter().filter(|id| lost.contains(id) && !known.contains(id));
    let lost = lost.map(|id| (*id, books::lost_order(*id)));
    for (order_id, violation) in orphaned.chain(unowned).chain(lost) {
        judgements.entry(order_id).or_default().violations.push(violation);
    }
    Ok(Reading { cases, judgements, unreachable })
}

/// What could not be seen whole may be as wrong as it was: then nothing is taken back.
async fn keep_orders(
    app: &App,
    ids: &[OrderId],
    cases: &[Case],
    judgements: &BTreeMap<OrderId, Judgement>,
    unreachable: &[Service],
) -> Result<(), sqlx::Error> {
    let existing: BTreeSet<OrderId> = cases.iter().map(|case| case.order.order_id).collect();
    let subjects: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let in_flight = judgements.iter().filter(|(order_id, _)| existing.contains(order_id));
    let in_flight = in_flight.filter_map(|(order_id, judgement)| Some((order_id.0, judgement.in_flight?)));
    let (left_out, since): (Vec<Uuid>, Vec<DateTime<Utc>>) = in_flight.unzip();
    let found: Vec<(Uuid, Violation)> = judgements
        .iter()
        .flat_map(|(order_id, judgement)| {
            judgement.violations.iter().map(|found| (order_id.0, found.clone()))
        })
        .collect();

    let mut tx = app.db.begin().await?;
    keep(&mut tx, Kind::Order, &subjects, found, unreachable.is_empty(), app.clock.now()).await?;
    kept::delete_left_out(&mut tx, &subjects).await?;
    kept::insert_left_out(&mut tx, &left_out, &since).await?;
    tx.commit().await
}

/// Looks at a page of products; gives the last one, or none when there are no more.
pub(super) async fn look_at_products(
    app: &App,
    after: Option<Uuid>,
    tally: &mut Tally,
) -> Result<Option<Uuid>, sqlx::Error> {
    if tally.unreachable.contains(&Service::Product) {
        return Ok(None);
    }
    let Some((levels, first)) = read_products(app, after).await else {
        tally.unreached(Service::Product);
        return Ok(None);
    };
    let Some(last) = levels.last().map(|level| level.product_id.0) else { return Ok(None) };
    tally.checked.products += u64::try_from(levels.len()).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    if !first.is_empty() {
        match read_products(app, after).await {
            Some((_, second)) => found = books::agreed(&first, second),
            None => tally.unreached(Service::Product),
        }
    }
    let subjects: Vec<Uuid> = levels.iter().map(|level| level.product_id.0).collect();
    let found = found.into_iter().filter_map(|found| Some((found.product_id?.0, found))).collect();
    let mut tx = app.db.begin().await?;
    let whole = !tally.unreachable.contains(&Service::Product);
    keep(&mut tx, Kind::Product, &subjects, found, whole, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Some(last))
}

/// Looks again at a product that was wrong.
pub(super) async fn look_at_product(app: &App, id: ProductId, tally: &mut Tally) -> Result<(), sqlx::Error> {
    let before = id.0.as_u128().checked_sub(1).map(Uuid::from_u128);
    look_at_products(app, before, tally).await.map(|_| ())
}

/// None when product was not reached.
async fn read_products(app: &App, after: Option<Uuid>) -> Option<(Vec<LevelFacts>, Vec<Violation>)> {
    let query = StockQuery::ProductsAfter(after.map(ProductId));
    let facts: StockFacts = ask(app, Operation::ReadStockFacts, &query).await?;
    let levels = facts.levels;
    let subjects = PublishedQuery::Subjects(levels.iter().map(|level| level.product_id.0).collect());
    let said: PublishedEvents = ask(app, Operation::ListPublishedProduct, &subjects).await?;
    let violations = levels.iter().flat_map(|level| {
        let head = said.heads.iter().find(|head| head.subject == level.product_id.0);
        books::check_product(level, Some(head.map_or(0, |head| head.sequence)))
    });
    let violations = violations.map(|finding| finding.violation).collect();
    Some((levels, violations))
}

/// Replaces what was known of these subjects, or only adds to it when not everybody was reached.
async fn keep(
    tx: &mut sqlx::PgConnection,
    kind: Kind,
    subjects: &[Uuid],
    mut found: Vec<(Uuid, Violation)>,
    whole: bool,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if whole {
        kept::delete_violations(tx, kind, subjects).await?;
    } else {
        let known = kept::list_violations(tx).await?;
        found.retain(|(_, violation)| !known.iter().any(|(_, _, known)| known.same_as(violation)));
    }
    for (subject, violation) in found {
        kept::insert_violation(tx, kind, subject, &violation, now).await?;
    }
    Ok(())
}

/// The orders of a page of what another service holds that do not exist here, and where the page ends.
pub(super) async fn strangers_of_page(
    app: &App,
    page: Vec<OrderId>,
) -> Result<(Vec<OrderId>, Option<Uuid>), sqlx::Error> {
    let last = page.last().map(|id| id.0);
    let existing = store::list_existing(&mut *app.db.acquire().await?, &page).await?;
    let strangers = page.into_iter().filter(|id| !existing.contains(id)).collect();
    Ok((strangers, last))
}
