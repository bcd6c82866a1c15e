//! Liveness and readiness. Readiness never waits: it tells the database's last answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use sqlx::{Connection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::telemetry;

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_millis(500);
/// An answer older than this counts as none; one probe in flight may take as long.
const STALE_MS: i64 = 2_000;

/// When the database last answered, in milliseconds since this was made; negative before the first.
#[derive(Debug, Clone)]
pub struct Readiness {
    started: Instant,
    answered: Option<Arc<AtomicI64>>,
}

impl Readiness {
    /// For a service without a database: it can work as soon as it listens.
    pub fn always() -> Readiness {
        Readiness { started: Instant::now(), answered: None }
    }

    /// Asks the database in the background until shutdown.
    pub fn of_database(pool: PgPool, shutdown: CancellationToken) -> Readiness {
        let readiness =
            Readiness { started: Instant::now(), answered: Some(Arc::new(AtomicI64::new(-STALE_MS - 1))) };
        let probe = readiness.clone();
        tokio::spawn(async move {
            let mut was_ready = false;
            while !shutdown.is_cancelled() {
                let asked =
                    tokio::time::timeout(INTERVAL, async { pool.acquire().await?.ping().await }).await;
                if matches!(asked, Ok(Ok(()))) {
                    probe.note();
                }
                let is_ready = probe.ready();
                match (was_ready, asked) {
                    (true, Ok(Err(error))) if !is_ready => {
                        tracing::warn!(error = %error, "not ready: the database does not answer");
                    }
                    (true, _) if !is_ready => {
                        tracing::warn!("not ready: the database does not answer in time")
                    }
                    (false, _) if is_ready => tracing::info!("ready: the database answers"),
                    _ => {}
                }
                was_ready = is_ready;
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(INTERVAL) => {}
                }
            }
        });
        readiness
    }

    pub fn ready(&self) -> bool {
        self.answered
            .as_ref()
            .is_none_or(|answered| self.now() - answered.load(Ordering::Relaxed) <= STALE_MS)
    }

    fn note(&self) {
        if let Some(answered) = &self.answered {
            answered.store(self.now(), Ordering::Relaxed);
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// `/healthz`, `/readyz` and `/metrics`, without a token.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route(
            "/readyz",
            get(move || async move {
                if readiness.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
            }),
        )
        .route("/metrics", get(|| async { telemetry::render_metrics() }))
}
