//! The state, how it is put together, and serving.

pub mod keyring;
pub mod till;

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::api;
use crate::config::Config;
use crate::domain::FreshIds;
use crate::domain::book::Book;
use crate::domain::entry::Entry;
use crate::domain::fold::Object;
use crate::jobs::{self, Early, Webhooks};
use crate::store::LogFailed;
use keyring::Keyring;
use till::{Draft, Till, Written};

/// Work in hand gets this long to end.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct App {
    pub till: Till,
    pub keyring: Keyring,
    pub clock: Clock,
    pub late_after: Duration,
    pub webhooks: Option<Webhooks>,
    /// Where browsers find this processor; known at the latest when it listens.
    public_url: Arc<OnceLock<String>>,
    stopping: watch::Sender<bool>,
}

/// A change that is made, on its way to the disk and to whoever is told of it before the caller.
#[must_use]
pub struct Done {
    written: Written,
    early: Early,
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
            keyring: Keyring::open(&config.secrets)?,
            clock,
            late_after: config.late_after,
            webhooks: config.webhook.as_ref().map(Webhooks::new).transpose()?,
            public_url: Arc::new(config.public_url.clone().map(OnceLock::from).unwrap_or_default()),
            stopping: watch::Sender::new(false),
        })
    }

    /// Decides and changes the book, and sets out the webhooks that tell of it.
    pub fn write<T, E: From<LogFailed>>(
        &self,
        decide: impl FnOnce(&Book, DateTime<Utc>) -> Result<(Draft, T), E>,
    ) -> Result<(T, Done), E> {
        let now = self.now();
        let (mut announced, mut failing) = (Vec::new(), Vec::new());
        let (decided, written) = self.till.write(now, |book| {
            let (mut draft, decided) = decide(book, now)?;
            failing = refunds_to_fail(book, &draft.entries, now);
            if self.webhooks.is_some() {
                announced = book
                    .announcements(&draft.entries, now, || fresh_id("evt"))
                    .expect("invariant: it was decided upon this very book");
                draft.entries.extend(announced.iter().cloned().map(Entry::Announced));
            }
            Ok::<_, E>((draft, decided))
        })?;
        for refund in failing {
            tokio::spawn(jobs::fail_refund(self.clone(), refund));
        }
        Ok((decided, Done { written, early: jobs::send(self, announced) }))
    }

    /// Identifiers that sort by the time they were made.
    pub fn fresh_ids(&self) -> FreshIds {
        let public_url = self.public_url.get().map_or("", String::as_str);
        FreshIds {
            payment_intent: fresh_id("pi"),
            charge: fresh_id("ch"),
            refund: fresh_id("re"),
            dispute: fresh_id("dp"),
            authentication_pages: format!("{public_url}/_sandbox/payment_intents"),
        }
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

impl Done {
    /// Waits for the disk, and for those webhooks that go before the caller's answer.
    pub async fn settled(self) -> Result<(), LogFailed> {
        self.written.on_disk().await?;
        self.early.made().await;
        Ok(())
    }
}

fn fresh_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// The refunds among these entries that will come to nothing.
fn refunds_to_fail(book: &Book, entries: &[Entry], now: DateTime<Utc>) -> Vec<String> {
    let made = entries.iter().filter(|entry| matches!(entry, Entry::Refunded(_)));
    made.filter_map(|entry| match book.after(entry, now) {
        Ok(Object::Refund(refund)) if book.fails_later(&refund) => Some(refund.id),
        Ok(Object::Refund(_) | Object::Intent(_) | Object::Dispute(_) | Object::None) | Err(_) => None,
    })
    .collect()
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
    let address = listener.local_addr()?;
    app.public_url.get_or_init(|| format!("http://{address}"));
    jobs::resume(&app).await?;
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
