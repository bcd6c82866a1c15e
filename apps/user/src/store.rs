//! SQL: accounts and failed log-ins.

pub mod addresses;
pub mod api_keys;
pub mod audit;
pub mod mails;
pub mod profiles;
pub mod revocations;
pub mod roles;
pub mod second_factor;
pub mod sessions;
pub mod signing_keys;

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::throttle::{Counted, Failures, Subjects};
use crate::domain::{Account, Email, FormError, Name};

struct AccountRow {
    id: Uuid,
    email: String,
    name: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<AccountRow> for Account {
    type Error = sqlx::Error;

    fn try_from(row: AccountRow) -> Result<Account, sqlx::Error> {
        let illegal = |error: FormError| sqlx::Error::Decode(Box::new(error));
        Ok(Account {
            id: UserId(row.id),
            email: Email::try_from(row.email).map_err(illegal)?,
            name: Name::try_from(row.name).map_err(illegal)?,
            created_at: row.created_at,
        })
    }
}

/// What a password is checked against.
pub struct Credentials {
    pub user_id: Uuid,
    pub password_hash: String,
}

/// False when the address has an account already.
pub async fn insert_account(
    tx: &mut PgConnection,
    account: &Account,
    password_hash: &str,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into account (id, email, name, password_hash, created_at) values ($1, $2, $3, $4, $5)
         on conflict on constraint account_email_key do nothing",
        account.id.0,
        account.email.as_str(),
        account.name.as_str(),
        password_hash,
        account.created_at
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn find_account(db: &mut PgConnection, id: UserId) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        AccountRow,
        "select id, email, name, created_at from account where id = $1 and deleted_at is null",
        id.0
    )
    .fetch_optional(db)
    .await?
    .map(Account::try_from)
    .transpose()
}

pub async fn find_credentials(
    db: &mut PgConnection,
    email: &Email,
) -> Result<Option<Credentials>, sqlx::Error> {
    sqlx::query_as!(
        Credentials,
        "select id as user_id, password_hash from account where email = $1 and deleted_at is null",
        email.as_str()
    )
    .fetch_optional(db)
    .await
}

/// Puts a hash in the place of the one that was read. False when that was changed meanwhile; then it stays.
pub async fn update_password_hash(
    db: &mut PgConnection,
    read: &Credentials,
    password_hash: &str,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        "update account set password_hash = $3 where id = $1 and password_hash = $2",
        read.user_id,
        read.password_hash,
        password_hash
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// The counters of an attempt.
pub async fn find_counted(db: &mut PgConnection, subjects: &Subjects) -> Result<Counted, sqlx::Error> {
    Ok(Counted {
        account: find_failures(db, &subjects.account).await?,
        address: find_failures(db, &subjects.address).await?,
        everywhere: find_failures(db, &subjects.everywhere).await?,
    })
}

async fn find_failures(db: &mut PgConnection, subject: &str) -> Result<Option<Failures>, sqlx::Error> {
    sqlx::query_as!(
        Failures,
        "select failures as count, since from login_failure where subject = sha256(convert_to($1, 'UTF8'))",
        subject
    )
    .fetch_optional(db)
    .await
}

/// Counts a failure; a counter that began before `window_start` begins anew.
pub async fn insert_failure(
    db: &mut PgConnection,
    subjects: &Subjects,
    now: DateTime<Utc>,
    window_start: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into login_failure (subject, failures, since)
         select sha256(convert_to(subject, 'UTF8')), 1, $2 from unnest($1::text[]) as subject order by 1
         on conflict on constraint login_failure_pkey do update set
             failures = case when login_failure.since <= $3 then 1 else least(login_failure.failures, 1000000) + 1 end,
             since = case when login_failure.since <= $3 then excluded.since else login_failure.since end",
        &subjects.all(),
        now,
        window_start
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The account's own counter only: an address that guesses cannot clear its counter with an account of its own.
pub async fn delete_failures(db: &mut PgConnection, subjects: &Subjects) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from login_failure where subject = sha256(convert_to($1, 'UTF8'))",
        subjects.account
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets counters that began before `window_start`.
pub async fn delete_old_failures(
    db: &mut PgConnection,
    window_start: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from login_failure where since <= $1", window_start).execute(db).await?;
    Ok(())
}
