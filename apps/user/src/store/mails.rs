//! SQL: mails with one-time codes, and who asked for one.

use chrono::{DateTime, Utc};
use contracts::{MailId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::mail::Purpose;
use crate::domain::opaque::Hash;
use crate::domain::{Email, FormError, Name};

/// A mail that may still be written.
pub struct OpenMail {
    pub user_id: UserId,
    pub email: Email,
    /// None until it was shown whose address it is: a stranger may have chosen it, to be read there.
    pub name: Option<Name>,
    pub expires_at: DateTime<Utc>,
    /// How often it was written.
    pub codes: i64,
}

/// Somebody who asked for a new password.
pub struct ResetRequest {
    pub id: Uuid,
    pub email: String,
}

pub async fn insert_mail(
    tx: &mut PgConnection,
    id: MailId,
    user_id: UserId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into mail (id, user_id, purpose, requested_at, expires_at) values ($1, $2, $3, $4, $5)",
        id.0,
        user_id.0,
        purpose.name(),
        now,
        now + purpose.lifetime()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// When the user was last sent a mail of this kind. Under the account's lock two requests cannot both find none.
pub async fn lock_last_mail(
    tx: &mut PgConnection,
    user_id: UserId,
    purpose: Purpose,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query!("select id from account where id = $1 for no key update", user_id.0)
        .fetch_optional(&mut *tx)
        .await?;
    sqlx::query_scalar!(
        "select max(requested_at) from mail where user_id = $1 and purpose = $2",
        user_id.0,
        purpose.name()
    )
    .fetch_one(tx)
    .await
}

struct MailRow {
    user_id: Uuid,
    email: String,
    name: Option<String>,
    expires_at: DateTime<Utc>,
    codes: i64,
}

impl TryFrom<MailRow> for OpenMail {
    type Error = sqlx::Error;

    fn try_from(row: MailRow) -> Result<OpenMail, sqlx::Error> {
        let illegal = |error: FormError| sqlx::Error::Decode(Box::new(error));
        Ok(OpenMail {
            user_id: UserId(row.user_id),
            email: Email::try_from(row.email).map_err(illegal)?,
            name: row.name.map(Name::try_from).transpose().map_err(illegal)?,
            expires_at: row.expires_at,
            codes: row.codes,
        })
    }
}

/// The mail under its lock, unless it has served, its time is over, or its account is gone.
pub async fn lock_open_mail(
    tx: &mut PgConnection,
    id: MailId,
    now: DateTime<Utc>,
) -> Result<Option<OpenMail>, sqlx::Error> {
    sqlx::query_as!(
        MailRow,
        r#"select m.user_id, a.email, m.expires_at,
                  case when a.email_verified_at is not null then a.name end as "name?",
                  (select count(*) from mail_code c where c.mail_id = m.id) as "codes!"
           from mail m join account a on a.id = m.user_id
           where m.id = $1 and m.used_at is null and m.expires_at > $2 and a.deleted_at is null
           for update of m"#,
        id.0,
        now
    )
    .fetch_optional(tx)
    .await?
    .map(OpenMail::try_from)
    .transpose()
}

pub async fn insert_code(
    tx: &mut PgConnection,
    hash: &Hash,
    mail_id: MailId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into mail_code (hash, mail_id, issued_at) values ($1, $2, $3)",
        hash,
        mail_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whose code it is, under the locks of its account and its mail, in this order, as long as it is good.
pub async fn lock_code(
    tx: &mut PgConnection,
    hash: &Hash,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, sqlx::Error> {
    let user_id = sqlx::query_scalar!(
        "select m.user_id from mail_code c join mail m on m.id = c.mail_id join account a on a.id = m.user_id
         where c.hash = $1 and m.purpose = $2 and m.used_at is null and m.expires_at > $3 and a.deleted_at is null
         for update of a, m",
        hash,
        purpose.name(),
        now
    )
    .fetch_optional(tx)
    .await?;
    Ok(user_id.map(UserId))
}

/// All codes that the user was sent for this have served: one was used.
pub async fn update_mails_used(
    tx: &mut PgConnection,
    user_id: UserId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update mail set used_at = $3 where user_id = $1 and purpose = $2 and used_at is null",
        user_id.0,
        purpose.name(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Says whether the address was not known to be its owner's before.
pub async fn update_email_verified(
    tx: &mut PgConnection,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        "update account set email_verified_at = $2, version = version + 1
         where id = $1 and email_verified_at is null",
        user_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

pub async fn insert_reset_request(
    tx: &mut PgConnection,
    id: Uuid,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into reset_request (id, email, requested_at) values ($1, $2, $3)",
        id,
        email.as_str(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// One request that nobody else has in hand.
pub async fn lock_reset_request(tx: &mut PgConnection) -> Result<Option<ResetRequest>, sqlx::Error> {
    sqlx::query_as!(
        ResetRequest,
        "select id, email from reset_request order by id limit 1 for update skip locked"
    )
    .fetch_optional(tx)
    .await
}

pub async fn delete_reset_request(tx: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from reset_request where id = $1", id).execute(tx).await?;
    Ok(())
}

/// Forgets mails whose codes expired before then.
pub async fn delete_old_mails(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from mail where expires_at <= $1", before).execute(db).await?;
    Ok(())
}
