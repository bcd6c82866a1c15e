//! Which configuration each replica of each service runs with.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::configuration::{self, Report};
use contracts::{App as Service, ProblemType};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;
use web::api::CallingApp;
use web::{Json, Problem};

use crate::app::App;
use crate::domain::Settings;
use crate::store::report::{Reported, delete_reports, insert_report, list_reports};
use crate::store::setting::{find_version, list_stored};

/// A replica that was not heard of for so long is gone.
const KEPT: TimeDelta = TimeDelta::minutes(1);
/// Keys that a service may read, and refuse.
const MOST_KEYS: usize = 200;

/// What runs with which configuration.
#[derive(Debug, Serialize, ToSchema)]
pub struct EffectiveConfiguration {
    /// The last version.
    pub version: i64,
    pub replicas: Vec<ReplicaView>,
    /// Services none of whose replicas has reported within the last minute.
    #[schema(value_type = Vec<String>)]
    pub silent: Vec<Service>,
}

/// What a replica said of itself the last time.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplicaView {
    #[schema(value_type = String, example = "order")]
    pub service: Service,
    pub replica: Uuid,
    pub reported_at: DateTime<Utc>,
    /// The highest version among the keys that it reads; 0 while each has its default.
    pub version: u64,
    /// Whether it runs with the last change of what it reads, and could take all of it.
    pub current: bool,
    /// Whether its store ever answered it. Until then all values are defaults that nobody has chosen.
    pub read: bool,
    /// For everyone, by key.
    #[schema(value_type = Object)]
    pub values: BTreeMap<String, Value>,
    /// What it could not take; the value before it stays in force.
    pub refused: Vec<NotTaken>,
}

/// What a replica could not take.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotTaken {
    pub key: String,
    /// As it stands in the table.
    pub version: String,
    pub why: String,
}

pub(super) async fn report_configuration(
    State(app): State<App>,
    CallingApp(service): CallingApp,
    Json(report): Json<Report>,
) -> Result<StatusCode, Problem> {
    if report.values.len() > MOST_KEYS || report.refused.len() > MOST_KEYS {
        let detail = format!("a replica reports at most {MOST_KEYS} keys");
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    note(&app, service, report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps this replica's own word.
///
/// # Errors
/// When the database fails; the next word is kept.
pub async fn note_own(app: &App) -> Result<(), sqlx::Error> {
    note(app, Service::Config, app.live.report()).await
}

/// Keeps a replica's word, and forgets those of whom nothing was heard for too long.
async fn note(app: &App, service: Service, report: Report) -> Result<(), sqlx::Error> {
    let at = app.clock.now();
    let mut db = app.db.acquire().await?;
    insert_report(&mut db, &Reported { app: service, at, report }).await?;
    delete_reports(&mut db, at - KEPT).await
}

pub(super) async fn read_effective_configuration(
    State(app): State<App>,
) -> Result<Json<EffectiveConfiguration>, Problem> {
    let mut db = app.db.acquire().await?;
    let version = find_version(&mut db).await?;
    let settings = Settings::of(list_stored(&mut db).await?);
    let reports = list_reports(&mut db, app.clock.now() - KEPT).await?;
    let silent = Service::ALL.into_iter().filter(|app| reports.iter().all(|reported| reported.app != *app));
    Ok(Json(EffectiveConfiguration {
        version,
        silent: silent.collect(),
        replicas: reports.into_iter().map(|reported| view(reported, &settings)).collect(),
    }))
}

fn view(reported: Reported, settings: &Settings) -> ReplicaView {
    let Reported { app, at, report } = reported;
    let newest = u64::try_from(settings.newest_for(app)).unwrap_or_default();
    let values = report.values.into_iter().map(|(key, text)| {
        let value = configuration::find(&key).and_then(|spec| spec.kind.parse(&text).ok());
        // A service may know keys that this release does not.
        (key, value.map_or_else(|| json!(text), |value| json!(value)))
    });
    let current = report.version >= newest && report.refused.is_empty();
    let refused = report.refused.into_iter().map(|refused| NotTaken {
        key: refused.key,
        version: refused.version,
        why: refused.why,
    });
    ReplicaView {
        service: app,
        replica: report.replica,
        reported_at: at,
        version: report.version,
        current,
        read: report.read,
        values: values.collect(),
        refused: refused.collect(),
    }
}
