//! SQL: what an account is besides its password, and what is left of it when it is deleted.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Account, Email, FormError, Name};

/// An account as its owner sees it.
pub struct Profile {
    pub account: Account,
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Grows with each change.
    pub version: i64,
    pub password_hash: String,
}

struct ProfileRow {
    id: Uuid,
    email: String,
    name: String,
    created_at: DateTime<Utc>,
    email_verified_at: Option<DateTime<Utc>>,
    version: i64,
    password_hash: String,
}

impl TryFrom<ProfileRow> for Profile {
    type Error = sqlx::Error;

    fn try_from(row: ProfileRow) -> Result<Profile, sqlx::Error> {
        let illegal = |error: FormError| sqlx::Error::Decode(Box::new(error));
        let account = Account {
            id: UserId(row.id),
            email: Email::try_from(row.email).map_err(illegal)?,
            name: Name::try_from(row.name).map_err(illegal)?,
            created_at: row.created_at,
        };
        let ProfileRow { email_verified_at, version, password_hash, .. } = row;
        Ok(Profile { account, email_verified_at, version, password_hash })
    }
}

pub async fn find_profile(db: &mut PgConnection, id: UserId) -> Result<Option<Profile>, sqlx::Error> {
    sqlx::query_as!(
        ProfileRow,
        "select id, email, name, created_at, email_verified_at, version, password_hash from account
         where id = $1 and deleted_at is null",
        id.0
    )
    .fetch_optional(db)
    .await?
    .map(Profile::try_from)
    .transpose()
}

/// The account under its lock.
pub async fn lock_profile(tx: &mut PgConnection, id: UserId) -> Result<Option<Profile>, sqlx::Error> {
    sqlx::query_as!(
        ProfileRow,
        "select id, email, name, created_at, email_verified_at, version, password_hash from account
         where id = $1 and deleted_at is null for update",
        id.0
    )
    .fetch_optional(tx)
    .await?
    .map(Profile::try_from)
    .transpose()
}

pub async fn update_name(tx: &mut PgConnection, id: UserId, name: &Name) -> Result<(), sqlx::Error> {
    sqlx::query!("update account set name = $2, version = version + 1 where id = $1", id.0, name.as_str())
        .execute(tx)
        .await?;
    Ok(())
}

pub async fn update_password(
    tx: &mut PgConnection,
    id: UserId,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update account set password_hash = $2 where id = $1", id.0, password_hash)
        .execute(tx)
        .await?;
    Ok(())
}

/// Nothing is left but the id, to which orders belong: no name, no address, no password that could be right.
pub async fn update_deleted(
    tx: &mut PgConnection,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!(
        "update account set email = 'deleted-' || id || '@deleted.invalid', name = 'deleted',
             password_hash = '$argon2id$deleted', email_verified_at = null, deleted_at = $2, version = version + 1
         where id = $1",
        id.0,
        now
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

/// What was written for an account while it was deleted goes too.
pub async fn delete_left_behind(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from address using account
         where account.id = address.user_id and account.deleted_at is not null"
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "delete from idempotency using account
         where account.id = idempotency.caller and account.deleted_at is not null"
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets all that belongs to the account alone: addresses, sessions with their devices, mails, where it was logged
/// in from, and stored answers.
pub async fn delete_belongings(tx: &mut PgConnection, id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from address where user_id = $1", id.0).execute(&mut *tx).await?;
    sqlx::query!("delete from session where user_id = $1", id.0).execute(&mut *tx).await?;
    sqlx::query!("delete from mail where user_id = $1", id.0).execute(&mut *tx).await?;
    sqlx::query!("delete from known_address where user_id = $1", id.0).execute(&mut *tx).await?;
    sqlx::query!("delete from idempotency where caller = $1", id.0).execute(tx).await?;
    Ok(())
}
