//! What this service published, for its subscribers and for the books, and sending it once more.

use axum::http::HeaderMap;
use contracts::event::EVENTS;
use contracts::facts::{EventIds, MOST, MOST_EVENTS, PublishedEvents, PublishedQuery, Resent};
use contracts::{App, Operation, ProblemType};
use sidecar::guard::caller;
use sidecar::outbox::published::{self, Span};
use uuid::Uuid;
use web::{Api, Json, Problem};

use crate::store::SNAPSHOT;
use crate::{Messaging, invalid};

pub(crate) fn mount_list<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |Json(query): Json<PublishedQuery>| {
        let messaging = messaging.clone();
        async move { list_published(&messaging, query).await }
    };
    api.operation(operation, handler, |about| about)
}

pub(crate) fn mount_resend<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |headers: HeaderMap, Json(ids): Json<EventIds>| {
        let messaging = messaging.clone();
        async move { resend(&messaging, &headers, ids).await }
    };
    api.operation(operation, handler, |about| about)
}

async fn list_published(
    messaging: &Messaging,
    query: PublishedQuery,
) -> Result<Json<PublishedEvents>, Problem> {
    let mut tx = messaging.db.begin_with(SNAPSHOT).await?;
    let answer = match query {
        PublishedQuery::Subjects(subjects) if subjects.len() > MOST => {
            return Err(invalid("at most 500 subjects in one request"));
        }
        PublishedQuery::Subjects(subjects) => PublishedEvents {
            events: published::list_of_subjects(&mut tx, &subjects).await?,
            heads: published::list_heads(&mut tx, &subjects).await?,
        },
        PublishedQuery::Span { subscriber, from, until, after } => {
            let types = types(messaging.app, subscriber);
            let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
            let events = published::list_span(&mut tx, &types, Span { from, until, after }, limit).await?;
            PublishedEvents { events, heads: Vec::new() }
        }
    };
    Ok(Json(answer))
}

/// Only what the asking service subscribes to.
async fn resend(messaging: &Messaging, headers: &HeaderMap, ids: EventIds) -> Result<Json<Resent>, Problem> {
    let subscriber = caller(headers).ok_or_else(|| Problem::new(ProblemType::Forbidden))?;
    if ids.event_ids.len() > MOST_EVENTS {
        return Err(invalid("at most 5000 events in one request"));
    }
    let ids: Vec<Uuid> = ids.event_ids.into_iter().map(|id| id.0).collect();
    let types = types(messaging.app, subscriber);
    let resent = published::resend(&mut *messaging.db.acquire().await?, &ids, &types).await?;
    messaging.outbox.wake();
    tracing::warn!(subscriber = subscriber.name(), asked = ids.len(), resent, "events are sent again");
    Ok(Json(Resent { resent }))
}

fn types(publisher: App, subscriber: App) -> Vec<String> {
    EVENTS
        .iter()
        .filter(|row| row.publisher == publisher && row.subscribers.contains(&subscriber))
        .map(|row| row.name.to_owned())
        .collect()
}
