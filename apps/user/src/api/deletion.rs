//! Deleting an account: what says whose it was goes, here and, by an event, everywhere; the books stay.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use contracts::ProblemType;
use contracts::event::UserDeleted;
use serde::Deserialize;
use utoipa::ToSchema;
use web::request::RequestId;
use web::{Caller, Json, Problem};

use super::client::ClientAddress;
use super::credentials::prove;
use super::gone;
use super::roles::kept;
use crate::app::App;
use crate::domain::Password;
use crate::events::say;
use crate::store::{api_keys, profiles, revocations, roles, second_factor};

/// Shows that it is the owner who wants it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
}

/// The last administrator stays.
pub(super) async fn delete_account(
    State(app): State<App>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<DeleteAccount>,
) -> Result<StatusCode, Problem> {
    caller.person()?;
    let profile =
        profiles::find_profile(&mut *app.db.acquire().await?, caller.user_id).await?.ok_or_else(gone)?;
    let proved = prove(&app, &profile.account.email, request.password, address).await?;

    let (user_id, now) = (caller.user_id, app.clock.now());
    let mut tx = app.db.begin().await?;
    let stored = profiles::lock_profile(&mut tx, user_id).await?.ok_or_else(gone)?;
    if stored.password_hash != proved.password_hash {
        return Err(Problem::new(ProblemType::Conflict).detail("the password was changed meanwhile"));
    }
    roles::delete_user_roles(&mut tx, user_id).await.map_err(kept)?;
    api_keys::delete_api_keys(&mut tx, user_id).await?;
    second_factor::delete_totp(&mut tx, user_id).await?;
    profiles::delete_belongings(&mut tx, user_id).await?;
    profiles::update_deleted(&mut tx, user_id, now).await?;
    revocations::insert_user_revocations(&mut tx, &[user_id], now).await?;
    say(&mut tx, user_id, UserDeleted { user_id }, Some(request_id.0), now).await?;
    tx.commit().await?;
    app.outbox.wake();
    tracing::info!(user.id = %user_id, "an account was deleted");
    Ok(StatusCode::NO_CONTENT)
}
