//! Several keys at once, all or none; what was changed; and going back.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use web::{Caller, IdempotencyKey, Json, List, Page, Problem, Query};

use super::carry_out::{Asked, Run, lock};
use super::view::{ChangeView, ScopeView, StateView, any};
use super::{longest, refusal};
use crate::app::App;
use crate::domain::change::{self, Wanted, Wish};
use crate::domain::comparison::{Difference, compare};
use crate::domain::{Reason, rollback};
use crate::store::history::{list_changes, list_past};
use crate::store::setting::find_version;

const LARGEST_PAGE: u64 = 100;
/// Keys of one change.
const MOST_KEYS: usize = 100;

/// What several keys are to hold from now on, all or none.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConfiguration {
    #[schema(min_items = 1, max_items = 100)]
    pub changes: Vec<KeyChange>,
    pub reason: Reason,
    /// Changes nothing, and says which service would see what.
    #[serde(default)]
    pub dry_run: bool,
}

/// What one key is to hold; what is left out stays as it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    #[schema(example = "order.deadline")]
    pub key: String,
    /// For everyone, of the key's type and within its bounds.
    #[schema(schema_with = any)]
    pub value: Option<Value>,
    /// Values for some; an empty list ends them.
    #[schema(value_type = Option<Vec<ScopeView>>)]
    pub scopes: Option<Value>,
    /// Gives the key its default for everyone, in the place of `value` and `scopes`.
    #[serde(default)]
    pub reset: bool,
    /// The version that the key must have, so that nobody overwrites what they have not seen.
    pub version: Option<i64>,
}

/// Back to what every key was at a version.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackConfiguration {
    /// 0 is before the first change.
    #[schema(minimum = 0, example = 12)]
    pub version: i64,
    pub reason: Reason,
    /// Changes nothing, and says which service would see what.
    #[serde(default)]
    pub dry_run: bool,
}

/// Changes, the newest first.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only of this key.
    #[param(max_length = 200, example = "order.deadline")]
    pub key: Option<String>,
    #[param(minimum = 1, example = 20)]
    pub limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
}

/// Two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CompareQuery {
    /// 0 is before the first change.
    #[param(minimum = 0, example = 0)]
    pub from: i64,
    /// The last one when it is left out.
    #[param(minimum = 0)]
    pub to: Option<i64>,
}

/// What differs between two versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Comparison {
    pub from: i64,
    pub to: i64,
    /// The keys that differ, by their names.
    pub keys: Vec<ComparedKey>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedKey {
    pub key: String,
    pub from: StateView,
    pub to: StateView,
}

pub(super) async fn change_configuration(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<ChangeConfiguration>,
) -> Result<Response, Problem> {
    if !(1..=MOST_KEYS).contains(&request.changes.len()) {
        let detail = format!("{} keys given, 1 to {MOST_KEYS} can be changed at once", request.changes.len());
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    let run = Run::of(request.dry_run);
    let asked = Asked::new(caller, Operation::ChangeConfiguration, key, &request, run)?;
    let mut tx = app.db.begin().await?;
    if let Some(answer) = asked.once(&mut tx).await? {
        return Ok(answer.into_response());
    }
    let (last, present) = lock(&mut tx).await?;
    let wishes: Vec<Wish> = request.changes.into_iter().map(Wish::from).collect();
    let planned = change::plan(&present, &wishes, longest(&app)).map_err(refusal::of_several)?;
    let answer = asked.save(&mut tx, &app, last, &planned, (request.reason, None)).await?;
    tx.commit().await?;
    Ok(answer)
}

pub(super) async fn roll_back_configuration(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<RollBackConfiguration>,
) -> Result<Response, Problem> {
    let run = Run::of(request.dry_run);
    let asked = Asked::new(caller, Operation::RollBackConfiguration, key, &request, run)?;
    let mut tx = app.db.begin().await?;
    if let Some(answer) = asked.once(&mut tx).await? {
        return Ok(answer.into_response());
    }
    let (last, present) = lock(&mut tx).await?;
    let to = existing(request.version, last)?;
    let past = list_past(&mut tx, to).await?;
    let planned = rollback::plan(&present, &past, to).map_err(refusal::of_several)?;
    let answer = asked.save(&mut tx, &app, last, &planned, (request.reason, Some(to))).await?;
    tx.commit().await?;
    Ok(answer)
}

pub(super) async fn list_configuration_changes(
    State(app): State<App>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<List<ChangeView>>, Problem> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(LARGEST_PAGE)?, page.after::<(i64, String)>()?);
    let mut db = app.db.acquire().await?;
    let changes = list_changes(&mut db, query.key.as_deref(), before, limit + 1).await?;
    let views = changes.into_iter().map(ChangeView::from).collect();
    Ok(Json(List::from_rows(views, limit, |view: &ChangeView| (view.version, view.key.clone()))))
}

pub(super) async fn compare_configuration(
    State(app): State<App>,
    Query(query): Query<CompareQuery>,
) -> Result<Json<Comparison>, Problem> {
    let mut db = app.db.acquire().await?;
    let last = find_version(&mut db).await?;
    let from = existing(query.from, last)?;
    let to = existing(query.to.unwrap_or(last), last)?;
    let differences = compare(&list_past(&mut db, from).await?, &list_past(&mut db, to).await?);
    Ok(Json(Comparison { from, to, keys: differences.into_iter().map(ComparedKey::from).collect() }))
}

/// A version that there is.
fn existing(version: i64, last: i64) -> Result<i64, Problem> {
    if (0..=last).contains(&version) {
        return Ok(version);
    }
    let detail = format!("there is no version {version}; the last one is {last}");
    Err(Problem::new(ProblemType::UnknownVersion).detail(detail).with("last", last))
}

impl From<KeyChange> for Wish {
    fn from(change: KeyChange) -> Wish {
        let wanted = match (change.reset, change.value, change.scopes) {
            (false, value, scopes) => Wanted::Given { value, scopes },
            (true, None, None) => Wanted::Default,
            (true, _, _) => Wanted::Both,
        };
        Wish { key: change.key, wanted, version: change.version }
    }
}

impl From<Difference> for ComparedKey {
    fn from(difference: Difference) -> ComparedKey {
        let Difference { key, from, to } = difference;
        ComparedKey {
            from: StateView::of_past(&key, from.as_ref()),
            to: StateView::of_past(&key, to.as_ref()),
            key,
        }
    }
}
