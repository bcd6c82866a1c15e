//! API keys: how machines act for their owner, and how the gateway turns a key into a token.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::identity::{ExchangeApiKey, ExchangedToken};
use contracts::{Permission, ProblemType, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, List, Page, Problem, Query};

use super::gone;
use super::roles::{PermissionName, held};
use crate::app::second_factor::prove;
use crate::app::tokens::issue_to;
use crate::app::{App, random};
use crate::domain::Password;
use crate::domain::opaque::Opaque;
use crate::domain::role::holds_all;
use crate::domain::token::Bearer;
use crate::store::api_keys::{self, ApiKey};
use crate::store::revocations::{Ended, insert_revocation};
use crate::store::second_factor;

const LARGEST_PAGE: u64 = 100;
/// Keys of one owner that can be used at the same time.
const MOST_KEYS: i64 = 50;
const LONGEST_DAYS: i64 = 365;

/// A key for a machine. Its name is the natural key: there is one of a name at a time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "warehouse scanner")]
    pub name: KeyName,
    /// What it may do: nothing that its owner may not.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 100, example = json!(["orders:read"]))]
    pub permissions: Vec<PermissionName>,
    #[schema(value_type = i64, minimum = 1, maximum = 365, example = 90)]
    pub expires_in_days: Days,
    /// The account's, since a token that was found must not be enough.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
}

/// 1 to 100 characters.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyName(String);

/// 1 to 365.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub struct Days(i64);

/// The key itself, shown this once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKeyView {
    pub id: Uuid,
    /// Sent as `Authorization: Bearer <key>`.
    #[schema(example = "cwk_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")]
    pub key: String,
    pub name: String,
    pub permissions: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A key, without what proves that one has it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyView {
    pub id: Uuid,
    pub name: String,
    pub permissions: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// To a quarter of an hour: so long a gateway goes on with what it got for the key.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeyPath {
    api_key_id: Uuid,
}

impl TryFrom<String> for KeyName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<KeyName, &'static str> {
        let text = text.trim();
        if (1..=100).contains(&text.chars().count()) {
            Ok(KeyName(text.to_owned()))
        } else {
            Err("a key's name has 1 to 100 characters")
        }
    }
}

impl TryFrom<i64> for Days {
    type Error = &'static str;

    fn try_from(days: i64) -> Result<Days, &'static str> {
        if (1..=LONGEST_DAYS).contains(&days) { Ok(Days(days)) } else { Err("a key lasts 1 to 365 days") }
    }
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> ApiKeyView {
        ApiKeyView {
            id: key.id,
            name: key.name,
            permissions: key.permissions,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

pub(super) async fn create_api_key(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<CreateApiKey>,
) -> Result<impl IntoResponse, Problem> {
    caller.person()?;
    let permissions = wanted(&request.permissions)?;
    let now = app.clock.now();
    prove(&app, caller.user_id, request.password, now).await?;
    let secret = Opaque::api_key(random::bits()?);
    let mut tx = app.db.begin().await?;
    holds_all(&held(&mut tx, &caller, Permission::ApiKeysWrite).await?, &permissions)?;
    let count = api_keys::lock_count(&mut tx, caller.user_id, now).await?.ok_or_else(gone)?;
    if count >= MOST_KEYS {
        return Err(Problem::new(ProblemType::Conflict).detail("there are 50 keys; revoke one first"));
    }
    let key = ApiKey {
        id: Uuid::now_v7(),
        user_id: caller.user_id.0,
        name: request.name.0,
        permissions: permissions.iter().map(|permission| permission.name().to_owned()).collect(),
        created_at: now,
        expires_at: now + TimeDelta::days(request.expires_in_days.0),
        last_used_at: None,
        revoked_at: None,
    };
    if !api_keys::insert_api_key(&mut tx, &key, &secret.hash()).await? {
        return Err(
            Problem::new(ProblemType::Conflict).detail("there is a key of this name; revoke it first")
        );
    }
    tx.commit().await?;
    let view = CreatedApiKeyView {
        id: key.id,
        key: secret.expose().to_owned(),
        name: key.name,
        permissions: key.permissions,
        created_at: key.created_at,
        expires_at: key.expires_at,
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(view)))
}

/// What the key is to carry, each once and nothing that is for the person alone.
fn wanted(names: &[PermissionName]) -> Result<Vec<Permission>, Problem> {
    let mut permissions: Vec<Permission> = names.iter().map(|name| name.0).collect();
    permissions.sort_unstable();
    permissions.dedup();
    if permissions.is_empty() {
        return Err(Problem::new(ProblemType::InvalidField).detail("permissions: a key needs at least one"));
    }
    match permissions.iter().find(|permission| !permission.of_machines()) {
        None => Ok(permissions),
        Some(own) => Err(Problem::new(ProblemType::InvalidField)
            .detail(format!("permissions: {} is for the account's owner alone", own.name()))),
    }
}

pub(super) async fn list_api_keys(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<ApiKeyView>>, Problem> {
    let (limit, before) = (page.limit(LARGEST_PAGE)?, page.after::<Uuid>()?);
    let mut db = app.db.acquire().await?;
    let keys = api_keys::list_api_keys(&mut db, caller.user_id, before, limit + 1).await?;
    let views = keys.into_iter().map(ApiKeyView::from).collect();
    Ok(Json(List::from_rows(views, limit, |view: &ApiKeyView| view.id)))
}

/// Revoking one that is revoked changes nothing.
pub(super) async fn revoke_api_key(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<ApiKeyPath>,
) -> Result<StatusCode, Problem> {
    caller.person()?;
    let (id, now) = (path.api_key_id, app.clock.now());
    let mut tx = app.db.begin().await?;
    if !api_keys::find_api_key(&mut tx, caller.user_id, id).await? {
        return Err(Problem::not_found());
    }
    if api_keys::update_revoked(&mut tx, caller.user_id, id, now).await? {
        insert_revocation(&mut tx, Ended::ApiKey(id), now).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// For the gateway: a key that cannot be used is answered as a token that is none.
pub(super) async fn exchange_api_key(
    State(app): State<App>,
    Json(request): Json<ExchangeApiKey>,
) -> Result<Json<ExchangedToken>, Problem> {
    let invalid = || Problem::new(ProblemType::InvalidToken);
    let hash = Opaque::try_from(request.key).map_err(|_| invalid())?.hash();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let key = api_keys::update_last_used(&mut tx, &hash, now).await?.ok_or_else(invalid)?;
    let bearer = Bearer::Machine {
        key_id: key.id,
        permissions: key.permissions.iter().filter_map(|name| Permission::from_name(name)).collect(),
        expires_at: key.expires_at,
        second_factor: second_factor::find_confirmed(&mut tx, UserId(key.user_id)).await?,
    };
    let issued = issue_to(&app, &mut tx, UserId(key.user_id), &bearer, now).await?;
    tx.commit().await?;
    Ok(Json(ExchangedToken { access_token: issued.access_token, expires_in: issued.expires_in }))
}
