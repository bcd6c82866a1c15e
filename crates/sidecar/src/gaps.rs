//! Events that were published and never arrived. Nothing is written for them: the publisher's outbox says what was
//! sent, the own inbox and failed events say what arrived.
//!
//! A publisher is asked for what it has published up to a while ago. What is missing here by then is reported, and
//! asked for again until it is there. An event that is merely late arrives twice, and the inbox drops it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::facts::{EventIds, MOST, PublishedEvents, PublishedQuery, Resent};
use contracts::{App, EventId, Operation};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::housekeeping::OUTBOX_DAYS;
use crate::{InvokeError, Sidecar, inbox};

/// How often publishers are asked.
const EVERY: Duration = Duration::from_secs(15);
const SHORTEST: Duration = Duration::from_millis(200);
/// What was looked at is looked at again for as long as two clocks may differ and a relay's transaction may last.
const OVERLAP: TimeDelta = TimeDelta::seconds(30);
/// The first span of time asked for; it grows while little is found, and shrinks when a page does not hold it.
const SPAN: TimeDelta = TimeDelta::hours(1);
const LONGEST_SPAN: TimeDelta = TimeDelta::days(1);
const SHORTEST_SPAN: TimeDelta = TimeDelta::seconds(10);
/// So many ids stand in a log line.
const NAMED: usize = 20;

/// Looks for gaps until `shutdown`. `age` is how old an event is before it counts as missing.
pub async fn job(
    subscriber: App,
    pool: PgPool,
    sidecar: Sidecar,
    age: Duration,
    shutdown: CancellationToken,
) {
    let mut gaps = Gaps::new(subscriber, pool, sidecar, age);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY.min(age).max(SHORTEST)) => {}
        }
        // The first look may read a long history; what it has seen by the end of the process is of no use.
        tokio::select! {
            () = shutdown.cancelled() => return,
            _missing = gaps.look(Utc::now()) => {}
        }
    }
}

/// Why a publisher could not be compared with.
#[derive(Debug, thiserror::Error)]
enum GapError {
    #[error("the inbox cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("the publisher cannot be asked")]
    Publisher(#[from] InvokeError),
}

/// What one subscriber knows of what it misses.
pub struct Gaps {
    subscriber: App,
    pool: PgPool,
    sidecar: Sidecar,
    age: TimeDelta,
    /// Up to when each publisher's events have been looked at.
    seen: BTreeMap<App, DateTime<Utc>>,
    /// What is missing of each publisher, and when it was last asked for.
    missing: BTreeMap<App, BTreeMap<EventId, Option<DateTime<Utc>>>>,
}

impl Gaps {
    pub fn new(subscriber: App, pool: PgPool, sidecar: Sidecar, age: Duration) -> Gaps {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        Gaps { subscriber, pool, sidecar, age, seen: BTreeMap::new(), missing: BTreeMap::new() }
    }

    /// Compares with every publisher, and has sent again what was missing the last time and still is; how many are
    /// missing now.
    pub async fn look(&mut self, now: DateTime<Utc>) -> usize {
        for publisher in contracts::event::subscriptions(self.subscriber) {
            if let Err(error) = self.compare(publisher, now).await {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(topic = publisher.name(), error, "gaps could not be looked for");
            }
            let missing = self.missing.get(&publisher).map_or(0, BTreeMap::len);
            metrics::gauge!("events_missing", "topic" => publisher.name())
                .set(u32::try_from(missing).unwrap_or(u32::MAX));
        }
        self.missing.values().map(BTreeMap::len).sum()
    }

    async fn compare(&mut self, publisher: App, now: DateTime<Utc>) -> Result<(), GapError> {
        self.forget_arrived(publisher).await?;
        // Only what was missing the last time too: after a standstill much is late, and on its way.
        self.ask_again(publisher, now).await?;
        self.read_on(publisher, now).await
    }

    async fn forget_arrived(&mut self, publisher: App) -> Result<(), GapError> {
        let Some(missing) = self.missing.get_mut(&publisher).filter(|missing| !missing.is_empty()) else {
            return Ok(());
        };
        let ids: Vec<EventId> = missing.keys().copied().collect();
        let still = unknown(&self.pool, &ids).await?;
        let before = missing.len();
        missing.retain(|id, _| still.contains(id));
        if missing.len() < before {
            let arrived = before - missing.len();
            tracing::info!(topic = publisher.name(), arrived, left = missing.len(), "missing events arrived");
        }
        Ok(())
    }

