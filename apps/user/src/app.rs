//! Where `user` is put together: its state, its router, its start.

pub mod hashing;
pub mod secrets;

use std::sync::Arc;

use axum::Router;
use contracts::App as Service;
use contracts::Operation;
use secrecy::SecretString;
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar, database, guard};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio_util::task::TaskTracker;
use web::health::Readiness;
use web::{Api, Clock, Keys, health, request, serve, telemetry};

use crate::app::hashing::Hashing;
use crate::config::Settings;
use crate::domain::token::SigningKey;
use crate::{api, jobs};

pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/user");

/// The state that every handler gets.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub live: Live,
    pub clock: Clock,
    pub signing: Arc<SigningKey>,
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
    let signing = sidecar.secret("signing").await?;
    let app = App {
        db: db.clone(),
        live: Live::start(&sidecar, Service::User, shutdown.clone()),
        clock: Clock::System,
        signing: Arc::new(secrets::signing_key(signing.get("private_key")?, signing.get("kid")?)?),
        hashing: Hashing::default(),
    };
    let administrator = sidecar.secret("administrator").await?;
    secrets::ensure_administrator(&app, administrator.get("email")?, administrator.get("password")?).await?;

    let tasks = TaskTracker::new();
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
    let keys = Keys::fixed(app.signing.jwks().clone());
    let operations = api::mount(Api::new(Service::User, keys)).finish(Operation::DescribeUser);
    Router::new()
        .merge(operations.with_state(app))
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(readiness))
        .layer(axum::middleware::from_fn(request::observe))
}
