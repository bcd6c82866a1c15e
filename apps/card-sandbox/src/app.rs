//! The state, how it is put together, and serving.

pub mod till;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::api;
use crate::config::{ApiKey, Config};
use crate::domain::FreshIds;
use till::Till;

/// Work in hand gets this long to end.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct App {
    pub till: Till,
    pub api_key: ApiKey,
    pub clock: Clock,
    pub late_after: Duration,
    stopping: watch::Sender<bool>,
}

#[derive(Debug, Clone)]
pub enum Clock {
    System,
    /// For tests: time passes when it is told to.
    Fixed(Arc<Mutex<DateTime<Utc>>>),
}

impl App {
    pub fn open(config: &Config, clock: Clock) -> anyhow::Result<App> {
        Ok(App {
            till: Till::open(&config.log)?,
            api_key: config.api_key.clone(),
            clock,
            late_after: config.late_after,
            stopping: watch::Sender::new(false),
        })
    }

    pub fn now(&self) -> DateTime<Utc> {
        match &self.clock {
            Clock::System => Utc::now(),
            Clock::Fixed(now) => *now.lock().expect("invariant: nobody panics holding the clock"),
        }
    }

    /// Ends what would otherwise wait for ever.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when the app stops.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender is our own, so there is no other way for this to end.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Identifiers that sort by the time they were made.
pub fn fresh_ids() -> FreshIds {
    let id = |prefix: &str| format!("{prefix}_{}", uuid::Uuid::now_v7().simple());
    FreshIds { payment_intent: id("pi"), charge: id("ch"), refund: id("re") }
}

pub async fn run(config: Config) -> anyhow::Result<()> {
    let app = App::open(&config, Clock::System)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("SANDBOX_LISTEN {}", config.listen))?;
    tracing::info!(address = %listener.local_addr()?, log = %config.log.display(), "listening");
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let log_lost = app.till.lost();
    let asked = app.clone();
    let until = async move {
        let failed = tokio::select! {
            _ = terminate.recv() => false,
            _ = interrupt.recv() => false,
            () = log_lost => true,
        };
        asked.stop();
        failed
    };
    let failed = serve(app, listener, until).await?;
    anyhow::ensure!(!failed, "the log could not be written");
    tracing::info!("stopped");
    Ok(())
}

/// Serves until the given future ends, and gives back what it said.
pub async fn serve<T: Send + 'static>(
    app: App,
    listener: TcpListener,
    until: impl Future<Output = T> + Send + 'static,
) -> anyhow::Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let stopping = app.clone();
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "a connection keeps its delay");
        }
    });
    let server = axum::serve(listener, api::router(app)).with_graceful_shutdown(async move {
        let said = until.await;
        stopping.stop();
        let _ = tell.send(said);
    });
    let server = tokio::spawn(server.into_future());
    let said = told.await.context("the server ended by itself")?;
    match tokio::time::timeout(GRACE, server).await {
        Ok(ended) => ended??,
        Err(_) => tracing::warn!("stopped with requests in hand"),
    }
    Ok(said)
}
