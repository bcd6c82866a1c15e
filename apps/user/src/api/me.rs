//! Who one is, and what one may do.

use axum::extract::State;
use contracts::{Permission, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, Problem};

use super::gone;
use crate::app::App;
use crate::app::tokens::staff_rule;
use crate::domain::token::StaffRule;
use crate::store::{self, roles, second_factor};

/// The caller's account and what it may do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub roles: Vec<String>,
    /// What this token may do: less than the roles allow for an API key, and for staff without the second factor that
    /// they need.
    pub permissions: Vec<String>,
    /// Whether logging in asks for a code besides.
    pub second_factor: bool,
    /// Whether the roles allow something for which the log-in lacked its second factor.
    pub second_factor_required: bool,
    /// The API key, when a machine asks.
    pub api_key_id: Option<Uuid>,
}

/// As it is now: what was withdrawn since the token was given out is not among it.
pub(super) async fn read_me(State(app): State<App>, caller: Caller) -> Result<Json<MeView>, Problem> {
    let mut db = app.db.acquire().await?;
    let account = store::find_account(&mut db, caller.user_id).await?.ok_or_else(gone)?;
    let standing = roles::find_standing(&mut db, account.id).await?.ok_or_else(gone)?;
    let confirmed =
        second_factor::find_totp(&mut db, account.id).await?.is_some_and(|totp| totp.confirmed_at.is_some());
    let lacking = standing.permissions.iter().any(|held| held.of_staff() && !caller.may(*held));
    let rule = staff_rule(&app);
    Ok(Json(MeView {
        id: account.id,
        email: account.email.as_str().to_owned(),
        name: account.name.as_str().to_owned(),
        roles: standing.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        permissions: standing
            .permissions
            .iter()
            .filter(|permission| caller.may(**permission))
            .map(|permission| Permission::name(*permission).to_owned())
            .collect(),
        second_factor: confirmed,
        second_factor_required: rule == StaffRule::SecondFactor && caller.key_id.is_none() && lacking,
        api_key_id: caller.key_id,
    }))
}
