//! The keys that access tokens are signed with: given out to everybody, rotated by staff.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Json, List, Problem};

use crate::app::App;
use crate::app::keys::Due;
use crate::domain::token::{self, Term};

/// A JSON Web Key Set (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct JwksView {
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<Jwk>,
}

/// A key, by its id.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SigningKeyView {
    pub kid: String,
    pub made_at: DateTime<Utc>,
    /// Given out a while before.
    pub signs_from: DateTime<Utc>,
    /// Whether it is the one that signs now.
    pub signs: bool,
}

pub(super) async fn read_jwks(State(app): State<App>) -> Json<JwksView> {
    Json(JwksView { keys: app.keys.jwks().keys })
}

pub(super) async fn list_signing_keys(State(app): State<App>) -> Result<Json<List<SigningKeyView>>, Problem> {
    app.keys.refresh(&app.db).await?;
    let (terms, now) = (app.keys.terms(), app.clock.now());
    let items = terms.iter().map(|term| view(term, &terms, now)).collect();
    Ok(Json(List { items, next_cursor: None }))
}

/// Asked twice, it makes two keys, of which the later one signs: no token is refused for it.
pub(super) async fn rotate_signing_keys(
    State(app): State<App>,
) -> Result<(StatusCode, Json<SigningKeyView>), Problem> {
    let now = app.clock.now();
    let made = app.keys.rotate(&app.db, Due::Now, now).await?;
    let made = made.ok_or_else(|| anyhow::anyhow!("a key that was asked for was not made"))?;
    tracing::info!(key.id = made.kid, "a new key will sign access tokens");
    Ok((StatusCode::CREATED, Json(view(&made, &app.keys.terms(), now))))
}

fn view(term: &Term, terms: &[Term], now: DateTime<Utc>) -> SigningKeyView {
    SigningKeyView {
        kid: term.kid.clone(),
        made_at: term.made_at,
        signs_from: term.signs_from,
        signs: token::signer(terms, now).is_some_and(|signer| signer.kid == term.kid),
    }
}
