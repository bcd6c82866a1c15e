//! What `order` may ask for the books and for an order's timeline.

use std::collections::BTreeSet;

use axum::extract::State;
use contracts::facts::{MOST, ReservationFacts, StockFacts, StockQuery};
use contracts::timeline::{EntryKind, TimelineEntry, TimelinePart, TimelineQuery};
use contracts::{App as Service, EventType, OrderId, ProblemType, ProductId};
use serde_json::{Value, json};
use sidecar::events::list_failures;
use sqlx::PgConnection;
use web::{Json, Problem};

use crate::app::App;
use crate::domain::stock::MovementKind;
use crate::store::facts::{self, Answer, OrderMovement, ReservationHead, Told};

/// The most rows of one page.
const PAGE: i64 = MOST as i64;

pub async fn read_stock_facts(
    State(app): State<App>,
    Json(query): Json<StockQuery>,
) -> Result<Json<StockFacts>, Problem> {
    let mut tx = app.db.begin_with(facts::SNAPSHOT).await?;
    let facts = match query {
        StockQuery::Orders(orders) if orders.len() > MOST => {
            let detail = format!("{} orders asked for, {MOST} are the most", orders.len());
            return Err(Problem::new(ProblemType::InvalidField).detail(detail));
        }
        StockQuery::Orders(orders) => {
            let heads = facts::list_reservations(&mut tx, &orders).await?;
            let reservations = with_lines(&mut tx, heads).await?;
            let products: BTreeSet<ProductId> =
                reservations.iter().flat_map(|facts| &facts.lines).map(|line| line.product_id).collect();
            let products: Vec<_> = products.into_iter().collect();
            StockFacts { reservations, levels: facts::list_levels(&mut tx, &products).await? }
        }
        StockQuery::ProductsAfter(after) => {
            let products = facts::list_products_after(&mut tx, after, PAGE).await?;
            StockFacts { reservations: vec![], levels: facts::list_levels(&mut tx, &products).await? }
        }
        StockQuery::ReservationsAfter(after) => {
            let heads = facts::list_reservations_after(&mut tx, after, PAGE).await?;
            StockFacts { reservations: with_lines(&mut tx, heads).await?, levels: vec![] }
        }
    };
    tx.commit().await?;
    Ok(Json(facts))
}

pub async fn read_stock_timeline(
    State(app): State<App>,
    Json(query): Json<TimelineQuery>,
) -> Result<Json<TimelinePart>, Problem> {
    let mut tx = app.db.begin_with(facts::SNAPSHOT).await?;
    let movements = facts::list_order_movements(&mut tx, query.order_id).await?;
    let told = facts::find_told(&mut tx, query.order_id).await?;
    let failures = list_failures(&mut tx, Service::Product, query.order_id.0).await?;
    tx.commit().await?;
    let same =
        |a: &OrderMovement, b: &OrderMovement| (a.kind, a.cause_id, a.at) == (b.kind, b.cause_id, b.at);
    let mut entries: Vec<_> = movements.chunk_by(same).filter_map(moved).collect();
    entries.extend(told.into_iter().flat_map(said));
    entries.extend(failures);
    // Stable, so that what was done at one moment stays before what was said of it.
    entries.sort_by_key(|entry| entry.at);
    Ok(Json(TimelinePart { entries }))
}

async fn with_lines(
    tx: &mut PgConnection,
    heads: Vec<ReservationHead>,
) -> Result<Vec<ReservationFacts>, sqlx::Error> {
    let orders: Vec<OrderId> = heads.iter().map(|head| head.order_id).collect();
    let mut lines = facts::list_lines(tx, &orders).await?.into_iter().peekable();
    let facts = heads.into_iter().map(|ReservationHead { order_id, state, changed_at }| {
        let of_order = std::iter::from_fn(|| lines.next_if(|(of, _)| *of == order_id));
        let lines = of_order.map(|(_, line)| line).collect();
        ReservationFacts { order_id, state, lines, changed_at }
    });
    Ok(facts.collect())
}

/// One thing that was done with the stock, with all its products.
fn moved(movements: &[OrderMovement]) -> Option<TimelineEntry> {
    let first = movements.first()?;
    let mut lines: Vec<_> =
        movements.iter().map(|movement| (movement.product_id, pieces(movement))).collect();
    lines.sort();
    let lines: Vec<Value> = lines
        .into_iter()
        .map(|(product_id, pieces)| json!({"product_id": product_id, "pieces": pieces}))
        .collect();
    let mut detail = json!({ "lines": lines });
    if let (Some(name), Some(id)) = (cause(first.kind), first.cause_id) {
        detail[name] = json!(id);
    }
    Some(TimelineEntry {
        at: first.at,
        kind: EntryKind::Effect,
        name: format!("stock_{}", first.kind.name()),
        who: Service::Product.name().to_owned(),
        cause: first.caused_by.clone(),
        trace_id: first.trace_id.clone(),
        detail,
    })
}

/// What was said of the order: the answer, and the last reminder.
fn said(told: Told) -> impl Iterator<Item = TimelineEntry> {
    let entry = |event: EventType, at, cause, trace_id, detail| TimelineEntry {
        at,
        kind: EntryKind::Decided,
        name: event.name().to_owned(),
        who: Service::Product.name().to_owned(),
        cause,
        trace_id,
        detail,
    };
    let answer = told.answer.map(|Answer { at, caused_by, trace_id, refusal }| match refusal {
        None => entry(EventType::StockReserved, at, caused_by, trace_id, json!({})),
        Some(refusal) => {
            entry(EventType::StockRejected, at, caused_by, trace_id, json!({ "refusal": refusal }))
        }
    });
    let reminder = told.reminded_at.map(|at| entry(EventType::ReservationOverdue, at, None, None, json!({})));
    answer.into_iter().chain(reminder)
}

fn pieces(movement: &OrderMovement) -> i64 {
    let moved = movement.moved;
    match movement.kind {
        MovementKind::Received | MovementKind::Adjusted | MovementKind::Returned => moved.on_hand,
        MovementKind::Reserved => moved.reserved,
        MovementKind::Allocated => moved.allocated,
        MovementKind::Released => -(moved.reserved + moved.allocated),
        MovementKind::Shipped => -moved.on_hand,
    }
}

/// What the movement's cause is an id of.
fn cause(kind: MovementKind) -> Option<&'static str> {
    match kind {
        MovementKind::Released => Some("cancellation_id"),
        MovementKind::Shipped => Some("parcel_id"),
        MovementKind::Returned => Some("return_id"),
        MovementKind::Received
        | MovementKind::Adjusted
        | MovementKind::Reserved
        | MovementKind::Allocated => None,
    }
}
