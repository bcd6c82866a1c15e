//! Logging in, and the keys by which others know that somebody did.

use std::convert::Infallible;
use std::net::IpAddr;

use argon2::password_hash::generate_salt;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::TimeDelta;
use contracts::{ProblemType, UserId};
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Json, Problem};

use crate::app::App;
use crate::app::hashing::cost;
use crate::domain::password::{self, Checked};
use crate::domain::throttle::{self, Subjects, WINDOW};
use crate::domain::{Email, Password, token};
use crate::store;

/// Where the gateway says who stands before it; a client cannot set it.
const CLIENT_ADDRESS: &str = "x-client-address";

/// What proves who somebody is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.org")]
    pub email: Email,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    pub password: Password,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds until the token is no longer taken.
    #[schema(example = 900)]
    pub expires_in: i64,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct JwksView {
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<Jwk>,
}

/// The address that the request came from, where the gateway could tell.
pub(super) struct ClientAddress(Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
        Ok(ClientAddress(header.and_then(|text| text.trim().parse().ok())))
    }
}

pub(super) async fn log_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Json(request): Json<LogIn>,
) -> Result<impl IntoResponse, Problem> {
    let LogIn { email, password } = request;
    let subjects = Subjects::new(&email, address);
    // Looked up once a place is held, so that no more guesses than places can pass the counter at once.
    let place = app.hashing.place().await?;
    admit(&app, &subjects).await?;
    let credentials = store::find_credentials(&mut *app.db.acquire().await?, &email).await?;

    let stored = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let (cost, salt) = (cost(&app.live), generate_salt());
    let checked = place.run(move || password::check(&password, stored.as_deref(), cost, &salt)).await?;

    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    let (Some(credentials), Checked::Right { anew }) = (credentials, checked) else {
        store::insert_failure(&mut tx, &subjects, now, now - WINDOW).await?;
        tx.commit().await?;
        return Err(Problem::new(ProblemType::WrongCredentials));
    };
    let user_id = UserId(credentials.user_id);
    store::delete_failures(&mut tx, &subjects).await?;
    if let Some(hash) = anew {
        store::update_password_hash(&mut tx, &credentials, &hash).await?;
    }
    let roles = store::list_roles(&mut tx, user_id).await?;
    tx.commit().await?;

    let claims = token::claims(user_id, &roles, now, Uuid::now_v7());
    let view = SessionView {
        access_token: app.signing.sign(&claims).map_err(anyhow::Error::from)?,
        token_type: "Bearer".to_owned(),
        expires_in: token::LIFETIME.num_seconds(),
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(view)))
}

/// Whether another attempt may be made now.
async fn admit(app: &App, subjects: &Subjects) -> Result<(), Problem> {
    let mut db = app.db.acquire().await?;
    let account = store::find_failures(&mut db, &subjects.account).await?;
    let address = store::find_failures(&mut db, &subjects.address).await?;
    match throttle::wait(account, address, app.clock.now()) {
        None => Ok(()),
        Some(wait) => Err(Problem::new(ProblemType::RateLimited)
            .detail("too many log-ins failed; wait before you try again")
            .retry_after(whole_seconds(wait))),
    }
}

/// Rounded up: after that many seconds the wait is over.
fn whole_seconds(wait: TimeDelta) -> u32 {
    u32::try_from((wait + TimeDelta::milliseconds(999)).num_seconds()).unwrap_or(u32::MAX)
}

pub(super) async fn read_jwks(State(app): State<App>) -> Json<JwksView> {
    Json(JwksView { keys: app.signing.jwks().keys.clone() })
}
