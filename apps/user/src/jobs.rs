//! Timed work: looking after those who forgot their password, and forgetting what is of no use any more.

pub mod keys;
pub mod resets;

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::throttle::WINDOW;
use crate::store::{self, api_keys, mails, profiles, sessions};

const INTERVAL: Duration = Duration::from_secs(60);
/// Sessions, API keys and mails are of use for looking back for this long after their end.
const LOOKING_BACK: TimeDelta = TimeDelta::days(30);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(
        forget(app.clone(), shutdown.clone()),
        resets::run(app.clone(), shutdown.clone()),
        keys::run(app.clone(), shutdown.clone()),
        sidecar::housekeeping::run(app.db.clone(), shutdown.clone()),
        web::idempotency::housekeeping(app.db, shutdown),
    );
}

async fn forget(app: App, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = forget_failures(&app).await {
            tracing::warn!(error = %error, "failed log-ins could not be forgotten");
        }
        if let Err(error) = forget_ended(&app).await {
            tracing::warn!(error = %error, "what ended long ago could not be forgotten");
        }
    }
}

/// Counters whose window has ended count for nothing.
///
/// # Errors
/// When the database fails.
pub async fn forget_failures(app: &App) -> Result<(), sqlx::Error> {
    let mut db = app.db.acquire().await?;
    store::delete_old_failures(&mut db, app.clock.now() - WINDOW).await
}

/// Sessions that ended long ago with their tokens, API keys, mails whose codes expired long ago, and what was left
/// behind by accounts that were deleted.
///
/// # Errors
/// When the database fails.
pub async fn forget_ended(app: &App) -> Result<(), sqlx::Error> {
    let before = app.clock.now() - LOOKING_BACK;
    let mut db = app.db.acquire().await?;
    sessions::delete_old_sessions(&mut db, before).await?;
    api_keys::delete_old_api_keys(&mut db, before).await?;
    profiles::delete_left_behind(&mut db).await?;
    mails::delete_old_mails(&mut db, before).await
}
