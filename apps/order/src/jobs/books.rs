//! Checks the books from time to time: every order that has changed, and a part of everything in turn. One replica at
//! a time; the others show what it found.

mod gather;
mod look;
mod round;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::configuration::ORDER_BOOKS_INTERVAL;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::books::Report;
use crate::store::books::kept;

pub use round::{Wanted, check};

/// How often this service says that it is there; a word that is three late is an absence.
const HEARTBEAT: Duration = Duration::from_secs(1);
const ABSENCE: TimeDelta = TimeDelta::seconds(3);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    // When the last check ended, in milliseconds; none yet is long ago.
    let checked_at = AtomicI64::new(0);
    tokio::join!(note_presence(&app, &checked_at, &shutdown), check_in_time(&app, &checked_at, &shutdown));
}

async fn note_presence(app: &App, checked_at: &AtomicI64, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = app.clock.now();
        let noted = async { kept::note_awake(&mut *app.db.acquire().await?, now, now - ABSENCE).await }.await;
        if let Err(error) = noted {
            tracing::warn!(error = %error, "the books could not note that this service is there");
        }
        let age = (now.timestamp_millis() - checked_at.load(Ordering::Relaxed)) / 1000;
        metrics::gauge!("books_age_seconds").set(u32::try_from(age).unwrap_or(u32::MAX));
    }
}

async fn check_in_time(app: &App, checked_at: &AtomicI64, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let checked = tokio::select! {
            () = shutdown.cancelled() => return,
            checked = check_when_due(app) => checked,
        };
        match checked {
            Ok(Some(report)) => {
                checked_at.store(report.ended_at.timestamp_millis(), Ordering::Relaxed);
                measure(&report);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %error, "the books could not be checked"),
        }
    }
}

/// The last report, which may be of another replica; a new one when it is old.
async fn check_when_due(app: &App) -> Result<Option<Report>, sqlx::Error> {
    let interval = app.live.get(&ORDER_BOOKS_INTERVAL);
    let last = kept::find_last_check(&mut *app.db.acquire().await?).await?.map(|last| last.report);
    let due = |report: &Report, now: DateTime<Utc>| {
        (now - report.ended_at).to_std().is_ok_and(|age| age >= interval)
    };
    if last.as_ref().is_some_and(|report| !due(report, app.clock.now())) {
        return Ok(last);
    }
    let report = check(app, Wanted::InTime).await?;
    if let Some(report) = &report {
        say(report);
    }
    Ok(report.or(last))
}

fn measure(report: &Report) {
    for statement in &report.statements {
        metrics::gauge!("books_violations", "statement" => statement.statement.name())
            .set(u32::try_from(statement.violated).unwrap_or(u32::MAX));
    }
    metrics::gauge!("books_checked_orders").set(u32::try_from(report.checked.orders).unwrap_or(u32::MAX));
    metrics::gauge!("books_left_out_orders").set(u32::try_from(report.checked.left_out).unwrap_or(u32::MAX));
}

fn say(report: &Report) {
    let (orders, left_out) = (report.checked.orders, report.checked.left_out);
    if report.green {
        tracing::debug!(orders, left_out, "the books agree");
        return;
    }
    let unreachable = report.unreachable.join(" ");
    let violated: u64 = report.statements.iter().map(|statement| statement.violated).sum();
    tracing::warn!(
        orders,
        left_out,
        violated,
        unreachable,
        "the books do not agree, or could not be seen whole"
    );
}
