//! Changing a password, and choosing a new one when it is forgotten.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::event::UserPasswordChanged;
use contracts::{PasswordChangeId, ProblemType, SessionId, UserId};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::request::RequestId;
use web::{Caller, Json, Problem};

use super::client::ClientAddress;
use super::credentials::{choose, prove, too_many};
use super::gone;
use crate::app::App;
use crate::domain::mail::Purpose;
use crate::domain::opaque::{Hash, Opaque};
use crate::domain::session::EndReason;
use crate::domain::throttle::{self, Subjects, WINDOW};
use crate::domain::{Email, Password};
use crate::events::say;
use crate::store::profiles::{self, Profile};
use crate::store::revocations::insert_user_revocations;
use crate::store::sessions::{self, Which};
use crate::store::{self, api_keys, mails, second_factor};

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub old_password: Password,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub new_password: Password,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestReset {
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: Email,
}

/// The code from the mail and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmReset {
    #[schema(value_type = String, max_length = 100)]
    pub code: Opaque,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
}

/// The session that asks goes on, all others end.
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    caller.person()?;
    let profile = profile(&app, caller.user_id).await?;
    let account = &profile.account;
    let proved = prove(&app, &account.email, request.old_password, address).await?;
    let hash = choose(&app, request.new_password, &account.email, &account.name).await?;

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let stored = profiles::lock_profile(&mut tx, caller.user_id).await?.ok_or_else(gone)?;
    if stored.password_hash != proved.password_hash {
        return Err(Problem::new(ProblemType::Conflict).detail("the password was changed meanwhile"));
    }
    proved.forgive(&mut tx, now).await?;
    let others = Which::Except(caller.session_id.map(SessionId));
    put(&mut tx, caller.user_id, &hash, others, request_id.0, now).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// Answers the same for every address, after the same work: whether there is an account is looked up later.
pub(super) async fn request_reset(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Json(request): Json<RequestReset>,
) -> Result<StatusCode, Problem> {
    let subjects = Subjects::of_reset(&request.email, address);
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    // Counted first, under the counters' locks; a refusal takes it back.
    store::insert_failure(&mut tx, &subjects, now, now - WINDOW).await?;
    let counted = store::find_counted(&mut tx, &subjects).await?;
    if let Some(wait) = throttle::wait_for_reset(counted, now) {
        return Err(too_many("too many mails were asked for; wait before you try again", wait));
    }
    mails::insert_reset_request(&mut tx, Uuid::now_v7(), &request.email, now).await?;
    tx.commit().await?;
    app.resets.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// Whoever has the mail has the account: all sessions and API keys end, the address is known to be the owner's, and
/// the place from which it was done stays open when others guess. A second factor that was put on before anybody had
/// shown whose the address is may be a stranger's, who registered it, and goes.
pub(super) async fn confirm_reset(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<ConfirmReset>,
) -> Result<StatusCode, Problem> {
    let code = request.code.hash();
    // Before a hash is made, so that guesses cost nothing.
    let user_id = owner(&mut *app.db.acquire().await?, &code, app.clock.now()).await?;
    let account = profile(&app, user_id).await?.account;
    let hash = choose(&app, request.password, &account.email, &account.name).await?;

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    owner(&mut tx, &code, now).await?;
    if mails::update_email_verified(&mut tx, user_id, now).await? {
        second_factor::delete_totp(&mut tx, user_id).await?;
    }
    api_keys::update_all_revoked(&mut tx, user_id, now).await?;
    insert_user_revocations(&mut tx, &[user_id], now).await?;
    let subjects = Subjects::new(&account.email, address);
    store::delete_failures(&mut tx, &subjects).await?;
    sessions::upsert_known_address(&mut tx, user_id, &subjects.address, now).await?;
    put(&mut tx, user_id, &hash, Which::All, request_id.0, now).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps a new password, ends sessions that began with the old one and what was mailed to replace it, and tells the
/// owner.
async fn put(
    tx: &mut PgConnection,
    user_id: UserId,
    hash: &str,
    ended: Which,
    cause: String,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    profiles::update_password(tx, user_id, hash).await?;
    sessions::update_ended(tx, user_id, ended, EndReason::Password, now).await?;
    mails::update_mails_used(tx, user_id, Purpose::Reset, now).await?;
    let change_id = PasswordChangeId(Uuid::now_v7());
    say(tx, user_id, UserPasswordChanged { user_id, change_id }, Some(cause), now).await
}

async fn owner(db: &mut PgConnection, code: &Hash, now: DateTime<Utc>) -> Result<UserId, Problem> {
    mails::lock_code(db, code, Purpose::Reset, now)
        .await?
        .ok_or_else(|| Problem::new(ProblemType::InvalidCode))
}

async fn profile(app: &App, user_id: UserId) -> Result<Profile, Problem> {
    let mut db = app.db.acquire().await?;
    profiles::find_profile(&mut db, user_id).await?.ok_or_else(gone)
}
