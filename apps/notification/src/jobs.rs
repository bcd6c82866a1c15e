//! Timed work: mails, what was not delivered, and what may be forgotten.

pub mod mails;

use std::time::Duration;

use chrono::TimeDelta;
use contracts::App as Service;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::events;
use crate::store;

const INTERVAL: Duration = Duration::from_secs(60);
/// What is written of somebody who is being forgotten is written by then.
const LAST_MESSAGES: TimeDelta = TimeDelta::hours(1);
/// Settled mails are of use for looking back for this long.
const LOOKING_BACK: TimeDelta = TimeDelta::days(30);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let db = app.db.clone();
    tokio::join!(
        sidecar::events::redeliver_job(
            Service::Notification,
            db.clone(),
            app.clone(),
            events::handle,
            shutdown.clone()
        ),
        mails::run(app.clone(), shutdown.clone()),
        forget(app, shutdown.clone()),
        sidecar::housekeeping::run(db, shutdown),
    );
}

async fn forget(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = forget_once(&app).await {
            tracing::warn!(error = %error, "what may be forgotten could not be yet");
        }
    }
}

/// Forgets old mails, and what was written while its reader was being forgotten.
///
/// # Errors
/// When the database fails.
pub async fn forget_once(app: &App) -> Result<(), sqlx::Error> {
    let now = app.clock.now();
    let mut db = app.db.acquire().await?;
    store::mails::delete_old_mails(&mut db, now - LOOKING_BACK).await?;
    store::accounts::update_all_illegible(&mut db, now - LAST_MESSAGES).await
}
