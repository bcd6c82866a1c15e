//! Sends what is to be told of refusals and outcomes to the audit log.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Refusals of one kind within this time are one line.
const INTERVAL: Duration = Duration::from_secs(2);

/// Runs until shutdown, and sends what is left at the end.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let ended = tokio::select! {
            () = shutdown.cancelled() => true,
            _ = interval.tick() => false,
        };
        if let Err(error) = app.audit.send(&app.sidecar).await {
            tracing::warn!(error = format!("{error:#}"), "lines for the audit log wait");
        }
        if ended {
            return;
        }
    }
}
