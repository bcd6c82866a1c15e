//! Applies what the card processor tells of its own accord, in the order of its arrival. What matches nothing yet is
//! tried again for a day.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::OrderId;
use sidecar::fail_points;
use sqlx::{Acquire, PgConnection, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use super::Turn;
use crate::app::App;
use crate::domain::webhook::{Told, Verdict};
use crate::domain::{Input, Payment};
use crate::events;
use crate::store::payments::{self, StoredPayment, Trail};
use crate::store::webhooks::{self, Fate, WaitingEvent};

/// How soon an event is seen that nobody was woken for: back-offs, and what a dead replica left.
const POLL: Duration = Duration::from_secs(1);
/// An event that matches nothing is tried again for so long.
const TRIED_FOR: TimeDelta = TimeDelta::days(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);
const MOST_DOUBLINGS: u32 = 10;
/// What the table takes.
const LONGEST_DETAIL: usize = 255;
/// What was applied is kept for so long.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(apply_all(app.clone(), shutdown.clone()), forget(app, shutdown));
}

async fn apply_all(app: App, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = app.told.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
        while !shutdown.is_cancelled() {
            match apply_once(&app).await {
                Ok(Turn::Worked) => {}
                Ok(Turn::Idle) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "an event of the provider could not be applied");
                    break;
                }
            }
        }
    }
}

async fn forget(app: App, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
        if let Err(error) = delete_old(&app).await {
            tracing::warn!(error = %error, "old events of the provider could not be deleted");
        }
    }
}

async fn delete_old(app: &App) -> Result<u64, sqlx::Error> {
    let before = app.clock.now() - KEPT_FOR;
    webhooks::delete_events(&mut *app.db.acquire().await?, before).await
}

/// Applies the event that came first of those that wait.
///
/// # Errors
/// When the database fails.
pub async fn apply_once(app: &App) -> Result<Turn, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let Some(event) = webhooks::lock_waiting_event(&mut tx, now).await? else {
        return Ok(Turn::Idle);
    };
    let fate = apply(&mut tx, &event, now).await?;
    webhooks::update_event(&mut tx, &event.id, &fate).await?;
    fail_points::commit(tx, contracts::App::Payment, "webhook").await?;
    note(&event, &fate);
    app.wake();
    Ok(Turn::Worked)
}

/// What cannot be read, the event or its payment, waits as well: it must not keep those behind it.
async fn apply(
    tx: &mut Transaction<'_, Postgres>,
    event: &WaitingEvent,
    now: DateTime<Utc>,
) -> Result<Fate, sqlx::Error> {
    let told = match &event.told {
        Ok(told) => told,
        Err(unreadable) => return Ok(keep_waiting(event, unreadable, now)),
    };
    let mut inner = tx.begin().await?;
    match take(&mut inner, told, now).await {
        Ok(Taken::Ended(fate)) => {
            inner.commit().await?;
            Ok(fate)
        }
        Ok(Taken::MatchesNothing(what)) => Ok(keep_waiting(event, what, now)),
        Err(sqlx::Error::Decode(unreadable)) => {
            inner.rollback().await?;
            Ok(keep_waiting(event, &unreadable.to_string(), now))
        }
        Err(error) => Err(error),
    }
}

enum Taken {
    Ended(Fate),
    MatchesNothing(&'static str),
}

async fn take(tx: &mut PgConnection, told: &Told, now: DateTime<Utc>) -> Result<Taken, sqlx::Error> {
    let Some(order_id) = find_order(tx, told).await? else {
        return Ok(Taken::MatchesNothing("it names no order that is known"));
    };
    let Some(stored) = payments::lock_payment(tx, order_id).await? else {
        return Ok(Taken::MatchesNothing("the order is not known yet"));
    };
    Ok(match told.verdict(&stored.payment) {
        Verdict::Apply(input) => {
            take_in(tx, stored, vec![*input], &told.event_id, now).await?;
            Taken::Ended(Fate::Applied)
        }
        Verdict::Ignore => Taken::Ended(Fate::Ignored),
        Verdict::Unmatched(what) => Taken::MatchesNothing(what),
        Verdict::Differs(detail) => Taken::Ended(Fate::Differs { detail }),
    })
}

async fn find_order(tx: &mut PgConnection, told: &Told) -> Result<Option<OrderId>, sqlx::Error> {
    match (told.order_id, &told.intent) {
        (Some(order_id), _) => Ok(Some(order_id)),
        (None, Some(intent)) => webhooks::find_order_of_intent(tx, intent).await,
        (None, None) => Ok(None),
    }
}

/// Adds what was seen at the provider to a payment that is locked; gives back what it is afterwards.
pub(super) async fn take_in(
    tx: &mut PgConnection,
    stored: StoredPayment,
    inputs: Vec<Input>,
    cause: &str,
    now: DateTime<Utc>,
) -> Result<Payment, sqlx::Error> {
    let StoredPayment { mut payment, cause: before } = stored;
    let trail = Trail { causation_id: Some(cause.to_owned()), ..before };
    for input in inputs {
        let (after, events, effects) = payment.react(input, now);
        events::keep(tx, &after, &trail, events, effects, now).await?;
        payment = after;
    }
    Ok(payment)
}

fn keep_waiting(event: &WaitingEvent, detail: &str, now: DateTime<Utc>) -> Fate {
    let detail: String = detail.chars().take(LONGEST_DETAIL).collect();
    if now - event.received_at >= TRIED_FOR {
        return Fate::Unmatched { detail };
    }
    let pause = (TimeDelta::seconds(1) * (1 << event.tries.min(MOST_DOUBLINGS))).min(LONGEST_PAUSE);
    Fate::Waiting { detail, next_at: now + pause }
}

fn note(event: &WaitingEvent, fate: &Fate) {
    let (id, kind) = (&event.id, &event.kind);
    match fate {
        Fate::Applied | Fate::Ignored => {
            tracing::info!(provider.event = id, provider.kind = kind, "took an event of the provider");
        }
        Fate::Waiting { detail, .. } => {
            tracing::info!(provider.event = id, provider.kind = kind, detail, "an event matches nothing yet");
        }
        Fate::Unmatched { detail } | Fate::Differs { detail } => {
            tracing::warn!(provider.event = id, provider.kind = kind, detail, "an event needs a person");
        }
    }
}
