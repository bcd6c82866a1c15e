//! What is forgotten, and when. The inbox outlives the topics (seven days) and the longest redrive.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{inbox, outbox};

/// Published rows stay this long, so that they can be sent again.
pub(crate) const OUTBOX_DAYS: i64 = 14;
const INBOX_DAYS: i64 = 30;
const INTERVAL: Duration = Duration::from_secs(3600);

/// Prunes outbox and inbox once an hour until shutdown.
pub async fn run(db: PgPool, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = prune(&db).await {
            tracing::warn!(error = %error, "outbox and inbox could not be pruned; the next hour tries again");
        }
    }
}

async fn prune(db: &PgPool) -> Result<(), sqlx::Error> {
    let mut db = db.acquire().await?;
    let now = Utc::now();
    outbox::prune(&mut db, now - TimeDelta::days(OUTBOX_DAYS)).await?;
    inbox::prune(&mut db, now - TimeDelta::days(INBOX_DAYS)).await?;
    Ok(())
}
