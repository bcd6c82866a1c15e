//! Where `payment` is put together: its state, its router, its start.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use contracts::App as Service;
use contracts::Operation;
use contracts::configuration::PAYMENT_PROVIDER_TIMEOUT;
use secrecy::SecretString;
use sidecar::configuration::Live;
use sidecar::outbox::{self, Outbox};
use sidecar::{Address, Sidecar, database, fail_points, gaps, guard};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use upkeep::Messaging;
use web::health::Readiness;
use web::{Api, Clock, Keys, health, request, serve, telemetry};

use crate::config::Settings;
use crate::provider::Provider;
use crate::{api, events, jobs};

pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/payment");

/// The state that every handler gets.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub sidecar: Sidecar,
    pub outbox: Outbox,
    pub live: Live,
    pub clock: Clock,
    pub provider: Provider,
    /// What the provider's events are signed with.
    pub webhook_secret: SecretString,
    /// Wakes a worker of this process; without it a payment waits for the next poll.
    pub work: Arc<Notify>,
    /// Wakes whoever applies the provider's events.
    pub told: Arc<Notify>,
}

impl App {
    /// How long a call to the provider may take.
    pub fn provider_timeout(&self) -> Duration {
        self.live.get(&PAYMENT_PROVIDER_TIMEOUT)
    }

    /// Reads one moment, whatever is written meanwhile.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn snapshot(&self) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        self.db.begin_with("begin isolation level repeatable read, read only").await
    }

    /// To be called right after each commit that decided something.
    pub fn wake(&self) {
        self.outbox.wake();
        self.work.notify_one();
    }
}

/// Runs until SIGTERM, then finishes the work in hand.
///
/// # Errors
/// When a part that it cannot start without is wrong; what is only away is waited for.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let environment = settings.environment;
    let _telemetry = telemetry::init(&telemetry::Settings {
        app: Service::Payment,
        otlp_endpoint: environment.otlp_endpoint,
        filter: environment.log_filter,
    })?;
    fail_points::arm(environment.fail_points);
    let shutdown = serve::shutdown_on_signals()?;
    let sidecar = Sidecar::new(Address {
        http_port: environment.sidecar_http_port,
        grpc_port: environment.sidecar_grpc_port,
        api_token: environment.api_token,
    })?;
    sidecar.ready().await;
    let db = database::connect(&sidecar, Service::Payment, &MIGRATOR).await?;
    let live = Live::start(&sidecar, Service::Payment, shutdown.clone());
    live.settled().await;
    let secrets = sidecar.secret("provider").await?;
    let (api_key, webhook_secret) = (secrets.get("api_key")?.clone(), secrets.get("webhook_secret")?.clone());
    let app = App {
        db: db.clone(),
        sidecar,
        outbox: Outbox::new(),
        live,
        clock: Clock::System,
        provider: Provider::new(&settings.provider_url, api_key)?.returning_to(settings.return_url),
        webhook_secret,
        work: Arc::default(),
        told: Arc::default(),
    };

    let tasks = TaskTracker::new();
    tasks.spawn(outbox::relay(
        app.outbox.clone(),
        db.clone(),
        app.sidecar.clone(),
        Service::Payment,
        shutdown.clone(),
    ));
    tasks.spawn(jobs::run(app.clone(), shutdown.clone()));
    tasks.spawn(gaps::job(
        Service::Payment,
        db.clone(),
        app.sidecar.clone(),
        environment.gap_age,
        shutdown.clone(),
    ));
    let readiness = Readiness::of_database(db, shutdown.clone());
    let router = router(app.clone(), keys(app.sidecar), readiness, environment.app_token);
    let listener = serve::bind(environment.listen, "APP_PORT").await?;
    serve::serve(listener, router, shutdown).await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Everything that the sidecar may ask of this service.
pub fn router(app: App, keys: Keys, readiness: Readiness, app_token: SecretString) -> Router {
    let operations = upkeep::mount(api::mount(Api::new(Service::Payment, keys)), &messaging(&app));
    let operations = operations.finish(Operation::DescribePayment);
    Router::new()
        .merge(operations.with_state(app.clone()))
        .merge(sidecar::events::router(Service::Payment, app.db.clone(), app, events::handle))
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(readiness))
        .layer(axum::middleware::from_fn(request::observe))
}

/// What whoever operates this service, and the others, may ask of its events.
fn messaging(app: &App) -> Messaging {
    let state = app.clone();
    let handle = move |envelope| events::handle(state.clone(), envelope);
    Messaging::new(Service::Payment, app.db.clone(), app.outbox.clone(), handle)
}

/// The keys that access tokens are checked against, from `user`.
fn keys(sidecar: Sidecar) -> Keys {
    Keys::fetched(move || {
        let sidecar = sidecar.clone();
        Box::pin(async move { Ok(sidecar.invoke(Operation::ReadJwks, None::<&()>).await?) })
    })
}
