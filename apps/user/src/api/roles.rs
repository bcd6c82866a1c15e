//! Roles over one catalogue of permissions, and who has them.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::{Permission, ProblemType, UserId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, ETag, IfMatch, Json, List, Page, Problem, Query};

use crate::app::App;
use crate::domain::role::{NotHeld, RoleName, RoleRecord, holds_all};
use crate::store::revocations::insert_user_revocations;
use crate::store::roles;

const LARGEST_PAGE: u64 = 100;

/// A permission of the catalogue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PermissionView {
    #[schema(example = "orders:read_any")]
    pub name: String,
    pub meaning: String,
    /// Whether it is more than a customer may.
    pub staff: bool,
}

/// A role with what it allows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    #[schema(example = "support")]
    pub name: String,
    pub description: String,
    pub permissions: Vec<String>,
    /// Whether its permissions cannot be changed.
    pub fixed: bool,
    /// Grows with each change; its entity tag.
    pub version: i64,
}

/// A new role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRole {
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_-]{1,39}$", example = "night-shift")]
    pub name: RoleName,
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Ships what was packed by day")]
    pub description: Description,
    #[schema(value_type = Vec<String>, max_items = 100, example = json!(["orders:manage"]))]
    pub permissions: Vec<PermissionName>,
}

/// What a role is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRole {
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Helps customers with their orders")]
    pub description: Description,
    #[schema(value_type = Vec<String>, max_items = 100, example = json!(["orders:read_any", "orders:manage"]))]
    pub permissions: Vec<PermissionName>,
}

/// Somebody who has a role.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HolderView {
    pub user_id: UserId,
    pub granted_at: DateTime<Utc>,
}

/// The roles that a user has, and what they allow together.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserRolesView {
    pub user_id: UserId,
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
}

/// 1 to 200 characters.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Description(String);

