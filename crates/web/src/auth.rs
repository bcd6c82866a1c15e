//! Access tokens: JWT signed with Ed25519, checked against `user`'s public keys. Who calls, and what they may do.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use contracts::{Permission, ProblemType, UserId};
use futures::future::BoxFuture;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, RwLock};
use uuid::Uuid;

use crate::Problem;

pub const ISSUER: &str = "cartwright";
pub const AUDIENCE: &str = "cartwright";

/// Clocks of two machines may differ by this much.
const LEEWAY_SECONDS: u64 = 5;
/// An unknown key id makes the keys be fetched, at most this often whoever asks.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// After a fetch that failed, for this long everybody is told so without another try.
const RETRY_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// What an access token says (RFC 9068).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: Uuid,
    /// Seconds since 1970.
    pub iat: i64,
    pub exp: i64,
    pub jti: Uuid,
    /// Permission names, separated by spaces.
    pub scope: String,
}

/// Who calls, from a token that this service has checked itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user_id: UserId,
    permissions: BTreeSet<Permission>,
}

impl Caller {
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

type Fetch = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<JwkSet>> + Send + Sync>;

/// The public keys that tokens are checked against, fetched when an unknown one shows up.
#[derive(Clone)]
pub struct Keys {
    known: Arc<RwLock<HashMap<String, DecodingKey>>>,
    fetched: Arc<Mutex<Option<LastFetch>>>,
    fetch: Fetch,
}

/// When the keys were last asked for, and whether they came.
#[derive(Clone, Copy)]
struct LastFetch {
    at: Instant,
    came: bool,
}

impl Keys {
    /// Keys that `fetch` brings, at the first token and whenever one names an unknown key.
    pub fn fetched(
        fetch: impl Fn() -> BoxFuture<'static, anyhow::Result<JwkSet>> + Send + Sync + 'static,
    ) -> Keys {
        Keys { known: Arc::default(), fetched: Arc::default(), fetch: Arc::new(fetch) }
    }

    /// Keys that are known from the start: the signer's own, or a test's.
    pub fn fixed(set: JwkSet) -> Keys {
        Keys::fetched(move || {
            let set = set.clone();
            Box::pin(async move { Ok(set) })
        })
    }

    /// Checks a token and says who calls.
    ///
    /// # Errors
    /// `invalid-token`, `expired-token`, or `unavailable` when no key is known and none can be fetched.
    pub async fn check(&self, token: &str) -> Result<Caller, Problem> {
        let invalid = || Problem::new(ProblemType::InvalidToken);
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid());
        }
        let kid = header.kid.ok_or_else(invalid)?;
        let key = self.key(&kid).await?.ok_or_else(invalid)?;

        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Problem::new(ProblemType::ExpiredToken),
                _ => invalid(),
            })?
            .claims;
        Ok(Caller {
            user_id: UserId(claims.sub),
            permissions: claims.scope.split(' ').filter_map(Permission::from_name).collect(),
        })
    }

    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        if let Some(key) = self.known.read().await.get(kid) {
            return Ok(Some(key.clone()));
        }
        // One fetch at a time: whoever waited here finds what the first one brought.
        let mut last = self.fetched.lock().await;
        if let Some(key) = self.known.read().await.get(kid) {
            return Ok(Some(key.clone()));
        }
        match *last {
            Some(LastFetch { at, came: true }) if at.elapsed() < REFRESH_AT_MOST_EVERY => return Ok(None),
            Some(LastFetch { at, came: false }) if at.elapsed() < RETRY_AT_MOST_EVERY => {
                return Err(Problem::unavailable(anyhow::anyhow!("the signing keys could not be fetched")));
            }
            Some(_) | None => {}
        }
        let set = (self.fetch)().await;
        *last = Some(LastFetch { at: Instant::now(), came: set.is_ok() });
        let set = set.map_err(Problem::unavailable)?;
        let keys = set
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect();
        *self.known.write().await = keys;
        Ok(self.known.read().await.get(kid).cloned())
    }
}

/// The bearer token of a request.
///
/// # Errors
/// `unauthenticated` when there is none, `invalid-token` when the header is of another form.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| Problem::new(ProblemType::Unauthenticated))?;
    header
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "))
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Problem::new(ProblemType::InvalidToken))
}

/// Checks the request's token and the permission.
///
/// # Errors
/// Those of [`bearer`] and [`Keys::check`], and `forbidden`.
pub async fn permitted(headers: &HeaderMap, keys: &Keys, permission: Permission) -> Result<Caller, Problem> {
    let caller = keys.check(bearer(headers)?).await?;
    if caller.may(permission) {
        Ok(caller)
    } else {
        Err(Problem::new(ProblemType::Forbidden).detail(format!("this needs {}", permission.name())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| Problem::new(ProblemType::Unauthenticated))
    }
}
