//! Timed work on signing keys and revocations: what other replicas changed is read, a new key is made when it is
//! due, and what no token needs any more is forgotten.

use std::time::Duration;

use chrono::TimeDelta;
use contracts::configuration::USER_SIGNING_KEY_AGE;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::keys::Due;
use crate::domain::token::LIFETIME;
use crate::store::revocations::{delete_old_revocations, kept_for};

/// Well below the time for which a new key is given out before it signs.
const INTERVAL: Duration = Duration::from_secs(5);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = keep(&app).await {
            tracing::warn!(error = format!("{error:#}"), "the signing keys could not be looked after");
        }
    }
}

/// One look at the keys.
///
/// # Errors
/// When the database fails.
pub async fn keep(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    app.keys.refresh(&app.db).await?;
    let age = TimeDelta::from_std(app.live.get(&USER_SIGNING_KEY_AGE))?;
    if crate::domain::token::rotation_due(&app.keys.terms(), age, now)
        && let Some(made) = app.keys.rotate(&app.db, Due::After(age), now).await?
    {
        tracing::info!(key.id = made.kid, "a new key will sign access tokens");
    }
    app.keys.retire(&app.db, now).await?;
    delete_old_revocations(&mut *app.db.acquire().await?, now - kept_for(LIFETIME)).await?;
    Ok(())
}
