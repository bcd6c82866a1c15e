//! Beginning and ending with a second factor.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use contracts::ProblemType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Caller, Json, Problem};

use super::client::ClientAddress;
use super::gone;
use crate::app::second_factor::{check, confirm, prove, purpose};
use crate::app::{App, random};
use crate::domain::Password;
use crate::domain::second_factor::{Code, SECRET_BYTES, enrolment};
use crate::store::revocations::insert_user_revocations;
use crate::store::{self, second_factor, sessions};

/// The account's password, since a token that was found must not be enough.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolTotp {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
}

/// What an authenticator app is given. It is shown this once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct EnrolmentView {
    /// To type: base32.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub secret: String,
    /// To show as a QR code.
    #[schema(
        example = "otpauth://totp/Cartwright:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    )]
    pub uri: String,
}

/// The app's present code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotp {
    #[schema(value_type = String, max_length = 64, example = "492039")]
    pub code: Code,
}

/// Each is taken once in a code's place. They are shown this once.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodesView {
    #[schema(example = json!(["ABCD-EFGH-IJKL-MNOP"]))]
    pub recovery_codes: Vec<String>,
}

/// Both factors, for the last time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableTotp {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
    #[schema(value_type = String, max_length = 64, example = "492039")]
    pub code: Code,
}

/// Enrolling again before the first code was shown gives a new secret.
pub(super) async fn enrol_totp(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<EnrolTotp>,
) -> Result<impl IntoResponse, Problem> {
    caller.person()?;
    let now = app.clock.now();
    prove(&app, caller.user_id, request.password, now).await?;
    let secret = &random::bits()?[..SECRET_BYTES];
    let sealed = app.sealing.seal(&purpose(caller.user_id), secret).map_err(anyhow::Error::from)?;
    let mut db = app.db.acquire().await?;
    let account = store::find_account(&mut db, caller.user_id).await?.ok_or_else(gone)?;
    if !second_factor::insert_totp(&mut db, caller.user_id, &sealed, now).await? {
        return Err(Problem::new(ProblemType::Conflict).detail("there is a second factor; remove it first"));
    }
    let (secret, uri) = enrolment(secret, account.email.as_str()).map_err(anyhow::Error::from)?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(EnrolmentView { secret, uri })))
}

/// From here on a log-in asks for a code.
pub(super) async fn confirm_totp(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<ConfirmTotp>,
) -> Result<impl IntoResponse, Problem> {
    caller.person()?;
    let recovery_codes = confirm(&app, caller.user_id, &request.code, app.clock.now()).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(RecoveryCodesView { recovery_codes })))
}

/// No session counts as begun with it any more, and tokens that say so are taken back.
pub(super) async fn disable_totp(
    State(app): State<App>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Json(request): Json<DisableTotp>,
) -> Result<StatusCode, Problem> {
    caller.person()?;
    let now = app.clock.now();
    prove(&app, caller.user_id, request.password, now).await?;
    if !check(&app, caller.user_id, Some(&request.code), address, now).await? {
        return Err(Problem::new(ProblemType::Conflict).detail("there is no second factor"));
    }
    let mut tx = app.db.begin().await?;
    insert_user_revocations(&mut tx, &[caller.user_id], now).await?;
    second_factor::delete_totp(&mut tx, caller.user_id).await?;
    sessions::update_second_factor_gone(&mut tx, caller.user_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
