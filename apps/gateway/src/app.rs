//! Where `gateway` is put together: its state, its two routers, its start.

pub mod answers;
pub mod audit;
pub mod connections;
pub mod edge;
pub mod gates;
pub mod handover;
mod keys;
pub mod limiter;
pub mod listener;
pub mod machines;
pub mod memory;
pub mod revocations;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use contracts::App as Service;
use contracts::configuration::GATEWAY_DEADLINE;
use secrecy::SecretString;
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar, guard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use web::health::Readiness;
use web::{Keys, health, request, serve, telemetry};

use crate::api::Documents;
use crate::config::Settings;
use crate::jobs;
use audit::Audit;
pub use edge::Edge;
use gates::Gates;
pub use keys::fetched as keys;
pub use limiter::Limiter;
use machines::Machines;
use memory::Memory;
use revocations::Revocations;

/// Work in hand is given this long at the end.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// Before the first request it is asked for so long whose rights were withdrawn; unless it is known, staff wait.
const FIRST_WORD: Duration = Duration::from_secs(3);

/// The state that every handler gets. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What there is one of in a gateway.
pub struct Parts {
    pub sidecar: Sidecar,
    pub keys: Keys,
    pub patience: Patience,
    pub gates: Gates,
    pub limiter: Limiter,
    pub memory: Memory,
    pub documents: Documents,
    pub revocations: Revocations,
    pub machines: Machines,
    pub audit: Audit,
    pub edge: Edge,
    /// What goes on for as long as its client likes ends with this.
    pub ending: CancellationToken,
}

/// How long a service may take to answer.
#[derive(Debug, Clone)]
pub enum Patience {
    /// As the live configuration says.
    Live(Live),
    Fixed(Duration),
}

impl Patience {
    pub fn deadline(&self) -> Duration {
        match self {
            Patience::Live(live) => live.get(&GATEWAY_DEADLINE),
            Patience::Fixed(deadline) => *deadline,
        }
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for App {
    fn from(parts: Parts) -> App {
        App(Arc::new(parts))
    }
}

impl Parts {
    pub fn new(sidecar: Sidecar, patience: Patience) -> Parts {
        Parts {
            keys: keys(sidecar.clone()),
            sidecar,
            patience,
            gates: Gates::default(),
            limiter: Limiter::default(),
            memory: Memory::default(),
            documents: Documents::default(),
            revocations: Revocations::default(),
            machines: Machines::default(),
            audit: Audit::default(),
            edge: Edge::default(),
            ending: CancellationToken::new(),
        }
    }
}

/// Runs until SIGTERM, then finishes the work in hand.
///
/// # Errors
/// When a part that it cannot start without is wrong; what is only away is waited for.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let environment = settings.environment;
    let _telemetry = telemetry::init(&telemetry::Settings {
        app: Service::Gateway,
        otlp_endpoint: environment.otlp_endpoint,
        filter: environment.log_filter,
    })?;
    let shutdown = serve::shutdown_on_signals()?;
    let sidecar = Sidecar::new(Address {
        http_port: environment.sidecar_http_port,
        grpc_port: environment.sidecar_grpc_port,
        api_token: environment.api_token,
    })?;
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        () = sidecar.ready() => {}
    }
    let internal = serve::bind(environment.listen, "APP_PORT").await?;
    let live = Live::start(&sidecar, Service::Gateway, shutdown.clone());
    live.settled().await;
    let parts = Parts::new(sidecar, Patience::Live(live));
    let app = App::from(Parts { edge: settings.edge, ending: shutdown.clone(), ..parts });

    let tasks = TaskTracker::new();
    tasks.spawn(jobs::run(app.clone(), shutdown.clone()));
    // A gateway that has just come knows as much as the one beside it, or takes requests all the same.
    let heard = shutdown.run_until_cancelled(jobs::revocations::hear(&app));
    let _ = tokio::time::timeout(FIRST_WORD, heard).await;
    let public = handover::listen(settings.public, settings.handover.as_deref()).await?;
    if let Some(path) = &settings.handover {
        handover::offer(&public, path, shutdown.clone())?;
    }
    let internal_router = internal_router(environment.app_token);
    tokio::try_join!(
        serve::serve(internal, internal_router, shutdown.clone()),
        listener::serve(public, crate::api::public(app.clone()), app.edge.clone(), LAST_REQUESTS, shutdown),
    )?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// What the sidecar, and whoever watches the process, may ask: health and metrics. No operation is the gateway's.
pub fn internal_router(app_token: SecretString) -> Router {
    Router::new()
        .fallback(web::api::not_found)
        .layer(guard::require_app_token(app_token))
        .merge(health::router(Readiness::always()))
        .layer(axum::middleware::from_fn(request::observe))
}
