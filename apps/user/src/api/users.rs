//! Registering.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::permission::Role;
use contracts::{ProblemType, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::request::RequestId;
use web::{Json, Problem};

use super::credentials::choose;
use super::mails::ask_verification;
use crate::app::App;
use crate::domain::{Account, Email, Name, Password};
use crate::store::{self, roles};

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

/// The address is the natural key: whoever sends this twice is told that the account exists.
pub(super) async fn register_user(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<RegisterUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let RegisterUser { email, password, name } = request;
    if !email.reachable() {
        return Err(Problem::new(ProblemType::InvalidField).detail("email: no mail gets to .invalid"));
    }
    let hash = choose(&app, password, &email, &name).await?;
    let account = Account { id: UserId(Uuid::now_v7()), email, name, created_at: app.clock.now() };

    let mut tx = app.db.begin().await?;
    if !store::insert_account(&mut tx, &account, &hash).await? {
        return Err(Problem::new(ProblemType::EmailTaken).detail("log in, or register another address"));
    }
    roles::insert_user_role(&mut tx, account.id, &Role::Customer.into(), account.created_at).await?;
    ask_verification(&mut tx, account.id, request_id.0, account.created_at).await?;
    tx.commit().await?;
    app.outbox.wake();
    let view = UserView {
        id: account.id,
        email: account.email.as_str().to_owned(),
        name: account.name.as_str().to_owned(),
        roles: vec![Role::Customer.name().to_owned()],
        created_at: account.created_at,
    };
    Ok((StatusCode::CREATED, Json(view)))
}
