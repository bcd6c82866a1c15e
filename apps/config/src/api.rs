//! Operations on configuration keys, for administrators.

use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::configuration::{self, CONFIG_LARGEST_VALUE, KEYS, Key, ValueError};
use contracts::{App as Service, Operation, ProblemType, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Api, Caller, ETag, IfMatch, Json, List, Problem, Query};

use crate::app::App;
use crate::domain::{Change, Reason, SetError, Setting};
use crate::store;

pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::ListConfiguration, list_configuration, |operation| {
        operation.answer::<List<ConfigurationView>>(200)
    })
    .operation(Operation::ReadConfiguration, read_configuration, |operation| {
        operation.answer::<ConfigurationView>(200)
    })
    .operation(Operation::SetConfiguration, set_configuration, |operation| {
        operation
            .conditional()
            .body::<SetConfiguration>()
            .answer::<ConfigurationView>(200)
            .problems(&[ProblemType::ConfigurationOutOfBounds])
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigurationPath {
    key: String,
}

/// A new value for a key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetConfiguration {
    /// A whole number within the key's bounds.
    #[schema(value_type = u64, example = 900)]
    pub value: serde_json::Number,
    pub reason: Reason,
}

/// A key with its value and bounds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationView {
    pub key: String,
    pub value: u64,
    pub default: u64,
    pub least: u64,
    pub most: u64,
    pub unit: String,
    pub description: String,
    /// The service that reads it.
    #[schema(value_type = String, example = "order")]
    pub reader: Service,
    /// 0 while the key was never set; its entity tag.
    pub version: i64,
    pub changed_at: Option<DateTime<Utc>>,
    pub changed_by: Option<UserId>,
    pub reason: Option<String>,
}

impl From<Setting> for ConfigurationView {
    fn from(setting: Setting) -> ConfigurationView {
        let (value, version) = (setting.value(), setting.version());
        let Setting { key, last } = setting;
        ConfigurationView {
            key: key.name.to_owned(),
            value,
            default: key.default,
            least: key.least,
            most: key.most,
            unit: key.unit.to_owned(),
            description: key.description.to_owned(),
            reader: key.reader,
            version,
            changed_at: last.as_ref().map(|change| change.changed_at),
            changed_by: last.as_ref().map(|change| change.changed_by),
            reason: last.map(|change| change.reason.as_str().to_owned()),
        }
    }
}

async fn list_configuration(State(app): State<App>) -> Result<Json<List<ConfigurationView>>, Problem> {
    let mut db = app.db.acquire().await?;
    let mut changes = store::list_changes(&mut db).await?;
    let items = KEYS.iter().map(|key| Setting { key, last: changes.remove(key.name) }.into()).collect();
    Ok(Json(List { items, next_cursor: None }))
}

async fn read_configuration(
    State(app): State<App>,
    Query(path): Query<ConfigurationPath>,
) -> Result<(ETag, Json<ConfigurationView>), Problem> {
    let key = find_key(&path.key)?;
    let mut db = app.db.acquire().await?;
    Ok(answer(Setting { key, last: store::find_change(&mut db, key.name).await? }))
}

async fn set_configuration(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<ConfigurationPath>,
    if_match: IfMatch,
    Json(request): Json<SetConfiguration>,
) -> Result<(ETag, Json<ConfigurationView>), Problem> {
    let key = find_key(&path.key)?;
    let mut tx = app.db.begin().await?;
    let version = store::lock_version(&mut tx).await?;
    let setting = Setting { key, last: store::find_change(&mut tx, key.name).await? };
    if_match.check(setting.version())?;
    let change = Change {
        version: version + 1,
        value: setting.parse(&request.value.to_string(), app.live.get(&CONFIG_LARGEST_VALUE))?,
        changed_at: app.clock.now(),
        changed_by: caller.user_id,
        reason: request.reason,
    };
    store::update_version(&mut tx, change.version).await?;
    store::update_value(&mut tx, key.name, &change).await?;
    store::insert_change(&mut tx, key.name, &change).await?;
    tx.commit().await?;
    tracing::info!(
        configuration.key = key.name,
        configuration.version = change.version,
        "configuration changed"
    );
    Ok(answer(Setting { key, last: Some(change) }))
}

fn find_key(name: &str) -> Result<&'static Key, Problem> {
    configuration::find(name).ok_or_else(Problem::not_found)
}

fn answer(setting: Setting) -> (ETag, Json<ConfigurationView>) {
    (ETag(setting.version()), Json(setting.into()))
}

impl From<SetError> for Problem {
    fn from(error: SetError) -> Problem {
        let problem = Problem::new(ProblemType::ConfigurationOutOfBounds).detail(error.to_string());
        match error {
            SetError::TooLong { most } => problem.with("most_bytes", most),
            SetError::Refused(ValueError::NotANumber(_)) => problem,
            SetError::Refused(ValueError::OutOfBounds { least, most, .. }) => {
                problem.with("least", least).with("most", most)
            }
        }
    }
}
