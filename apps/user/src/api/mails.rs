//! Mails with one-time codes: asking for one, giving `notification` what stands in it, and showing the code.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::event::UserVerificationRequested;
use contracts::mail::{MailAnswer, MailCode, MailQuery};
use contracts::{MailId, ProblemType, UserId};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::request::RequestId;
use web::{Caller, Json, Problem};

use super::credentials::too_many;
use super::gone;
use crate::app::{App, random};
use crate::domain::mail::{MOST_CODES, Purpose};
use crate::domain::opaque::Opaque;
use crate::events::say;
use crate::store::{mails, profiles};

/// The code from the mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmail {
    #[schema(value_type = String, max_length = 100)]
    pub code: Opaque,
}

/// Asks for the mail that shows whose address it is.
pub async fn ask_verification(
    tx: &mut PgConnection,
    user_id: UserId,
    cause: String,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mail_id = MailId(Uuid::now_v7());
    mails::insert_mail(tx, mail_id, user_id, Purpose::Verification, now).await?;
    say(tx, user_id, UserVerificationRequested { user_id, mail_id }, Some(cause), now).await
}

pub(super) async fn request_verification(
    State(app): State<App>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let last = mails::lock_last_mail(&mut tx, caller.user_id, Purpose::Verification).await?;
    let profile = profiles::find_profile(&mut tx, caller.user_id).await?.ok_or_else(gone)?;
    if profile.email_verified_at.is_some() {
        return Err(Problem::new(ProblemType::Conflict).detail("the address is known to be yours already"));
    }
    if let Some(wait) = Purpose::Verification.wait(last, now) {
        return Err(too_many("a mail was sent just now; look for it before you ask for another one", wait));
    }
    ask_verification(&mut tx, caller.user_id, request_id.0, now).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(StatusCode::ACCEPTED)
}

/// What `notification` writes into the mail. The code is made here and now, and kept as a hash only.
pub(super) async fn issue_mail_code(
    State(app): State<App>,
    Json(query): Json<MailQuery>,
) -> Result<Json<MailAnswer>, Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mail = mails::lock_open_mail(&mut tx, query.mail_id, now).await?;
    let Some(mail) = mail.filter(|mail| mail.codes < MOST_CODES) else {
        return Ok(Json(MailAnswer { mail: None }));
    };
    let code = Opaque::mail(random::bits()?);
    mails::insert_code(&mut tx, &code.hash(), query.mail_id, now).await?;
    tx.commit().await?;
    Ok(Json(MailAnswer {
        mail: Some(MailCode {
            email: mail.email.as_str().to_owned(),
            name: mail.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
            code: code.expose().to_owned(),
            expires_at: mail.expires_at,
        }),
    }))
}

pub(super) async fn confirm_email(
    State(app): State<App>,
    Json(request): Json<ConfirmEmail>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let user_id = mails::lock_code(&mut tx, &request.code.hash(), Purpose::Verification, now)
        .await?
        .ok_or_else(|| Problem::new(ProblemType::InvalidCode))?;
    mails::update_mails_used(&mut tx, user_id, Purpose::Verification, now).await?;
    mails::update_email_verified(&mut tx, user_id, now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
