//! Single keys: listing, reading, setting.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use web::{Caller, ETag, IfMatch, Json, List, Problem, Query};

use super::carry_out::{lock, save};
use super::view::{ConfigurationView, ScopeView, any};
use super::{longest, refusal};
use crate::app::App;
use crate::domain::change::{self, Wanted, Wish};
use crate::domain::setting::Change;
use crate::domain::{Reason, Setting, Settings};
use crate::store::history::Version;
use crate::store::setting::list_stored;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigurationPath {
    key: String,
}

/// A new value for a key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetConfiguration {
    /// Of the key's type and within its bounds.
    #[schema(schema_with = any)]
    pub value: Value,
    /// Values for some; left out, they stay as they are, and an empty list ends them.
    #[schema(value_type = Option<Vec<ScopeView>>)]
    pub scopes: Option<Value>,
    pub reason: Reason,
}

pub(super) async fn list_configuration(
    State(app): State<App>,
) -> Result<Json<List<ConfigurationView>>, Problem> {
    let settings = Settings::of(list_stored(&mut *app.db.acquire().await?).await?);
    let items = settings.iter().map(ConfigurationView::from).collect();
    Ok(Json(List { items, next_cursor: None }))
}

pub(super) async fn read_configuration(
    State(app): State<App>,
    Query(path): Query<ConfigurationPath>,
) -> Result<(ETag, Json<ConfigurationView>), Problem> {
    let key = change::find(&path.key).map_err(refusal::of_one)?;
    let mut stored = list_stored(&mut *app.db.acquire().await?).await?;
    Ok(answer(&Setting::of(key, stored.remove(key.name))))
}

pub(super) async fn set_configuration(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<ConfigurationPath>,
    if_match: IfMatch,
    Json(request): Json<SetConfiguration>,
) -> Result<(ETag, Json<ConfigurationView>), Problem> {
    let key = change::find(&path.key).map_err(refusal::of_one)?;
    let mut tx = app.db.begin().await?;
    let (last, present) = lock(&mut tx).await?;
    if_match.check(present.find(key.name).map_or(0, |setting| setting.version))?;
    let wanted = Wanted::Given { value: Some(request.value), scopes: request.scopes };
    let wish = Wish { key: path.key, wanted, version: None };
    let planned = change::plan(&present, &[wish], longest(&app)).map_err(first)?;
    let change = Change { at: app.clock.now(), by: caller.user_id, reason: request.reason };
    let version = Version { number: last + 1, change, rolled_back_to: None };
    save(&mut tx, &version, &planned).await?;
    tx.commit().await?;
    let Version { number, change, .. } = version;
    let state = planned.into_iter().next().map(|planned| planned.after);
    let state = state.expect("invariant: a plan of one key is about that key");
    Ok(answer(&Setting { key, version: number, state: Ok(state), last: Some(change), trial: None }))
}

/// Of one key there is one refusal.
fn first(refused: Vec<change::Refused>) -> Problem {
    let refused = refused.into_iter().next().expect("invariant: who refuses says why");
    refusal::of_one(refused.why)
}

fn answer(setting: &Setting) -> (ETag, Json<ConfigurationView>) {
    (ETag(setting.version), Json(setting.into()))
}
