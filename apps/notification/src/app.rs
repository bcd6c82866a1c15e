//! Where `notification` is put together: its state, its router, its start.

pub mod mailer;

use std::sync::Arc;

use axum::Router;
use contracts::App as Service;
use contracts::Operation;
use secrecy::SecretString;
use sidecar::configuration::Live;
use sidecar::outbox::Outbox;
use sidecar::{Address, Sidecar, database, fail_points, gaps, guard};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use upkeep::Messaging;
use web::health::Readiness;
use web::{Api, Clock, Keys, health, request, serve, telemetry};

use crate::app::mailer::Mailer;
use crate::config::Settings;
use crate::{api, events, jobs};

pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/notification");

/// The state that every handler gets.
#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub live: Live,
    pub clock: Clock,
    pub sidecar: Sidecar,
    pub mailer: Mailer,
    /// Wakes whoever sends mails.
    pub mails: Arc<Notify>,
}

/// Runs until SIGTERM, then finishes the work in hand.
///
/// # Errors
/// When a part that it cannot start without is wrong; what is only away is waited for.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let environment = settings.environment;
    let _telemetry = telemetry::init(&telemetry::Settings {
        app: Service::Notification,
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
    let db = database::connect(&sidecar, Service::Notification, &MIGRATOR).await?;
    let live = Live::start(&sidecar, Service::Notification, shutdown.clone());
    live.settled().await;
    let mail = sidecar.secret("mail").await?;
    let mailer = Mailer::new(mail.get("url")?, mail.get("from")?)?;
    let app = App {
        db: db.clone(),
        live,
        clock: Clock::System,
        sidecar: sidecar.clone(),
        mailer,
        mails: Arc::default(),
    };

    let tasks = TaskTracker::new();
    tasks.spawn(jobs::run(app.clone(), shutdown.clone()));
    tasks.spawn(gaps::job(
        Service::Notification,
        db.clone(),
        sidecar.clone(),
        environment.gap_age,
        shutdown.clone(),
    ));
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
    let operations = upkeep::mount(api::mount(Api::new(Service::Notification, keys)), &messaging(&app));
    let operations = operations.finish(Operation::DescribeNotification);
    Router::new()
        .merge(operations.with_state(app.clone()))
        .merge(sidecar::events::router(Service::Notification, app.db.clone(), app, events::handle))
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(readiness))
        .layer(axum::middleware::from_fn(request::observe))
}

/// What whoever operates this service, and the others, may ask of its events.
fn messaging(app: &App) -> Messaging {
    let state = app.clone();
    let handle = move |envelope| events::handle(state.clone(), envelope);
    // It publishes nothing, so nobody waits to be woken.
    Messaging::new(Service::Notification, app.db.clone(), Outbox::new(), handle)
}

/// The keys that access tokens are checked against, from `user`.
fn keys(sidecar: Sidecar) -> Keys {
    Keys::fetched(move || {
        let sidecar = sidecar.clone();
        Box::pin(async move { Ok(sidecar.invoke(Operation::ReadJwks, None::<&()>).await?) })
    })
}
