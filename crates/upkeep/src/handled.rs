//! What this service did with the events it was sent.

use contracts::Operation;
use contracts::facts::{EventIds, HandledEvents, MOST_EVENTS};
use sidecar::inbox;
use web::{Api, Json, Problem};

use crate::store::SNAPSHOT;
use crate::{Messaging, invalid};

pub(crate) fn mount<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |Json(ids): Json<EventIds>| {
        let messaging = messaging.clone();
        async move { check_handled(&messaging, ids).await }
    };
    api.operation(operation, handler, |about| about)
}

async fn check_handled(messaging: &Messaging, ids: EventIds) -> Result<Json<HandledEvents>, Problem> {
    if ids.event_ids.len() > MOST_EVENTS {
        return Err(invalid("at most 5000 events in one request"));
    }
    let mut tx = messaging.db.begin_with(SNAPSHOT).await?;
    Ok(Json(inbox::check(&mut tx, &ids.event_ids).await?))
}
