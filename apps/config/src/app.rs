//! Where `config` is put together: its state, its router, its start.

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

use crate::config::Settings;
use crate::{api, jobs};

pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/config");

/// The state that every handler gets.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub sidecar: Sidecar,
    pub live: Live,
    pub clock: Clock,
}

/// Runs until SIGTERM, then finishes the work in hand.
///
/// # Errors
/// When a part that it cannot start without is wrong; what is only away is waited for.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let environment = settings.environment;
    let _telemetry = telemetry::init(&telemetry::Settings {
        app: Service::Config,
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
    let db = database::connect(&sidecar, Service::Config, &MIGRATOR).await?;
    let live = Live::start(&sidecar, Service::Config, shutdown.clone());
    live.settled().await;
    let app = App { db: db.clone(), sidecar: sidecar.clone(), live, clock: Clock::System };

    let tasks = TaskTracker::new();
    tasks.spawn(jobs::run(app.clone(), shutdown.clone()));

    let readiness = Readiness::of_database(db, shutdown.clone());
    let router = router(app, keys(sidecar), readiness, environment.app_token);
    let listener = serve::bind(environment.listen, "APP_PORT").await?;
    serve::serve(listener, router, shutdown).await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Everything that the sidecar may ask of this service.
pub fn router(app: App, keys: Keys, readiness: Readiness, app_token: SecretString) -> Router {
    let operations = api::mount(Api::new(Service::Config, keys)).finish(Operation::DescribeConfig);
    Router::new()
        .merge(operations.with_state(app))
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(readiness))
        .layer(axum::middleware::from_fn(request::observe))
}

/// The keys that access tokens are checked against, from `user`.
fn keys(sidecar: Sidecar) -> Keys {
    Keys::fetched(move || {
        let sidecar = sidecar.clone();
        Box::pin(async move { Ok(sidecar.invoke(Operation::ReadJwks, None::<&()>).await?) })
    })
}
