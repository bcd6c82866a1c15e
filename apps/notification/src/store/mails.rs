//! SQL: mails with one-time codes. Neither address nor code is kept here.

use chrono::{DateTime, Utc};
use contracts::{MailId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::mail::{MailKind, Outcome, next_try};

/// A mail that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueMail {
    pub id: MailId,
    pub kind: MailKind,
}

/// Notes that a mail is to be sent; once, however often it is asked for under this id.
pub async fn insert_mail(
    tx: &mut PgConnection,
    id: MailId,
    customer_id: UserId,
    kind: MailKind,
    caused_by: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into mail (id, customer_id, kind, requested_at, attempts, next_at, caused_by)
         values ($1, $2, $3, $4, 0, $4, $5) on conflict on constraint mail_pkey do nothing",
        id.0,
        customer_id.0,
        kind.name(),
        now,
        caused_by
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct DueRow {
    id: Uuid,
    kind: String,
    attempts: i32,
}

/// One mail that is due and that nobody else has in hand.
pub async fn lock_due_mail(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<(DueMail, i32)>, sqlx::Error> {
    let row = sqlx::query_as!(
        DueRow,
        "select id, kind, attempts from mail where next_at <= $1 order by next_at limit 1
         for update skip locked",
        now
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let kind = MailKind::from_name(&row.kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("mail of kind {}", row.kind).into()))?;
        Ok((DueMail { id: MailId(row.id), kind }, row.attempts))
    })
    .transpose()
}

/// Notes the attempt before it is made: if whoever makes it dies, it is made again after a while.
pub async fn update_attempted(
    tx: &mut PgConnection,
    id: MailId,
    attempts: i32,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update mail set attempts = $2 + 1, next_at = $3 where id = $1",
        id.0,
        attempts,
        next_try(attempts, now)
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update_settled(
    db: &mut PgConnection,
    id: MailId,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update mail set outcome = $2, settled_at = $3, next_at = null where id = $1 and outcome is null",
        id.0,
        outcome.name(),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets mails that were settled before then.
pub async fn delete_old_mails(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from mail where settled_at <= $1", before).execute(db).await?;
    Ok(())
}
