//! SQL: shared secrets, recovery codes, and the codes that were wrong.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;

/// A second factor as it is kept.
pub struct TotpRow {
    pub sealed: Vec<u8>,
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// Puts a new secret in the place of one that was never confirmed. False when there is a confirmed one.
pub async fn insert_totp(
    tx: &mut PgConnection,
    user_id: UserId,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query!(
        "insert into totp (user_id, sealed, enrolled_at) values ($1, $2, $3)
         on conflict on constraint totp_pkey do update set sealed = $2, enrolled_at = $3
         where totp.confirmed_at is null",
        user_id.0,
        sealed,
        now
    )
    .execute(tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

pub async fn find_totp(db: &mut PgConnection, user_id: UserId) -> Result<Option<TotpRow>, sqlx::Error> {
    sqlx::query_as!(TotpRow, "select sealed, confirmed_at from totp where user_id = $1", user_id.0)
        .fetch_optional(db)
        .await
}

/// Whether the account has a second factor that was shown to work.
pub async fn find_confirmed(db: &mut PgConnection, user_id: UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from totp where user_id = $1 and confirmed_at is not null) as "confirmed!""#,
        user_id.0
    )
    .fetch_one(db)
    .await
}

/// Takes the code of a time step, once. False when it, or a later one, was taken before.
pub async fn update_last_step(
    tx: &mut PgConnection,
    user_id: UserId,
    step: i64,
) -> Result<bool, sqlx::Error> {
    let taken =
        sqlx::query!("update totp set last_step = $2 where user_id = $1 and last_step < $2", user_id.0, step)
            .execute(tx)
            .await?;
    Ok(taken.rows_affected() == 1)
}

/// False when it was confirmed before.
pub async fn update_confirmed(
    tx: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let confirmed = sqlx::query!(
        "update totp set confirmed_at = $2 where user_id = $1 and confirmed_at is null",
        user_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(confirmed.rows_affected() == 1)
}

pub async fn insert_recovery_codes(
    tx: &mut PgConnection,
    user_id: UserId,
    hashes: &[Vec<u8>],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into recovery_code (user_id, hash) select $1, unnest($2::bytea[])",
        user_id.0,
        hashes
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses a recovery code up. False when there is none such that is unused.
pub async fn update_recovery_code_used(
    tx: &mut PgConnection,
    user_id: UserId,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let used = sqlx::query!(
        "update recovery_code set used_at = $3 where user_id = $1 and hash = $2 and used_at is null",
        user_id.0,
        hash,
        now
    )
    .execute(tx)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// The account goes without a second factor from now on.
pub async fn delete_totp(tx: &mut PgConnection, user_id: UserId) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!("delete from totp where user_id = $1", user_id.0).execute(tx).await?;
    Ok(deleted.rows_affected() == 1)
}

pub async fn find_password_hash(
    db: &mut PgConnection,
    user_id: UserId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("select password_hash from account where id = $1 and deleted_at is null", user_id.0)
        .fetch_optional(db)
        .await
}

/// Counts a wrong code or password before it is looked at, so that no more tries than allowed run at once; a counter
/// that began before `window_start` begins anew. Gives the count.
pub async fn insert_try(
    db: &mut PgConnection,
    subject: &str,
    now: DateTime<Utc>,
    window_start: DateTime<Utc>,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into login_failure (subject, failures, since) values (sha256(convert_to($1, 'UTF8')), 1, $2)
         on conflict on constraint login_failure_pkey do update set
             failures = case when login_failure.since <= $3 then 1 else least(login_failure.failures, 1000000) + 1 end,
             since = case when login_failure.since <= $3 then excluded.since else login_failure.since end
         returning failures",
        subject,
        now,
        window_start
    )
    .fetch_one(db)
    .await
}

/// Takes back what [`insert_try`] counted, for a try that was right.
pub async fn delete_tries(db: &mut PgConnection, subject: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from login_failure where subject = sha256(convert_to($1, 'UTF8'))", subject)
        .execute(db)
        .await?;
    Ok(())
}
