//! One's own account: what it says, and its name.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Caller, ETag, IfMatch, Json, Problem};

use super::gone;
use crate::app::App;
use crate::domain::Name;
use crate::store::profiles::{self, Profile};

/// One's own account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProfileView {
    pub id: UserId,
    pub email: String,
    /// When it was shown that the address is one's own.
    pub email_verified_at: Option<DateTime<Utc>>,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Ada King")]
    pub name: Name,
}

impl From<&Profile> for ProfileView {
    fn from(profile: &Profile) -> ProfileView {
        ProfileView {
            id: profile.account.id,
            email: profile.account.email.as_str().to_owned(),
            email_verified_at: profile.email_verified_at,
            name: profile.account.name.as_str().to_owned(),
            created_at: profile.account.created_at,
        }
    }
}

pub(super) async fn read_profile(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let mut db = app.db.acquire().await?;
    let profile = profiles::find_profile(&mut db, caller.user_id).await?.ok_or_else(gone)?;
    Ok(shown(&profile))
}

pub(super) async fn change_profile(
    State(app): State<App>,
    caller: Caller,
    seen: IfMatch,
    Json(request): Json<ChangeProfile>,
) -> Result<Response, Problem> {
    let mut tx = app.db.begin().await?;
    let mut profile = profiles::lock_profile(&mut tx, caller.user_id).await?.ok_or_else(gone)?;
    seen.check(profile.version)?;
    profiles::update_name(&mut tx, caller.user_id, &request.name).await?;
    tx.commit().await?;
    profile.account.name = request.name;
    profile.version += 1;
    Ok(shown(&profile))
}

fn shown(profile: &Profile) -> Response {
    (ETag(profile.version), Json(ProfileView::from(profile))).into_response()
}
