//! Registering, and who one is.

use argon2::password_hash::generate_salt;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::permission::Role;
use contracts::{Permission, ProblemType, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, Problem};

use crate::app::App;
use crate::app::hashing::cost;
use crate::domain::{Account, Email, Name, Password, password, token};
use crate::store;

/// A customer's new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterUser {
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: Email,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Ada Lovelace")]
    pub name: Name,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub roles: Vec<String>,
    pub created_at: DateTime<Utc>,
}

/// The caller's account and what it may do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
}

/// The address is the natural key: whoever sends this twice is told that the account exists.
pub(super) async fn register_user(
    State(app): State<App>,
    Json(request): Json<RegisterUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let RegisterUser { email, password, name } = request;
    let (cost, salt) = (cost(&app.live), generate_salt());
    let hash = app.hashing.place().await?.run(move || password::hash(&password, cost, &salt)).await?;
    let account = Account { id: UserId(Uuid::now_v7()), email, name, created_at: app.clock.now() };

    let mut tx = app.db.begin().await?;
    if !store::insert_account(&mut tx, &account, &hash).await? {
        return Err(Problem::new(ProblemType::EmailTaken).detail("log in, or register another address"));
    }
    store::insert_role(&mut tx, account.id, Role::Customer, account.created_at).await?;
    tx.commit().await?;
    let view = UserView {
        id: account.id,
        email: account.email.as_str().to_owned(),
        name: account.name.as_str().to_owned(),
        roles: names(&[Role::Customer]),
        created_at: account.created_at,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Roles and permissions as they are now; the token still has those of when it was given out.
pub(super) async fn read_me(State(app): State<App>, caller: Caller) -> Result<Json<MeView>, Problem> {
    let mut db = app.db.acquire().await?;
    let account = store::find_account(&mut db, caller.user_id).await?.ok_or_else(Problem::not_found)?;
    let roles = store::list_roles(&mut db, account.id).await?;
    let permissions =
        token::permissions(&roles).into_iter().map(|permission| Permission::name(permission).to_owned());
    Ok(Json(MeView {
        id: account.id,
        email: account.email.as_str().to_owned(),
        name: account.name.as_str().to_owned(),
        roles: names(&roles),
        permissions: permissions.collect(),
    }))
}

fn names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.name().to_owned()).collect()
}
