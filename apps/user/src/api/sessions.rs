//! Logging in, and staying logged in.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::event::UserTokenReused;
use contracts::{ProblemType, SessionId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::request::RequestId;
use web::{Json, Problem};

use super::client::{ClientAddress, Device};
use super::credentials::prove;
use crate::app::tokens::{self, Holder};
use crate::app::{App, random, second_factor};
use crate::domain::opaque::Opaque;
use crate::domain::second_factor::Code;
use crate::domain::session::{EndReason, LIFETIME, Verdict, refresh_until};
use crate::domain::{Email, Password};
use crate::events::say;
use crate::store::sessions::{self, NewSession, ShownToken, Which};

/// Open sessions of one account; the oldest end when there are more.
const MOST_SESSIONS: i64 = 100;

/// What proves who somebody is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: Email,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
    /// From the authenticator app, or one of the recovery codes, where the account has a second factor.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64, example = "492039")]
    pub code: Option<Code>,
}

/// A refresh token, which is taken once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshSession {
    #[schema(value_type = String, format = Password, max_length = 100)]
    pub refresh_token: Opaque,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub session_id: SessionId,
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds until the access token is no longer taken.
    #[schema(example = 900)]
    pub expires_in: i64,
    /// Taken once, for the next access token and the next refresh token.
    pub refresh_token: String,
    pub refresh_expires_at: DateTime<Utc>,
}

pub(super) async fn log_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Device(device): Device,
    Json(request): Json<LogIn>,
) -> Result<Response, Problem> {
    let LogIn { email, password, code } = request;
    let proved = prove(&app, &email, password, address).await?;
    let now = app.clock.now();
    let second_factor = second_factor::check(&app, proved.user_id, code.as_ref(), address, now).await?;

    let mut tx = app.db.begin().await?;
    let unchanged = sessions::lock_unchanged(&mut tx, proved.user_id, &proved.password_hash).await?;
    unchanged.ok_or_else(|| Problem::new(ProblemType::WrongCredentials))?;
    let session = NewSession {
        id: SessionId(Uuid::now_v7()),
        user_id: proved.user_id,
        second_factor,
        device: &device,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    sessions::insert_session(&mut tx, &session).await?;
    sessions::update_crowded_out(&mut tx, session.user_id, MOST_SESSIONS, now).await?;
    proved.forgive(&mut tx, now).await?;
    let holder = Holder { user_id: session.user_id, session_id: Some(session.id.0), second_factor };
    let view = grant(&app, &mut tx, holder, session.id, refresh_until(session.expires_at, now), now).await?;
    tx.commit().await?;
    Ok(granted(view))
}

/// Takes a refresh token and gives the next one. One that comes a second time has been copied, and nobody can tell
/// by whom it was sent: its session ends, and the owner is told.
pub(super) async fn refresh_session(
    State(app): State<App>,
    Device(device): Device,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<RefreshSession>,
) -> Result<Response, Problem> {
    let invalid = || Problem::new(ProblemType::InvalidRefreshToken);
    let hash = request.refresh_token.hash();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let token = sessions::lock_refresh_token(&mut tx, &hash).await?.ok_or_else(invalid)?;
    match token.shown.judge(now) {
        Verdict::Over => Err(invalid()),
        Verdict::Reused => {
            end_reused(&mut tx, &token, request_id.0, now).await?;
            tx.commit().await?;
            app.outbox.wake();
            tracing::warn!(user.id = %token.user_id, session.id = %token.session_id, "a refresh token was used twice");
            Err(invalid())
        }
        Verdict::Rotate { expires_at } => {
            sessions::update_used(&mut tx, &hash, &device, now).await?;
            let holder = Holder {
                user_id: token.user_id,
                session_id: Some(token.session_id.0),
                second_factor: token.second_factor,
            };
            let view = grant(&app, &mut tx, holder, token.session_id, expires_at, now).await?;
            tx.commit().await?;
            Ok(granted(view))
        }
    }
}

async fn end_reused(
    tx: &mut PgConnection,
    token: &ShownToken,
    cause: String,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (user_id, session_id) = (token.user_id, token.session_id);
    sessions::update_ended(tx, user_id, Which::One(session_id), EndReason::Reused, now).await?;
    say(tx, user_id, UserTokenReused { user_id, session_id }, Some(cause), now).await
}

/// The next access token and the next refresh token of a session.
async fn grant(
    app: &App,
    tx: &mut PgConnection,
    holder: Holder,
    session_id: SessionId,
    refresh_expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<SessionView, Problem> {
    let refresh = Opaque::refresh(random::bits()?);
    sessions::insert_refresh_token(tx, &refresh.hash(), session_id, now, refresh_expires_at).await?;
    let issued = tokens::issue(app, tx, holder, now).await?;
    Ok(SessionView {
        session_id,
        access_token: issued.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: issued.expires_in,
        refresh_token: refresh.expose().to_owned(),
        refresh_expires_at,
    })
}

fn granted(view: SessionView) -> Response {
    (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(view)).into_response()
}
