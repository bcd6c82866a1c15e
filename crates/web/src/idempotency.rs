//! Idempotency keys: claim, effect and answer are one transaction.
//!
//! A second request with the key waits on the primary key until the first has ended: committed gives its answer
//! again, rolled back leaves the key free.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::{Operation, ProblemType, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{ETag, Json, Problem};

/// Stored answers are kept for a week; what they answered keeps its natural key for good.
const ANSWERS_KEPT_DAYS: i32 = 7;

/// Says that an answer was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

/// What the key turned out to be.
#[derive(Debug)]
pub enum Claim {
    /// Not used before: go on, and [`store`] the answer in the same transaction.
    New,
    /// The answer that the first request got.
    Replay(Answer),
}

/// A stored answer.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    etag: Option<String>,
    body: Box<RawValue>,
}

impl Answer {
    /// What was answered, as JSON.
    pub fn body(&self) -> &RawValue {
        &self.body
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        if let Some(etag) = self.etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .headers
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok())
            .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(|key| IdempotencyKey(key.to_owned()))
            .ok_or_else(|| {
                Problem::new(ProblemType::IdempotencyKeyMissing)
                    .detail("send Idempotency-Key with 1 to 255 visible ASCII characters of your choice")
            })
    }
}

/// What makes two requests the same: SHA-256 over the request as it was understood.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn hash(request: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let json = serde_json::to_vec(request).map_err(anyhow::Error::from)?;
    Ok(Sha256::digest(json).to_vec())
}

/// The refusal of a key that came with another request before.
pub fn reused() -> Problem {
    Problem::new(ProblemType::IdempotencyKeyReused).detail("use a new key for a new request")
}

/// Claims the key for this caller and operation.
///
/// # Errors
/// `idempotency-key-reused` when it came with another request before.
pub async fn claim(
    tx: &mut PgConnection,
    caller: UserId,
    operation: Operation,
    key: &IdempotencyKey,
    hash: &[u8],
) -> Result<Claim, Problem> {
    let claimed = sqlx::query!(
        "insert into idempotency (caller, operation, key, request_hash) values ($1, $2, $3, $4)
         on conflict on constraint idempotency_key do nothing",
        caller.0,
        operation.name(),
        key.0,
        hash
    )
    .execute(&mut *tx)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    find(tx, caller, operation, key, hash)
        .await?
        .map(Claim::Replay)
        .ok_or_else(|| anyhow::anyhow!("a claimed idempotency key cannot be found").into())
}

/// The answer that this key got before, without claiming it.
///
/// # Errors
/// `idempotency-key-reused` when it came with another request before.
pub async fn find(
    db: &mut PgConnection,
    caller: UserId,
    operation: Operation,
    key: &IdempotencyKey,
    hash: &[u8],
) -> Result<Option<Answer>, Problem> {
    let stored = sqlx::query!(
        "select request_hash, status, etag, body from idempotency
         where caller = $1 and operation = $2 and key = $3",
        caller.0,
        operation.name(),
        key.0
    )
    .fetch_optional(db)
    .await?;
    let Some(stored) = stored else { return Ok(None) };
    if stored.request_hash != hash {
        return Err(reused());
    }
    let (Some(status), Some(body)) = (stored.status, stored.body) else {
        return Err(anyhow::anyhow!("idempotency key committed without an answer").into());
    };
    let status = u16::try_from(status).map_err(anyhow::Error::from)?;
    Ok(Some(Answer {
        status: StatusCode::from_u16(status).map_err(anyhow::Error::from)?,
        etag: stored.etag,
        body: RawValue::from_string(body).map_err(anyhow::Error::from)?,
    }))
}

/// Keeps the answer beside its effect.
///
/// # Errors
/// When the database fails or the key was not claimed in this transaction.
pub async fn store(
    tx: &mut PgConnection,
    caller: UserId,
    operation: Operation,
    key: &IdempotencyKey,
    status: StatusCode,
    answer: &impl Serialize,
) -> Result<(), Problem> {
    keep(tx, (caller, operation, key), status, None, answer).await
}

/// The same for an answer with an entity tag.
///
/// # Errors
/// When the database fails or the key was not claimed in this transaction.
pub async fn store_tagged(
    tx: &mut PgConnection,
    claimed: (UserId, Operation, &IdempotencyKey),
    status: StatusCode,
    etag: ETag,
    answer: &impl Serialize,
) -> Result<(), Problem> {
    keep(tx, claimed, status, Some(etag), answer).await
}

async fn keep(
    tx: &mut PgConnection,
    (caller, operation, key): (UserId, Operation, &IdempotencyKey),
    status: StatusCode,
    etag: Option<ETag>,
    answer: &impl Serialize,
) -> Result<(), Problem> {
    let body = serde_json::to_string(answer).map_err(anyhow::Error::from)?;
    let stored = sqlx::query!(
        "update idempotency set status = $4, etag = $5, body = $6
         where caller = $1 and operation = $2 and key = $3",
        caller.0,
        operation.name(),
        key.0,
        i16::try_from(status.as_u16()).map_err(anyhow::Error::from)?,
        etag.map(|etag| etag.to_string()),
        body
    )
    .execute(tx)
    .await?;
    match stored.rows_affected() {
        1 => Ok(()),
        rows => Err(anyhow::anyhow!("an answer was stored for {rows} claimed keys").into()),
    }
}

/// Forgets answers older than `days`; what they answered keeps its natural key.
///
/// # Errors
/// When the database fails.
pub async fn prune(db: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    let pruned =
        sqlx::query!("delete from idempotency where created_at < now() - make_interval(days => $1)", days)
            .execute(db)
            .await?;
    Ok(pruned.rows_affected())
}

/// Forgets old answers once an hour until shutdown.
pub async fn housekeeping(db: PgPool, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(3600));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let pruned = async { prune(&mut *db.acquire().await?, ANSWERS_KEPT_DAYS).await }.await;
        if let Err(error) = pruned {
            tracing::warn!(error = %error, "old answers could not be forgotten; the next hour tries again");
        }
    }
}
