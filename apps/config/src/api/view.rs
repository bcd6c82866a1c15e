//! How keys, changes and versions are shown.

use chrono::{DateTime, Utc};
use contracts::configuration::{Guard, Reach};
use contracts::{App as Service, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::change::Planned;
use crate::domain::comparison::shown;
use crate::domain::trial::Step;
use crate::domain::{Setting, State, Texts};
use crate::store::history::Recorded;

/// A value of the type that its key has.
pub(super) fn any() -> Object {
    let types = [Type::Boolean, Type::Integer, Type::String, Type::Array, Type::Object, Type::Null];
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).build()
}

/// A key with its type, its bounds and its values.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigurationView {
    #[schema(example = "order.deadline")]
    pub key: String,
    /// `bool`, `integer`, `decimal`, `duration`, `string`, `enum`, `list` or `map`.
    #[schema(example = "duration")]
    pub r#type: String,
    /// For everyone; null when what somebody wrote into the table by hand cannot be read.
    #[schema(schema_with = any)]
    pub value: Json,
    /// For some; the first that fits holds.
    #[schema(value_type = Vec<ScopeView>)]
    pub scopes: Json,
    /// Why what stands in the table cannot be read. Services keep what they had before.
    pub unreadable: Option<String>,
    #[schema(schema_with = any)]
    pub default: Json,
    /// `least`, `most`, `longest`, `one_of`, `entries`: those that the type has.
    #[schema(value_type = Object)]
    pub bounds: Json,
    /// What the number counts, where the type does not say it.
    pub unit: Option<String>,
    pub description: String,
    /// The service that reads it.
    #[schema(value_type = String, example = "order")]
    pub reader: Service,
    /// Who can have a value of their own: nobody (`service`), `callers`, or parts of the `orders` as well.
    #[schema(value_type = String, example = "orders")]
    pub reach: Reach,
    /// What must not get worse by a change of it.
    #[schema(value_type = Vec<String>)]
    pub guards: Vec<Guard>,
    /// Whether a change is seen only by a service that starts again.
    pub restart: bool,
    /// The trial of it that is running; nothing else changes it meanwhile.
    pub trial: Option<i64>,
    /// 0 while the key was never set; its entity tag.
    pub version: i64,
    pub changed_at: Option<DateTime<Utc>>,
    pub changed_by: Option<UserId>,
    pub reason: Option<String>,
}

/// A value for some.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ScopeView {
    /// `{"percent": 10}` of the orders, or `{"callers": [ids]}` of users and API keys.
    #[schema(value_type = Object)]
    pub audience: Json,
    #[schema(schema_with = any)]
    pub value: Json,
}

/// What a key holds: its value for everyone, and those for some.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateView {
    #[schema(schema_with = any)]
    pub value: Json,
    #[schema(value_type = Vec<ScopeView>)]
    pub scopes: Json,
}

/// What a change of several keys comes to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedConfiguration {
    /// The version that it made. Absent where nothing was to change, and in a dry run.
    pub version: Option<i64>,
    pub dry_run: bool,
    pub changes: Vec<ChangedKey>,
}

/// Which service sees what of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedKey {
    pub key: String,
    /// The service that reads it.
    #[schema(value_type = String, example = "order")]
    pub reader: Service,
    /// Null when what stands in the table cannot be read.
    pub before: Option<StateView>,
    pub after: StateView,
}

/// A key's part of a version.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeView {
    pub version: i64,
    pub key: String,
    pub before: StateView,
    pub after: StateView,
    pub changed_at: DateTime<Utc>,
    pub changed_by: UserId,
    pub reason: String,
    /// The version to which the configuration was taken back.
    pub rolled_back_to: Option<i64>,
    /// Null where it was no part of a trial.
    pub trial: Option<ChangeTrial>,
}

/// What a change was for a trial.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeTrial {
    /// The trial's.
    pub version: i64,
    pub step: Step,
    /// Whether nobody asked for it: the numbers decided, or the time limit.
    pub by_itself: bool,
}

impl From<&Setting> for ConfigurationView {
    fn from(setting: &Setting) -> ConfigurationView {
        let Setting { key, version, state, last, trial } = setting;
        let (value, scopes) = match state {
            Ok(state) => (json!(state.value), json!(state.scopes)),
            Err(_) => (Json::Null, json!([])),
        };
        ConfigurationView {
            key: key.name.to_owned(),
            r#type: key.kind.name().to_owned(),
            value,
            scopes,
            unreadable: state.as_ref().err().map(ToString::to_string),
            default: json!(key.default()),
            bounds: json!(key.kind.bounds()),
            unit: key.unit.map(str::to_owned),
            description: key.description.to_owned(),
            reader: key.reader,
            reach: key.reach,
            guards: key.guards.to_vec(),
            restart: key.restart,
            trial: *trial,
            version: *version,
            changed_at: last.as_ref().map(|change| change.at),
            changed_by: last.as_ref().map(|change| change.by),
            reason: last.as_ref().map(|change| change.reason.as_str().to_owned()),
        }
    }
}

impl From<&State> for StateView {
    fn from(state: &State) -> StateView {
        StateView { value: json!(state.value), scopes: json!(state.scopes) }
    }
}

impl StateView {
    /// What was kept of a key at some time.
    pub fn of_past(key: &str, texts: Option<&Texts>) -> StateView {
        let (value, scopes) = shown(key, texts);
        StateView { value, scopes }
    }
}

impl From<&Planned> for ChangedKey {
    fn from(planned: &Planned) -> ChangedKey {
        ChangedKey {
            key: planned.key.name.to_owned(),
            reader: planned.key.reader,
            before: planned.before.as_ref().ok().map(StateView::from),
            after: StateView::from(&planned.after),
        }
    }
}

impl From<Recorded> for ChangeView {
    fn from(recorded: Recorded) -> ChangeView {
        ChangeView {
            before: StateView::of_past(&recorded.key, recorded.before.as_ref()),
            after: StateView::of_past(&recorded.key, Some(&recorded.after)),
            version: recorded.version,
            key: recorded.key,
            changed_at: recorded.change.at,
            changed_by: recorded.change.by,
            reason: recorded.change.reason.as_str().to_owned(),
            rolled_back_to: recorded.rolled_back_to,
            trial: recorded.trial.map(|part| ChangeTrial {
                version: part.version,
                step: part.step,
                by_itself: part.by_itself,
            }),
        }
    }
}