    /// Looks at what was published since the last time; the first time as far back as outboxes keep it.
    async fn read_on(&mut self, publisher: App, now: DateTime<Utc>) -> Result<(), GapError> {
        let until = now - self.age;
        let oldest = now - TimeDelta::days(OUTBOX_DAYS);
        let mut from = self.seen.get(&publisher).map_or(oldest, |seen| *seen - OVERLAP);
        let mut after = None;
        let mut span = SPAN;
        while from < until {
            let end = until.min(from + span);
            let page = self.published(publisher, from, end, after).await?;
            self.note(publisher, page.events.iter().map(|event| event.id).collect()).await?;
            let last = page.events.last().and_then(|event| Some((event.published_at?, event.id)));
            match last.filter(|_| page.events.len() >= MOST) {
                Some((at, id)) => {
                    (from, after) = (at, Some((at, id)));
                    span = (span / 4).max(SHORTEST_SPAN);
                }
                None => {
                    (from, after) = (end, None);
                    span = (span * 2).min(LONGEST_SPAN);
                    self.seen.insert(publisher, end);
                }
            }
        }
        Ok(())
    }

    async fn published(
        &self,
        publisher: App,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        after: Option<(DateTime<Utc>, EventId)>,
    ) -> Result<PublishedEvents, InvokeError> {
        let query = PublishedQuery::Span { subscriber: self.subscriber, from, until, after };
        self.sidecar.invoke(list_published(publisher), Some(&query)).await
    }

    async fn note(&mut self, publisher: App, ids: Vec<EventId>) -> Result<(), GapError> {
        let missing = self.missing.entry(publisher).or_default();
        let unknown = unknown(&self.pool, &ids).await?;
        let new: Vec<EventId> = unknown.into_iter().filter(|id| !missing.contains_key(id)).collect();
        if !new.is_empty() {
            let named: Vec<String> = new.iter().take(NAMED).map(EventId::to_string).collect();
            tracing::warn!(
                topic = publisher.name(),
                missing = new.len(),
                event.ids = named.join(" "),
                "published events have not arrived"
            );
            missing.extend(new.into_iter().map(|id| (id, None)));
        }
        Ok(())
    }

    /// Asks for what is missing, once for each time that it has had to arrive; the oldest first, and never so many
    /// that a subscriber that is merely slow is kept busy with what it has twice.
    async fn ask_again(&mut self, publisher: App, now: DateTime<Utc>) -> Result<(), GapError> {
        let patience = self.age;
        let Some(missing) = self.missing.get_mut(&publisher) else { return Ok(()) };
        let due = missing.iter_mut().filter(|(_, asked)| asked.is_none_or(|asked| now - asked >= patience));
        let mut due: Vec<(&EventId, &mut Option<DateTime<Utc>>)> = due.take(MOST).collect();
        if due.is_empty() {
            return Ok(());
        }
        let ids = EventIds { event_ids: due.iter().map(|(id, _)| **id).collect() };
        let answer: Resent = self.sidecar.invoke(resend(publisher), Some(&ids)).await?;
        due.iter_mut().for_each(|(_, asked)| **asked = Some(now));
        metrics::counter!("events_resent_total", "topic" => publisher.name()).increment(answer.resent);
        tracing::info!(
            topic = publisher.name(),
            asked = ids.event_ids.len(),
            resent = answer.resent,
            "missing events are sent again"
        );
        Ok(())
    }
}

/// Those of the events of which nothing is known here.
async fn unknown(pool: &PgPool, ids: &[EventId]) -> Result<HashSet<EventId>, sqlx::Error> {
    let mut unknown: HashSet<EventId> = ids.iter().copied().collect();
    if unknown.is_empty() {
        return Ok(unknown);
    }
    let known = inbox::check(&mut *pool.acquire().await?, ids).await?;
    for id in known.handled.iter().chain(&known.failed).chain(&known.discarded) {
        unknown.remove(id);
    }
    Ok(unknown)
}

fn list_published(publisher: App) -> Operation {
    of(publisher, "list_published")
}

fn resend(publisher: App) -> Operation {
    of(publisher, "resend")
}

fn of(publisher: App, verb: &str) -> Operation {
    contracts::operation::owned_by(publisher)
        .find(|row| {
            row.name.strip_prefix(verb).and_then(|name| name.strip_prefix('_')) == Some(publisher.name())
        })
        .map(|row| row.operation)
        .expect("invariant: every publisher owns these operations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_publisher_can_be_asked_by_those_who_hear_it() {
        for subscriber in App::ALL {
            for publisher in contracts::event::subscriptions(subscriber) {
                for operation in [list_published(publisher), resend(publisher)] {
                    assert!(
                        operation.row().callers.contains(&subscriber),
                        "{subscriber} {}",
                        operation.name()
                    );
                }
            }
        }
    }
}
