//! Forgetting customers whose accounts were deleted, order by order: what is still to be sent keeps its address until
//! it has left.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::forgotten;

const INTERVAL: Duration = Duration::from_secs(60);
/// By then no token of a deleted account is left, and no request that it sent.
const LAST_ORDERS: TimeDelta = TimeDelta::hours(1);

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
            Ok(orders) => tracing::info!(orders, "orders of deleted accounts lost their addresses"),
            Err(error) => tracing::warn!(error = %error, "deleted accounts could not be forgotten yet"),
        }
    }
}

/// Forgets what may be forgotten by now; says of how many orders.
///
/// # Errors
/// When the database fails; the next turn goes on.
pub async fn forget(app: &App) -> Result<u64, sqlx::Error> {
    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    let orders = forget_in(&mut tx, now).await?;
    forgotten::update_done(&mut tx, now - LAST_ORDERS, now).await?;
    tx.commit().await?;
    Ok(orders)
}

/// The same in a transaction of somebody else's. What staff were answered before an order lost its address goes with
/// the address; what they are answered after holds none.
///
/// # Errors
/// When the database fails.
pub async fn forget_in(tx: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let orders = forgotten::update_forgotten(tx, now).await?;
    forgotten::update_words(tx).await?;
    forgotten::delete_answers(tx).await?;
    if orders > 0 {
        forgotten::delete_answers_of_staff(tx).await?;
    }
    Ok(orders)
}
