//! Where `user` is put together: its state, its router, its start.

pub mod hashing;
pub mod keys;
pub mod random;
pub mod sealing;
pub mod second_factor;
pub mod secrets;
pub mod tokens;

use std::sync::Arc;

use axum::Router;
use contracts::App as Service;
use contracts::Operation;
use secrecy::{ExposeSecret, SecretString};
use sidecar::configuration::Live;
use sidecar::events::EventError;
use sidecar::outbox::{self, Outbox};
use sidecar::{Address, Sidecar, database, guard};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use upkeep::Messaging;
use web::health::Readiness;
use web::{Api, Clock, health, request, serve, telemetry};

use crate::app::hashing::Hashing;
use crate::app::keys::SigningKeys;
use crate::app::sealing::Sealing;
use crate::config::Settings;
use crate::{api, jobs};

pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/user");

/// The state that every handler gets.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub sidecar: Sidecar,
    pub outbox: Outbox,
    /// Wakes whoever looks after those that asked for a new password.
    pub resets: Arc<Notify>,
    pub live: Live,
    pub clock: Clock,
    pub keys: Arc<SigningKeys>,
    pub sealing: Arc<Sealing>,
    pub hashing: Hashing,
}

/// Runs until SIGTERM, then finishes the work in hand.
///
/// # Errors
/// When a part that it cannot start without is wrong; what is only away is waited for.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let environment = settings.environment;
    let _telemetry = telemetry::init(&telemetry::Settings {
        app: Service::User,
        otlp_endpoint: environment.otlp_endpoint,
        filter: environment.log_filter,
    })?;
    let shutdown = serve::shutdown_on_signals()?;
    let sidecar = Sidecar::new(Address {
        http_port: environment.sidecar_http_port,
        grpc_port: environment.sidecar_grpc_port,
        api_token: environment.api_token,
    })?;
    sidecar.ready().await;
    let db = database::connect(&sidecar, Service::User, &MIGRATOR).await?;
    let sealing = Arc::new(Sealing::new(sidecar.secret("sealing").await?.get("key")?)?);
    let keys = Arc::new(SigningKeys::new(sealing.clone()));
    let clock = Clock::System;
    let signing = sidecar.secret("signing").await?;
    let pkcs8 = secrets::private_key(signing.get("private_key")?)?;
    keys.begin(&db, signing.get("kid")?.expose_secret(), &pkcs8, clock.now()).await?;
    let live = Live::start(&sidecar, Service::User, shutdown.clone());
    live.settled().await;
    let app = App {
        db: db.clone(),
        outbox: Outbox::new(),
        resets: Arc::default(),
        live,
        clock,
        keys,
        sealing,
        hashing: Hashing::default(),
        sidecar,
    };
    let administrator = app.sidecar.secret("administrator").await?;
    secrets::ensure_administrator(&app, administrator.get("email")?, administrator.get("password")?).await?;

    let tasks = TaskTracker::new();
    tasks.spawn(outbox::relay(
        app.outbox.clone(),
        db.clone(),
        app.sidecar.clone(),
        Service::User,
        shutdown.clone(),
    ));
    tasks.spawn(jobs::run(app.clone(), shutdown.clone()));
    let readiness = Readiness::of_database(db, shutdown.clone());
    let listener = serve::bind(environment.listen, "APP_PORT").await?;
    serve::serve(listener, router(app, readiness, environment.app_token), shutdown).await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Everything that the sidecar may ask of this service, which checks tokens with its own key.
pub fn router(app: App, readiness: Readiness, app_token: SecretString) -> Router {
    let keys = keys::own(app.keys.clone(), app.clock.clone());
    let operations = upkeep::mount(api::mount(Api::new(Service::User, keys)), &messaging(&app));
    let operations = operations.finish(Operation::DescribeUser);
    Router::new()
        .merge(operations.with_state(app))
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(readiness))
        .layer(axum::middleware::from_fn(request::observe))
}

/// What the others may ask of its events. It hears none, so there is nothing to handle again.
fn messaging(app: &App) -> Messaging {
    let handle = |_| async { Err(EventError::Drop("user subscribes to nothing".to_owned())) };
    Messaging::new(Service::User, app.db.clone(), app.outbox.clone(), handle)
}
