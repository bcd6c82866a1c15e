//! What `order` may ask for the books and for an order's timeline.

use axum::extract::State;
use contracts::facts::{MOST, MessageFacts, OrdersQuery, ToldEnd};
use contracts::timeline::{EntryKind, TimelineEntry, TimelinePart, TimelineQuery};
use contracts::{App as Service, ProblemType};
use serde_json::json;
use sidecar::events::list_failures;
use web::{Json, Problem};

use crate::app::App;
use crate::store::facts::{self, ToldMessage};

pub async fn read_message_facts(
    State(app): State<App>,
    Json(query): Json<OrdersQuery>,
) -> Result<Json<MessageFacts>, Problem> {
    let asked = query.order_ids.len();
    if asked > MOST {
        let detail = format!("{asked} orders asked for, {MOST} are the most");
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    let mut db = app.db.acquire().await?;
    let repeated = facts::list_repeated(&mut db, &query.order_ids).await?;
    let told = facts::list_told_ends(&mut db, &query.order_ids).await?;
    let ends = told
        .into_iter()
        .filter_map(|(order_id, kind)| Some(ToldEnd { order_id, end: kind.end()?.to_owned() }))
        .collect();
    Ok(Json(MessageFacts { repeated, ends }))
}

pub async fn read_message_timeline(
    State(app): State<App>,
    Json(query): Json<TimelineQuery>,
) -> Result<Json<TimelinePart>, Problem> {
    let mut db = app.db.acquire().await?;
    let told = facts::list_told(&mut db, query.order_id).await?;
    let mut entries: Vec<_> = told.into_iter().map(entry).collect();
    entries.extend(list_failures(&mut db, Service::Notification, query.order_id.0).await?);
    entries.sort_by_key(|entry| entry.at);
    Ok(Json(TimelinePart { entries }))
}

/// That it was told; never in which words.
fn entry(told: ToldMessage) -> TimelineEntry {
    TimelineEntry {
        at: told.created_at,
        kind: EntryKind::Effect,
        name: "message_written".to_owned(),
        who: Service::Notification.name().to_owned(),
        cause: told.caused_by,
        trace_id: told.trace_id,
        detail: json!({"kind": told.kind, "about": told.cause, "channel": told.channel}),
    }
}
