//! Forgetting the ways to pay of customers whose accounts were deleted, once nothing is charged with them any more.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::forgotten;

const INTERVAL: Duration = Duration::from_secs(60);
/// By then no token of a deleted account is left, and no request that it sent.
const LAST_METHODS: TimeDelta = TimeDelta::hours(1);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match forget(&app).await {
            Ok(0) => {}
            Ok(methods) => tracing::info!(methods, "payment methods of deleted accounts were forgotten"),
            Err(error) => tracing::warn!(error = %error, "deleted accounts could not be forgotten yet"),
        }
    }
}

/// Forgets what may be forgotten by now; says how many methods.
///
/// # Errors
/// When the database fails; the next turn goes on.
pub async fn forget(app: &App) -> Result<u64, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let methods = forgotten::update_forgotten(&mut tx, now).await?;
    forgotten::delete_answers(&mut tx).await?;
    forgotten::update_done(&mut tx, now - LAST_METHODS, now).await?;
    tx.commit().await?;
    Ok(methods)
}