/// A permission by its name.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct PermissionName(pub Permission);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolePath {
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldersQuery {
    role: String,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPath {
    user_id: UserId,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRolePath {
    user_id: UserId,
    role: String,
}

impl TryFrom<String> for Description {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Description, &'static str> {
        let text = text.trim();
        if (1..=200).contains(&text.chars().count()) {
            Ok(Description(text.to_owned()))
        } else {
            Err("a description has 1 to 200 characters")
        }
    }
}

impl TryFrom<String> for PermissionName {
    type Error = String;

    fn try_from(text: String) -> Result<PermissionName, String> {
        let known = Permission::from_name(&text).map(PermissionName);
        known.ok_or_else(|| format!("there is no permission {:?}", text.chars().take(64).collect::<String>()))
    }
}

impl From<RoleRecord> for RoleView {
    fn from(record: RoleRecord) -> RoleView {
        RoleView {
            fixed: record.name.fixed().is_some(),
            name: record.name.as_str().to_owned(),
            description: record.description,
            permissions: names(&record.permissions),
            version: record.version,
        }
    }
}

impl From<NotHeld> for Problem {
    fn from(error: NotHeld) -> Problem {
        Problem::new(ProblemType::Forbidden).detail(error.to_string()).with("permission", error.0.name())
    }
}

pub(super) async fn list_permissions() -> Json<List<PermissionView>> {
    let view = |permission: &Permission| PermissionView {
        name: permission.name().to_owned(),
        meaning: permission.meaning().to_owned(),
        staff: permission.of_staff(),
    };
    Json(List { items: Permission::ALL.iter().map(view).collect(), next_cursor: None })
}

pub(super) async fn list_roles(State(app): State<App>) -> Result<Json<List<RoleView>>, Problem> {
    let records = roles::list_roles(&mut *app.db.acquire().await?).await?;
    Ok(Json(List { items: records.into_iter().map(RoleView::from).collect(), next_cursor: None }))
}

pub(super) async fn read_role(
    State(app): State<App>,
    Query(path): Query<RolePath>,
) -> Result<(ETag, Json<RoleView>), Problem> {
    let record = roles::find_role(&mut *app.db.acquire().await?, &role_name(path.role)?).await?;
    Ok(answer(record.ok_or_else(Problem::not_found)?))
}

/// The name is the natural key: whoever sends this twice is told that the role exists.
pub(super) async fn create_role(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<CreateRole>,
) -> Result<(StatusCode, ETag, Json<RoleView>), Problem> {
    let record = RoleRecord {
        name: request.name,
        description: request.description.0,
        permissions: request.permissions.into_iter().map(|name| name.0).collect(),
        version: 1,
    };
    let mut tx = app.db.begin().await?;
    holds_all(&held(&mut tx, &caller, Permission::RolesWrite).await?, &record.permissions)?;
    if !roles::insert_role_record(&mut tx, &record).await? {
        return Err(Problem::new(ProblemType::Conflict).detail("there is a role of this name"));
    }
    roles::update_role_permissions(&mut tx, &record).await?;
    tx.commit().await?;
    let (etag, view) = answer(record);
    Ok((StatusCode::CREATED, etag, view))
}

/// Whoever has the role gets new tokens that say what it allows from now on.
pub(super) async fn change_role(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<RolePath>,
    if_match: IfMatch,
    Json(request): Json<ChangeRole>,
) -> Result<(ETag, Json<RoleView>), Problem> {
    let mut tx = app.db.begin().await?;
    let before = roles::lock_role(&mut tx, &role_name(path.role)?).await?.ok_or_else(Problem::not_found)?;
    if_match.check(before.version)?;
    if before.name.fixed().is_some() {
        return Err(Problem::new(ProblemType::Conflict).detail("what this role allows is fixed"));
    }
    let permissions: BTreeSet<Permission> = request.permissions.into_iter().map(|name| name.0).collect();
    let after = RoleRecord {
        name: before.name,
        description: request.description.0,
        permissions,
        version: before.version + 1,
    };
    let concerned = before.permissions.symmetric_difference(&after.permissions);
    holds_all(&held(&mut tx, &caller, Permission::RolesWrite).await?, concerned)?;
    roles::update_role_record(&mut tx, &after).await?;
    roles::update_role_permissions(&mut tx, &after).await?;
    if before.permissions != after.permissions {
        let holders = roles::list_holder_ids(&mut tx, &after.name).await?;
        insert_user_revocations(&mut tx, &holders, app.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(answer(after))
}

pub(super) async fn list_role_holders(
    State(app): State<App>,
    Query(query): Query<HoldersQuery>,
) -> Result<Json<List<HolderView>>, Problem> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (limit, after) = (page.limit(LARGEST_PAGE)?, page.after::<Uuid>()?);
    let name = role_name(query.role)?;
    let mut db = app.db.acquire().await?;
    roles::find_role(&mut db, &name).await?.ok_or_else(Problem::not_found)?;
    let holders = roles::list_holders(&mut db, &name, after, limit + 1).await?;
    let views = holders
        .into_iter()
        .map(|holder| HolderView { user_id: holder.user_id, granted_at: holder.granted_at })
        .collect();
    Ok(Json(List::from_rows(views, limit, |view: &HolderView| view.user_id)))
}

pub(super) async fn list_user_roles(
    State(app): State<App>,
    Query(path): Query<UserPath>,
) -> Result<Json<UserRolesView>, Problem> {
    view_user(&mut *app.db.acquire().await?, path.user_id).await
}

/// Granting what the user has already changes nothing.
pub(super) async fn grant_role(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<UserRolePath>,
) -> Result<Json<UserRolesView>, Problem> {
    let mut tx = app.db.begin().await?;
    // Before the role, as whoever deletes an account takes their locks.
    let holder = roles::lock_holder(&mut tx, path.user_id).await?;
    let role = concerned_role(&mut tx, &caller, path.role).await?;
    holder.ok_or_else(Problem::not_found)?;
    let now = app.clock.now();
    if roles::insert_user_role(&mut tx, path.user_id, &role, now).await? {
        insert_user_revocations(&mut tx, &[path.user_id], now).await?;
    }
    let view = view_user(&mut tx, path.user_id).await?;
    tx.commit().await?;
    Ok(view)
}

/// Withdrawing what the user does not have changes nothing.
pub(super) async fn withdraw_role(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<UserRolePath>,
) -> Result<Json<UserRolesView>, Problem> {
    let mut tx = app.db.begin().await?;
    let holder = roles::lock_holder(&mut tx, path.user_id).await?;
    let role = concerned_role(&mut tx, &caller, path.role).await?;
    holder.ok_or_else(Problem::not_found)?;
    if roles::delete_user_role(&mut tx, path.user_id, &role).await.map_err(kept)? {
        insert_user_revocations(&mut tx, &[path.user_id], app.clock.now()).await?;
    }
    let view = view_user(&mut tx, path.user_id).await?;
    tx.commit().await?;
    Ok(view)
}

/// The role that is given or taken, which stays as it is meanwhile, when the caller holds all that it allows.
async fn concerned_role(tx: &mut PgConnection, caller: &Caller, name: String) -> Result<RoleName, Problem> {
    let record = roles::lock_role(tx, &role_name(name)?).await?.ok_or_else(Problem::not_found)?;
    holds_all(&held(tx, caller, Permission::RolesGrant).await?, &record.permissions)?;
    Ok(record.name)
}

/// What the caller holds both by the token and by the roles of this moment, when what is asked is still among it.
pub(super) async fn held(
    tx: &mut PgConnection,
    caller: &Caller,
    needed: Permission,
) -> Result<BTreeSet<Permission>, Problem> {
    let standing = roles::find_standing(tx, caller.user_id).await?;
    let mut held = standing.map(|standing| standing.permissions).unwrap_or_default();
    held.retain(|permission| caller.may(*permission));
    holds_all(&held, &[needed])?;
    Ok(held)
}

/// The last administrator stays.
pub(crate) fn kept(error: sqlx::Error) -> Problem {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    if constraint == Some(roles::ADMINISTRATOR_KEPT) {
        Problem::new(ProblemType::LastAdministrator).detail("make someone else an administrator first")
    } else {
        Problem::from(error)
    }
}

async fn view_user(db: &mut PgConnection, user_id: UserId) -> Result<Json<UserRolesView>, Problem> {
    let standing = roles::find_standing(db, user_id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(UserRolesView {
        user_id,
        roles: standing.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        permissions: names(&standing.permissions),
    }))
}

/// What cannot be a role's name is none.
fn role_name(text: String) -> Result<RoleName, Problem> {
    RoleName::try_from(text).map_err(|_| Problem::not_found())
}

fn names(permissions: &BTreeSet<Permission>) -> Vec<String> {
    permissions.iter().map(|permission| Permission::name(*permission).to_owned()).collect()
}

fn answer(record: RoleRecord) -> (ETag, Json<RoleView>) {
    (ETag(record.version), Json(record.into()))
}
