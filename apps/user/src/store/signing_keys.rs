//! SQL: the keys that sign access tokens; private halves are sealed before they come here.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A key that signs, or whose tokens may still be about.
pub struct SigningKeyRow {
    pub kid: String,
    pub sealed: Vec<u8>,
    pub made_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
}

/// One more key. False when it is there already, or was once.
pub async fn insert_signing_key(
    tx: &mut PgConnection,
    key: &SigningKeyRow,
    public_key: &[u8],
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into signing_key (kid, public_key, sealed, made_at, signs_from) values ($1, $2, $3, $4, $5)
         on conflict on constraint signing_key_pkey do nothing",
        key.kid,
        public_key,
        key.sealed,
        key.made_at,
        key.signs_from
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Those that are not retired, the oldest first.
pub async fn list_signing_keys(db: &mut PgConnection) -> Result<Vec<SigningKeyRow>, sqlx::Error> {
    sqlx::query_as!(
        SigningKeyRow,
        r#"select kid, sealed as "sealed!", made_at, signs_from from signing_key
           where retired_at is null order by signs_from, kid"#
    )
    .fetch_all(db)
    .await
}

/// Nobody else makes or retires a key until the transaction ends.
pub async fn lock_signing_keys(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("lock table signing_key in share row exclusive mode").execute(tx).await?;
    Ok(())
}

/// Forgets the private halves; the ids stay, so that none comes back.
pub async fn update_retired(
    tx: &mut PgConnection,
    kids: &[String],
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let retired = sqlx::query!(
        "update signing_key set sealed = null, retired_at = $2 where kid = any($1) and retired_at is null",
        kids,
        now
    )
    .execute(tx)
    .await?;
    Ok(retired.rows_affected())
}
