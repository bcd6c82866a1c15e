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
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, RwLock};
use uuid::Uuid;

use crate::{Clock, Problem};

pub const ISSUER: &str = "cartwright";
pub const AUDIENCE: &str = "cartwright";

/// Clocks of two machines may differ by this much.
const LEEWAY_SECONDS: i64 = 5;
/// Ours are short.
const LONGEST_KID: usize = 64;
/// An unknown key id makes the keys be fetched, at most this often whoever asks. A key that is given out for longer
/// than this before it signs is therefore never refused.
pub const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// A key that was taken back is not trusted for much longer than this: known keys are fetched again, beside the
/// requests that go on.
const REFRESH_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
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
    /// The session that the token belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The API key that it was given out for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Uuid>,
    /// Grows when all earlier tokens of the user are taken back.
    #[serde(default, rename = "gen")]
    pub generation: i64,
}

/// Who calls, from a token that this service has checked itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user_id: UserId,
    /// The session whose token it is.
    pub session_id: Option<Uuid>,
    /// The API key, when a machine calls on its owner's behalf.
    pub key_id: Option<Uuid>,
    pub generation: i64,
    permissions: BTreeSet<Permission>,
}

impl Caller {
    /// What it can be called by where something is said of callers: an API key, and its user.
    pub fn ids(&self) -> Vec<Uuid> {
        self.key_id.into_iter().chain([self.user_id.0]).collect()
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub fn permissions(&self) -> &BTreeSet<Permission> {
        &self.permissions
    }

    /// For what guards an account: not for its machines.
    ///
    /// # Errors
    /// `forbidden` when an API key calls.
    pub fn person(&self) -> Result<(), Problem> {
        match self.key_id {
            None => Ok(()),
            Some(_) => Err(Problem::new(ProblemType::Forbidden).detail("an API key may not do this")),
        }
    }
}

impl From<Claims> for Caller {
    fn from(claims: Claims) -> Caller {
        Caller {
            user_id: UserId(claims.sub),
            session_id: claims.sid,
            key_id: claims.key,
            generation: claims.generation,
            permissions: claims.scope.split(' ').filter_map(Permission::from_name).collect(),
        }
    }
}

type Fetch = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<JwkSet>> + Send + Sync>;

/// The public keys that tokens are checked against, fetched when an unknown one shows up, and now and then.
#[derive(Clone)]
pub struct Keys {
    known: Arc<RwLock<HashMap<String, DecodingKey>>>,
    fetched: Arc<Mutex<Option<LastFetch>>>,
    fetch: Fetch,
    held: Held,
    validation: Arc<Validation>,
    clock: Clock,
}

/// For how long fetched keys are held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Looked up each time.
    Never,
    For(Duration),
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
        Keys {
            known: Arc::default(),
            fetched: Arc::default(),
            fetch: Arc::new(fetch),
            held: Held::For(REFRESH_AT_LEAST_EVERY),
            validation: Arc::new(validation()),
            clock: Clock::System,
        }
    }

    /// Keys that this process has itself, so that looking again costs nothing.
    pub fn own(look: impl Fn() -> JwkSet + Send + Sync + 'static) -> Keys {
        let keys = Keys::fetched(move || {
            let set = look();
            Box::pin(async move { Ok(set) })
        });
        Keys { held: Held::Never, ..keys }
    }

    /// Fetches known keys again after this long.
    pub fn held_for(self, span: Duration) -> Keys {
        Keys { held: Held::For(span), ..self }
    }

    /// Tells the time by this clock.
    pub fn at(self, clock: Clock) -> Keys {
        Keys { clock, ..self }
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
        let kid = header.kid.filter(|kid| kid.len() <= LONGEST_KID).ok_or_else(invalid)?;
        let key = self.key(&kid).await?.ok_or_else(invalid)?;

        let claims =
            jsonwebtoken::decode::<Claims>(token, &key, &self.validation).map_err(|_| invalid())?.claims;
        let now = self.clock.now().timestamp();
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(Problem::new(ProblemType::ExpiredToken));
        }
        // Nobody of ours signs ahead of time.
        if claims.iat > now.saturating_add(LEEWAY_SECONDS) {
            return Err(invalid());
        }
        Ok(claims.into())
    }

    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        let Held::For(span) = self.held else {
            let set = (self.fetch)().await.map_err(Problem::unavailable)?;
            let jwk = set.find(kid);
            return Ok(jwk.and_then(|jwk| DecodingKey::from_jwk(jwk).ok()));
        };
        let known = self.known.read().await.get(kid).cloned();
        if known.is_some() {
            self.look_again(span);
            return Ok(known);
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
        self.renew(&mut last).await.map_err(Problem::unavailable)?;
        Ok(self.known.read().await.get(kid).cloned())
    }

    /// Has the keys fetched by another task when the last fetch is older than that, unless somebody is at it.
    fn look_again(&self, span: Duration) {
        let Ok(mut last) = self.fetched.clone().try_lock_owned() else { return };
        let due = match *last {
            Some(LastFetch { at, came: true }) => at.elapsed() >= span,
            Some(LastFetch { at, came: false }) => at.elapsed() >= span.min(REFRESH_AT_MOST_EVERY),
            None => true,
        };
        if due {
            let keys = self.clone();
            tokio::spawn(async move {
                if let Err(error) = keys.renew(&mut last).await {
                    tracing::warn!(error = format!("{error:#}"), "the signing keys stay those of before");
                }
            });
        }
    }

    /// Puts the keys that there are now in the place of those known; after a failure these stay.
    async fn renew(&self, last: &mut Option<LastFetch>) -> anyhow::Result<()> {
        let set = (self.fetch)().await;
        *last = Some(LastFetch { at: Instant::now(), came: set.is_ok() });
        let keys = set?
            .keys
            .iter()
            .filter_map(|jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?)))
            .collect();
        *self.known.write().await = keys;
        Ok(())
    }
}

/// All but the times, which [`Keys::check`] holds against its own clock.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
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
