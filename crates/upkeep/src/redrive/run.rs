//! The rounds of handling again: key by key, each in the order of its sequence, at a bounded rate.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use contracts::{Permission, UserId};
use sidecar::events::{EventError, run_again};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;
use web::Problem;

use super::{Outcome, RedrivenEvent};
use crate::Messaging;
use crate::store::audit::{self, NewLine};
use crate::store::redrive::{self as store, Candidate};

/// One request takes no longer: the gateway waits twice as long for its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before what could not be handled for want of something is tried again by itself.
const PAUSE: Duration = Duration::from_secs(5);

/// What to handle, how fast, how often, and for whom.
pub(super) struct Plan<'a> {
    /// Those of a key stand together, in their order.
    pub candidates: Vec<Candidate>,
    pub rate: u32,
    pub rounds: u32,
    pub actor: UserId,
    pub reason: &'a str,
}

/// Failed events of one key that are not settled yet; with what became of the first one when it was tried.
struct Key {
    waiting: VecDeque<Candidate>,
    first: Option<Outcome>,
}

/// Handles them, and says what became of each. What fails again holds up the later ones of its key.
pub(super) async fn run(messaging: &Messaging, plan: Plan<'_>) -> Result<Vec<RedrivenEvent>, Problem> {
    let mut keys = keys(&plan.candidates);
    let mut settled = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / plan.rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let until = Instant::now() + PATIENCE;
    for _ in 0..plan.rounds {
        for key in &mut keys {
            while let Some(candidate) = key.waiting.front() {
                if Instant::now() >= until {
                    return Ok(all(settled, keys));
                }
                pace.tick().await;
                let outcome = attempt(messaging, &plan, candidate, key.first.is_none()).await?;
                let label = ("outcome", outcome.label());
                metrics::counter!("failed_events_redriven_total", &[label]).increment(1);
                if matches!(outcome, Outcome::Refused | Outcome::Postponed) {
                    key.first = Some(outcome);
                    break;
                }
                settled.push(RedrivenEvent { id: candidate.id, outcome });
                key.waiting.pop_front();
                key.first = None;
            }
        }
    }
    Ok(all(settled, keys))
}

fn keys(candidates: &[Candidate]) -> Vec<Key> {
    let key = |candidate: &Candidate| (candidate.topic.clone(), candidate.subject.unwrap_or(candidate.id));
    candidates
        .chunk_by(|one, next| key(one) == key(next))
        .map(|of_key| Key { waiting: of_key.iter().cloned().collect(), first: None })
        .collect()
}

fn all(mut settled: Vec<RedrivenEvent>, keys: Vec<Key>) -> Vec<RedrivenEvent> {
    for key in keys {
        let outcomes =
            std::iter::once(key.first.unwrap_or(Outcome::Left)).chain(std::iter::repeat(Outcome::Left));
        let events = key.waiting.into_iter().zip(outcomes);
        settled.extend(events.map(|(candidate, outcome)| RedrivenEvent { id: candidate.id, outcome }));
    }
    settled
}

/// One attempt. Its line is committed before the handler runs, so that nothing happens of which there is none; a
/// process that ends in between leaves the event open, and the inbox knows whether it was handled.
async fn attempt(
    messaging: &Messaging,
    plan: &Plan<'_>,
    candidate: &Candidate,
    first: bool,
) -> Result<Outcome, Problem> {
    let now = Utc::now().trunc_subsecs(6);
    let mut tx = messaging.db.begin().await?;
    let Some(payload) = store::lock_attempt(&mut tx, candidate.id, now).await? else {
        return Ok(Outcome::AlreadyHandled);
    };
    if first {
        audit::insert_line(&mut tx, &line(plan, candidate.id, now)).await?;
    }
    tx.commit().await?;

    let outcome = run_again(messaging.app, &candidate.topic, &payload, &messaging.handle).await;
    let mut db = messaging.db.acquire().await?;
    match outcome {
        Ok(()) => {
            store::update_handled(&mut db, candidate.id, Utc::now()).await?;
            Ok(Outcome::Handled)
        }
        Err(EventError::Drop(why)) => {
            store::update_refused(&mut db, candidate.id, &why).await?;
            Ok(Outcome::Refused)
        }
        Err(EventError::Retry(error)) => {
            store::update_postponed(&mut db, candidate.id, &format!("{error:#}"), now, PAUSE).await?;
            Ok(Outcome::Postponed)
        }
    }
}

fn line<'a>(plan: &Plan<'a>, failed_event_id: Uuid, at: DateTime<Utc>) -> NewLine<'a> {
    NewLine {
        at,
        actor: plan.actor,
        permission: Permission::EventsRedrive,
        act: "redrive",
        failed_event_id,
        reason: plan.reason,
    }
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Outcome::Handled => "handled",
            Outcome::AlreadyHandled => "already_handled",
            Outcome::Refused => "refused",
            Outcome::Postponed => "postponed",
            Outcome::Left => "left",
        }
    }
}
