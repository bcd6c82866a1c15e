//! SQL: what people are told of their accounts, and who is forgotten.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;

use super::Occasion;
use crate::domain::accounts::AccountCause;
use crate::domain::{Channel, Language, Message};

/// Keeps the message unless its like was told before.
pub async fn insert_account_message(
    tx: &mut PgConnection,
    message: &Message,
    cause: AccountCause,
    (channel, language): (Channel, Language),
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into account_message
             (id, customer_id, kind, cause, channel, language, subject, body, created_at, caused_by, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict on constraint account_message_once_key do nothing",
        message.id.0,
        message.customer_id.0,
        message.letter.kind.name(),
        cause.to_string(),
        channel.name(),
        language.name(),
        message.letter.subject,
        message.letter.body,
        message.created_at,
        occasion.caused_by,
        occasion.trace_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_forgotten(
    tx: &mut PgConnection,
    customer_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into forgotten_customer (customer_id, at) values ($1, $2)
         on conflict on constraint forgotten_customer_pkey do nothing",
        customer_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn find_forgotten(tx: &mut PgConnection, customer_id: UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from forgotten_customer where customer_id = $1) as "forgotten!""#,
        customer_id.0
    )
    .fetch_one(tx)
    .await
}

/// What was told to the customer can no longer be read.
pub async fn update_illegible(tx: &mut PgConnection, customer_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with of_orders as (update message set subject = '', body = '' where customer_id = $1 and body <> '')
         update account_message set subject = '', body = '' where customer_id = $1 and body <> ''",
        customer_id.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The same for what was being written at the moment when its reader was forgotten.
pub async fn update_all_illegible(db: &mut PgConnection, since: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with gone as (select customer_id from forgotten_customer where at > $1),
              of_orders as (
                  update message m set subject = '', body = '' from gone
                  where m.customer_id = gone.customer_id and m.body <> ''
              )
         update account_message m set subject = '', body = '' from gone
         where m.customer_id = gone.customer_id and m.body <> ''",
        since
    )
    .execute(db)
    .await?;
    Ok(())
}
