//! Timed work: this replica's own report, trials that are running, and answers whose time is over.

pub mod trials;

use sidecar::configuration::REPORTS;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::App;

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(
        report(app.clone(), shutdown.clone()),
        trials::run(app.clone(), shutdown.clone()),
        web::idempotency::housekeeping(app.db, shutdown)
    );
}

/// The other services report through their sidecars; this one keeps its own word.
async fn report(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(REPORTS);
    let mut kept = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match api::note_own(&app).await {
            Ok(()) => kept = true,
            Err(error) => {
                if std::mem::replace(&mut kept, false) {
                    tracing::warn!(error = %error, "this replica's own report could not be kept");
                }
            }
        }
    }
}
