//! What is done without a caller: webhooks are sent until they are taken, and some refunds come to nothing.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::{Semaphore, oneshot};

use crate::app::App;
use crate::app::till::Draft;
use crate::config;
use crate::domain::book::{Book, DecideError};
use crate::domain::entry::Entry;
use crate::domain::intent::Intent;
use crate::domain::webhook::{self, Announced, Delivery, Outstanding};
use crate::store::LogFailed;

/// As many webhooks are under way at once.
const LANES: usize = 16;
/// Whoever has not answered by then has not taken the webhook.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where webhooks go, and how.
#[derive(Debug, Clone)]
pub struct Webhooks {
    settings: config::Webhook,
    http: reqwest::Client,
    lanes: Arc<Semaphore>,
}

/// The first attempts that a caller's answer waits for.
#[must_use]
pub struct Early(Vec<oneshot::Receiver<()>>);

impl Webhooks {
    pub fn new(settings: &config::Webhook) -> Result<Webhooks, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .tcp_nodelay(true)
            .build()?;
        Ok(Webhooks { settings: settings.clone(), http, lanes: Arc::new(Semaphore::new(LANES)) })
    }

    /// The answer's status; none without an answer.
    async fn post(&self, body: Vec<u8>, signature: String) -> Option<u16> {
        let request = self.http.post(&self.settings.url).header("stripe-signature", signature);
        let request = request.header("content-type", "application/json; charset=utf-8").body(body);
        match request.send().await {
            Ok(response) => Some(response.status().as_u16()),
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "a webhook was not answered");
                None
            }
        }
    }
}

impl Early {
    pub async fn made(self) {
        for attempt in self.0 {
            // Whoever sends it ends without a word when the process stops.
            let _ = attempt.await;
        }
    }
}

/// Takes up what an earlier process has left undone.
pub async fn resume(app: &App) -> Result<(), LogFailed> {
    let (webhooks, refunds) = app
        .till
        .read(|book| {
            let webhooks: Vec<_> = book.outstanding().map(|it| it.announced.event.clone()).collect();
            let refunds: Vec<_> = book.refunds_to_fail().map(|refund| refund.id.clone()).collect();
            (webhooks, refunds)
        })
        .await?;
    for refund in refunds {
        tokio::spawn(fail_refund(app.clone(), refund));
    }
    if app.webhooks.is_some() {
        for event in webhooks {
            tokio::spawn(deliver(app.clone(), event, Delivery::Prompt, oneshot::channel().0));
        }
    }
    Ok(())
}

/// Sets out what was just announced.
pub fn send(app: &App, announced: Vec<Announced>) -> Early {
    let mut early = Vec::new();
    for Announced { event, delivery, .. } in announced {
        let (tell, told) = oneshot::channel();
        match delivery {
            Delivery::Never => continue,
            Delivery::Early => early.push(told),
            Delivery::Prompt | Delivery::Twice | Delivery::Late => drop(told),
        }
        tokio::spawn(deliver(app.clone(), event, delivery, tell));
    }
    Early(early)
}

/// Has a refund come to nothing, some time after it was made.
pub async fn fail_refund(app: App, refund: String) {
    if paused(&app, app.late_after).await {
        let failed = app.write(|book, _| {
            let entry = book.decide_refund_failure(&refund)?;
            Ok::<_, FailError>((
                Draft { order_id: order_of(book, &entry), entries: vec![entry], answer: None },
                (),
            ))
        });
        match failed {
            Ok(((), done)) => drop(done),
            Err(error) => {
                tracing::info!(refund.id = refund, error = %error, "a refund does not fail any more")
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FailError {
    #[error(transparent)]
    Decide(#[from] DecideError),
    #[error(transparent)]
    Log(#[from] LogFailed),
}

fn order_of(book: &Book, entry: &Entry) -> Option<String> {
    book.intent_of(entry).and_then(Intent::order_id).map(str::to_owned)
}

/// Sends until it was taken as often as it should be.
async fn deliver(app: App, event: String, delivery: Delivery, first: oneshot::Sender<()>) {
    if delivery == Delivery::Late && !paused(&app, app.late_after).await {
        return;
    }
    let mut first = Some(first);
    while let Ok(Some(webhook)) = app.till.read(|book| book.webhook(&event).cloned()).await {
        let Some(webhooks) = &app.webhooks else { return };
        let Ok(status) = attempt(&app, webhooks, &webhook).await else { return };
        if let Some(first) = first.take() {
            // Nobody waits unless the webhook is early.
            let _ = first.send(());
        }
        let pause = webhook::pause(webhooks.settings.retry_after, webhook.attempts + 1);
        if !webhook::takes(status) && !paused(&app, pause).await {
            return;
        }
    }
}

/// One attempt, written before it is made and after.
async fn attempt(app: &App, webhooks: &Webhooks, webhook: &Outstanding) -> Result<Option<u16>, LogFailed> {
    let Ok(_lane) = webhooks.lanes.acquire().await else { return Err(LogFailed) };
    let (event, attempt) = (webhook.announced.event.clone(), webhook.attempts + 1);
    note(app, webhook, Entry::WebhookSent { event: event.clone(), attempt }).await?;
    let body = webhook.announced.message(webhook.created).to_string().into_bytes();
    let current = app.keyring.current();
    let secrets = current.webhook_secrets.iter().map(|secret| secret.expose_secret());
    let signature = webhook::signature(secrets, app.now().timestamp(), &body);
    let status = webhooks.post(body, signature).await;
    note(app, webhook, Entry::WebhookAnswered { event, attempt, status }).await?;
    Ok(status)
}

async fn note(app: &App, webhook: &Outstanding, entry: Entry) -> Result<(), LogFailed> {
    let draft = Draft { order_id: webhook.order_id.clone(), entries: vec![entry], answer: None };
    let ((), written) = app.till.write(app.now(), |_| Ok::<_, LogFailed>((draft, ())))?;
    written.on_disk().await
}

/// Whether the time went by before the app was stopped.
async fn paused(app: &App, time: Duration) -> bool {
    tokio::select! {
        () = app.stopped() => false,
        () = tokio::time::sleep(time) => true,
    }
}
