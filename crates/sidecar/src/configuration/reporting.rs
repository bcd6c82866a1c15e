//! Tells `config` what this replica runs with: whenever that changes, and every ten seconds.

use std::time::Duration;

use contracts::Operation;
use tokio_util::sync::CancellationToken;

use super::Live;
use crate::Sidecar;

/// A replica that has said nothing for much longer than this is gone.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Runs until `shutdown`. Nothing depends on it: a report that does not arrive is followed by the next.
pub(super) async fn report(sidecar: Sidecar, mut live: Live, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => return,
        () = live.settled() => {}
    }
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    live.state.mark_unchanged();
    let mut arrives = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
            Ok(()) = live.state.changed() => {}
        }
        match sidecar.tell(Operation::ReportConfiguration, &live.report()).await {
            Ok(()) => arrives = true,
            Err(error) => {
                if std::mem::replace(&mut arrives, false) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::info!(error, "config does not hear which configuration is in force here");
                }
            }
        }
    }
}
