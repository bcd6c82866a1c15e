//! Timed work: keeps `/openapi.json` as the services describe themselves, hears what was revoked, and tells the audit
//! log.

pub mod audit;
pub mod revocations;

use std::time::Duration;

use contracts::{App as Service, Operation};
use tokio_util::sync::CancellationToken;

use crate::api::{describing, own_requests};
use crate::app::App;

/// Until every service has described itself.
const SOON: Duration = Duration::from_secs(1);
/// A service that was replaced may describe itself otherwise.
const LATER: Duration = Duration::from_secs(30);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(
        documents(app.clone(), shutdown.clone()),
        revocations::run(app.clone(), shutdown.clone()),
        audit::run(app, shutdown),
    );
}

async fn documents(app: App, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = gather(&app) => {}
        }
        let pause = if app.documents.complete() { LATER } else { SOON };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Asks every service for its part of the document; those that are away keep the part they gave before.
pub async fn gather(app: &App) {
    let asked = Service::ALL.into_iter().filter_map(|service| Some((service, describing(service)?)));
    futures::future::join_all(asked.map(|(service, operation)| gather_part(app, service, operation))).await;
}

async fn gather_part(app: &App, service: Service, operation: Operation) {
    let given = match app.sidecar.read(operation, own_requests()).await {
        Ok(given) => given,
        Err(error) => {
            tracing::debug!(service = service.name(), error = %error, "a service has not described itself");
            return;
        }
    };
    // Mostly it is what it was; and what is new is much work, which must keep no request waiting.
    if app.documents.known(service, &given) {
        return;
    }
    let taking = app.clone();
    let taken = tokio::task::spawn_blocking(move || taking.documents.put(service, &given)).await;
    if let Err(error) = taken.map_err(anyhow::Error::from).and_then(|taken| taken) {
        tracing::error!(error = format!("{error:#}"), "the services' documents cannot be put together");
    }
}
