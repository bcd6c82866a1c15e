//! Hears the feed of revocations every two seconds.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use contracts::Operation;
use contracts::identity::{ReadRevocations, Revocations};
use tokio_util::sync::CancellationToken;

use crate::api::own_requests;
use crate::app::App;

const INTERVAL: Duration = Duration::from_secs(2);
/// `user` answers within this, or is asked again at the next turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// A token lives a quarter of an hour; this much longer for clocks that differ.
const KEPT: TimeDelta = TimeDelta::minutes(17);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        let heard = tokio::time::timeout(PATIENCE, hear(&app)).await;
        if let Err(error) = heard.map_err(anyhow::Error::from).and_then(|heard| heard) {
            tracing::warn!(error = format!("{error:#}"), "it was not heard whose rights were withdrawn");
        }
        if let Some(age) = app.revocations.age() {
            metrics::gauge!("gateway_revocations_age_seconds")
                .set(u32::try_from(age.as_secs()).unwrap_or(u32::MAX));
        }
    }
}

/// Reads on from where the last reading began to be sure of what it saw.
///
/// # Errors
/// When `user` cannot be reached.
pub async fn hear(app: &App) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut cursor = app.revocations.cursor();
    let mut resume = None;
    loop {
        let asked = ReadRevocations { cursor };
        let part: Revocations =
            app.sidecar.invoke_with(Operation::ReadRevocations, own_requests(), Some(&asked)).await?;
        app.revocations.hear(&part.items);
        let resume = resume.get_or_insert(part.resume);
        cursor = part.next;
        if cursor.is_none() {
            app.revocations.heard(begun, resume.clone(), Utc::now() - KEPT);
            return Ok(());
        }
    }
}
