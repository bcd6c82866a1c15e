//! The events that this service could not handle, as whoever operates it sees them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use contracts::{EventId, Operation, OrderId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Api, Json, List, Page, Problem, Query};

use crate::Messaging;
use crate::store::{self, Chosen, SNAPSHOT};

/// The largest page of the list.
const LARGEST_PAGE: u64 = 200;

/// Why an event is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FailureReason)]
pub enum Reason {
    /// The handler would not have it; a person has to look.
    Refused,
    /// It did not reach the handler, or the handler was short of something; it is tried again by itself.
    Undelivered,
}

/// What became of it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FailureState)]
pub enum State {
    Open,
    Handled,
    Discarded,
}

/// Which failed events to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FailedQuery {
    /// The publisher.
    #[param(example = "order")]
    pub topic: Option<String>,
    #[serde(rename = "type")]
    #[param(rename = "type", example = "order.placed.v1")]
    pub event_type: Option<String>,
    #[param(inline)]
    pub reason: Option<Reason>,
    #[param(inline)]
    pub state: Option<State>,
    /// Rows on a page, of which there are at most 200.
    #[param(minimum = 1, example = 20)]
    pub limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailedPath {
    failed_event_id: Uuid,
}

/// One event that failed, however often it did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FailedEvent {
    pub id: Uuid,
    pub topic: String,
    /// Absent, as the other parts of the event, where the payload does not tell.
    pub event_id: Option<EventId>,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub subject: Option<Uuid>,
    pub sequence: Option<i64>,
    /// Where it lies in its topic, if that is known.
    pub partition: Option<i32>,
    pub offset: Option<i64>,
    pub reason: Reason,
    pub error: String,
    pub attempts: i32,
    pub state: State,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub handled_at: Option<DateTime<Utc>>,
    pub discarded_at: Option<DateTime<Utc>>,
}

/// How many there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailedCount {
    pub topic: String,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub reason: Reason,
    pub open: i64,
    pub handled: i64,
    pub discarded: i64,
}

/// A page of failed events, the newest first, with how many of each kind the whole list has in each state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FailedEvents {
    pub items: Vec<FailedEvent>,
    /// Absent on the last page.
    pub next_cursor: Option<String>,
    pub counts: Vec<FailedCount>,
}

/// A failed event with everything that is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FailedEventDetail {
    #[serde(flatten)]
    pub event: FailedEvent,
    /// The order it belongs to.
    pub order_id: Option<OrderId>,
    /// The payload, where it is JSON.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
    /// The payload in base64, where it is not.
    pub payload_base64: Option<String>,
    /// What was done about it, the first act first.
    pub acts: Vec<AuditLine>,
}

/// One act of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditLine {
    pub at: DateTime<Utc>,
    pub actor: UserId,
    pub permission: String,
    /// `redrive` or `discard`.
    pub act: String,
    pub reason: String,
}

pub(crate) fn mount_list<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |Query(query): Query<FailedQuery>| {
        let messaging = messaging.clone();
        async move { list_failed(&messaging, query).await }
    };
    api.operation(operation, handler, |about| about.query::<FailedQuery>().answer::<FailedEvents>(200))
}

pub(crate) fn mount_read<S: Clone + Send + Sync + 'static>(
    api: Api<S>,
    operation: Operation,
    messaging: Messaging,
) -> Api<S> {
    let handler = move |Query(path): Query<FailedPath>| {
        let messaging = messaging.clone();
        async move { read_failed(&messaging, path.failed_event_id).await }
    };
    api.operation(operation, handler, |about| about.answer::<FailedEventDetail>(200))
}

async fn list_failed(messaging: &Messaging, query: FailedQuery) -> Result<Json<FailedEvents>, Problem> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let limit = page.limit(LARGEST_PAGE)?;
    let before = page.after::<Uuid>()?;
    let chosen = Chosen {
        topic: query.topic.as_deref(),
        event_type: query.event_type.as_deref(),
        reason: query.reason,
        state: query.state,
    };
    let mut tx = messaging.db.begin_with(SNAPSHOT).await?;
    let rows = store::list_failed(&mut tx, &chosen, before, limit + 1).await?;
    let counts = store::count_failed(&mut tx, &chosen).await?;
    let List { items, next_cursor } = List::from_rows(rows, limit, |event: &FailedEvent| event.id);
    Ok(Json(FailedEvents { items, next_cursor, counts }))
}

async fn read_failed(messaging: &Messaging, id: Uuid) -> Result<Json<FailedEventDetail>, Problem> {
    let mut tx = messaging.db.begin_with(SNAPSHOT).await?;
    let (event, payload) = store::find_failed(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let acts = store::audit::list_lines(&mut tx, id).await?;
    let json: Option<Value> = serde_json::from_slice(&payload).ok();
    let payload_base64 = json.is_none().then(|| STANDARD.encode(&payload));
    Ok(Json(FailedEventDetail {
        order_id: order_of(json.as_ref()),
        event,
        payload: json,
        payload_base64,
        acts,
    }))
}

/// In the saga events are correlated by their order.
fn order_of(payload: Option<&Value>) -> Option<OrderId> {
    let payload = payload?;
    let named = payload["correlationid"].as_str().or_else(|| payload["data"]["order_id"].as_str())?;
    named.parse().ok()
}

impl Reason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Reason::Refused => "refused",
            Reason::Undelivered => "undelivered",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Reason> {
        [Reason::Refused, Reason::Undelivered].into_iter().find(|reason| reason.name() == name)
    }
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Handled => "handled",
            State::Discarded => "discarded",
        }
    }
}
