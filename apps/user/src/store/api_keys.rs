//! SQL: API keys.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

/// A key without what proves that one has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub user_id: Uuid,
    pub name: String,
    pub permissions: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// False when the owner has one of this name.
pub async fn insert_api_key(tx: &mut PgConnection, key: &ApiKey, hash: &[u8]) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into api_key (id, user_id, name, hash, permissions, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (user_id, name) where revoked_at is null do nothing",
        key.id,
        key.user_id,
        key.name,
        hash,
        &key.permissions,
        key.created_at,
        key.expires_at
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// How many keys of the user are neither revoked nor expired, under the account's lock, so that two at once are not
/// one too many; none where there is no account.
pub async fn lock_count(
    tx: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Option<i64>, sqlx::Error> {
    let locked = sqlx::query!(
        "select id from account where id = $1 and deleted_at is null for no key update",
        user_id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    if locked.is_none() {
        return Ok(None);
    }
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from api_key
           where user_id = $1 and revoked_at is null and expires_at > $2"#,
        user_id.0,
        now
    )
    .fetch_one(tx)
    .await
    .map(Some)
}

/// The owner's keys, the newest first.
pub async fn list_api_keys(
    db: &mut PgConnection,
    user_id: UserId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiKey>, sqlx::Error> {
    sqlx::query_as!(
        ApiKey,
        "select id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at from api_key
         where user_id = $1 and id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
         order by id desc limit $3",
        user_id.0,
        before,
        limit
    )
    .fetch_all(db)
    .await
}

/// Notes that the key was used, when it may be. None when there is no such key, or no longer.
pub async fn update_last_used(
    tx: &mut PgConnection,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>, sqlx::Error> {
    sqlx::query_as!(
        ApiKey,
        "update api_key set last_used_at = greatest(last_used_at, $2)
         where hash = $1 and revoked_at is null and expires_at > $2
         returning id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at",
        hash,
        now
    )
    .fetch_optional(tx)
    .await
}

/// False when the owner has no such key that is not revoked.
pub async fn update_revoked(
    tx: &mut PgConnection,
    user_id: UserId,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        "update api_key set revoked_at = $3 where user_id = $1 and id = $2 and revoked_at is null",
        user_id.0,
        id,
        now
    )
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// None of the user's keys is taken any more.
pub async fn update_all_revoked(
    tx: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update api_key set revoked_at = $2 where user_id = $1 and revoked_at is null",
        user_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the owner ever had such a key.
pub async fn find_api_key(db: &mut PgConnection, user_id: UserId, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from api_key where user_id = $1 and id = $2) as "found!""#,
        user_id.0,
        id
    )
    .fetch_one(db)
    .await
}

/// Forgets keys that expired or were revoked before then.
pub async fn delete_old_api_keys(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from api_key where expires_at <= $1 or revoked_at <= $1", before)
        .execute(db)
        .await?;
    Ok(())
}

/// For an account that goes.
pub async fn delete_api_keys(tx: &mut PgConnection, user_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from api_key where user_id = $1", user_id.0).execute(tx).await?;
    Ok(())
}
