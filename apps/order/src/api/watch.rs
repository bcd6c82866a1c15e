//! An order's live events: what has happened to it, then what happens, each line once and in order.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use contracts::{EntryKind, Permission, ProblemType, TimelineEntry};
use futures::{Stream, StreamExt, stream};
use tokio::time::Instant;
use web::{Caller, Problem, Query};

use super::OrderSummary;
use super::read::{OrderPath, visible_order};
use crate::app::App;
use crate::app::watches::{Crowded, Purpose, Watch};
use crate::store::{orders, timeline};

const LAST_EVENT_ID: &str = "last-event-id";
/// Something is said this often, so that nobody on the way takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A token is good for as long; who goes on brings a new one.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// A client that was cut off comes again after this.
const COME_AGAIN: Duration = Duration::from_secs(2);
/// Lines read at once.
const BATCH: i64 = 200;

/// A stream between two looks at the order.
struct Story {
    app: App,
    watch: Watch,
    /// Staff write notes for staff.
    with_notes: bool,
    /// Lines of the timeline that are behind us, those that are not shown included; an event's id is its line's number.
    told: i64,
    /// The last of these lines as the database numbers it; none when the client says where it was.
    last: i64,
    begun: bool,
    until: Instant,
}

pub async fn watch_order(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<OrderPath>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut db = app.db.acquire().await?;
    visible_order(&mut db, &caller, path.order_id).await?;
    let watch = app.watches.watch(caller.user_id, path.order_id, Purpose::Stream).map_err(crowded)?;
    let told = resumed(&headers);
    // An id that is none of ours begins from the start.
    let told = if told > timeline::count_entries(&mut db, path.order_id).await? { 0 } else { told };
    drop(db);
    let with_notes = caller.may(Permission::OrdersReadAny);
    let until = Instant::now() + LONGEST;
    let story = Story { app, watch, with_notes, told, last: 0, begun: false, until };
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events(story)).keep_alive(heartbeat).into_response())
}

/// The number of the last line that the client has seen.
fn resumed(headers: &HeaderMap) -> i64 {
    let given = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    given.filter(|told| *told >= 0).unwrap_or_default()
}

fn crowded(crowded: Crowded) -> Problem {
    let kind = match crowded {
        Crowded::Caller { .. } => ProblemType::RateLimited,
        Crowded::Replica | Crowded::Ending => ProblemType::Unavailable,
    };
    Problem::new(kind).detail(crowded.to_string()).retry_after(5)
}

fn events(story: Story) -> impl Stream<Item = Result<Event, Infallible>> {
    let looks = stream::unfold(story, |mut story| async move {
        let events = story.next().await?;
        Some((stream::iter(events), story))
    });
    looks.flatten().map(Ok)
}

impl Story {
    /// What is new; waits until something is. [`None`] ends the stream.
    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            if self.begun && !tokio::time::timeout_at(self.until, self.watch.changed()).await.ok()? {
                return None;
            }
            match self.read().await {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(events),
                Err(error) => {
                    // The client comes again with the id of the last line that it got.
                    tracing::warn!(order.id = %self.watch.order_id(), error = %error, "live events broke off");
                    return None;
                }
            }
        }
    }

    /// Every new line, then the order as it stands.
    async fn read(&mut self) -> Result<Vec<Event>, sqlx::Error> {
        let order_id = self.watch.order_id();
        let mut db = self.app.db.acquire().await?;
        let mut events = Vec::new();
        if !self.begun {
            events.push(Event::default().retry(COME_AGAIN));
        }
        loop {
            let skip = if self.last == 0 { self.told } else { 0 };
            let lines = timeline::list_after(&mut db, order_id, self.last, skip, BATCH).await?;
            let full = i64::try_from(lines.len()) == Ok(BATCH);
            for (id, entry) in lines {
                (self.last, self.told) = (id, self.told + 1);
                if self.with_notes || entry.kind != EntryKind::Note {
                    events.push(line(self.told, &entry));
                }
            }
            if !full {
                break;
            }
        }
        let new = events.len() > usize::from(!self.begun);
        if new || !self.begun {
            events.extend(
                orders::find_order(&mut db, order_id)
                    .await?
                    .map(|order| told("order", serde_json::to_string(&OrderSummary::from(&order)))),
            );
        }
        self.begun = true;
        Ok(events)
    }
}

fn line(number: i64, entry: &TimelineEntry) -> Event {
    told("entry", serde_json::to_string(entry)).id(number.to_string())
}

fn told(name: &str, json: serde_json::Result<String>) -> Event {
    Event::default().event(name).data(json.expect("invariant: what is shown can be written as JSON"))
}
