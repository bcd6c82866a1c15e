//! Timed work: forgetting log-ins that failed long ago.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::throttle::WINDOW;
use crate::store;

const INTERVAL: Duration = Duration::from_secs(60);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
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
