//! Timed work: what was not delivered, and what may be forgotten.

use contracts::App as Service;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::events;

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let db = app.db.clone();
    tokio::join!(
        sidecar::events::redeliver_job(
            Service::Notification,
            db.clone(),
            app,
            events::handle,
            shutdown.clone()
        ),
        sidecar::housekeeping::run(db, shutdown),
    );
}
