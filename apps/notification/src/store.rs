//! SQL: messages.

pub mod accounts;
pub mod facts;
pub mod mails;

use chrono::{DateTime, Utc};
use contracts::{MessageId, OrderId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Cause, Channel, Kind, Language, Letter, Message};

/// What led to a message.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The id of the event.
    pub caused_by: String,
    pub trace_id: Option<String>,
}

struct MessageRow {
    id: Uuid,
    customer_id: Uuid,
    order_id: Option<Uuid>,
    kind: String,
    subject: String,
    body: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<MessageRow> for Message {
    type Error = sqlx::Error;

    fn try_from(row: MessageRow) -> Result<Message, sqlx::Error> {
        let kind = Kind::from_name(&row.kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("message of kind {}", row.kind).into()))?;
        Ok(Message {
            id: MessageId(row.id),
            customer_id: UserId(row.customer_id),
            order_id: row.order_id.map(OrderId),
            letter: Letter { kind, subject: row.subject, body: row.body },
            created_at: row.created_at,
        })
    }
}

/// Keeps the message unless its like was told before.
pub async fn insert_message(
    tx: &mut PgConnection,
    order_id: OrderId,
    message: &Message,
    cause: Cause,
    (channel, language): (Channel, Language),
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into message
             (id, customer_id, order_id, kind, cause, channel, language, subject, body, created_at,
              caused_by, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict on constraint message_once_key do nothing",
        message.id.0,
        message.customer_id.0,
        order_id.0,
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

/// Whether the customer was told how the order ended.
pub async fn told_of_end(tx: &mut PgConnection, order_id: OrderId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from message where order_id = $1 and cause = 'end') as "told!""#,
        order_id.0
    )
    .fetch_one(tx)
    .await
}

/// A customer's messages before `before`, the newest first, whether they are about orders or about the account.
pub async fn list_messages(
    db: &mut PgConnection,
    customer_id: UserId,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Message>, sqlx::Error> {
    sqlx::query_as!(
        MessageRow,
        r#"select id as "id!", customer_id as "customer_id!", order_id, kind as "kind!", subject as "subject!",
                  body as "body!", created_at as "created_at!"
           from (
               (select id, customer_id, order_id, kind, subject, body, created_at from message
                where customer_id = $1 and id < $2 order by id desc limit $3)
               union all
               (select id, customer_id, null, kind, subject, body, created_at from account_message
                where customer_id = $1 and id < $2 order by id desc limit $3)
           ) as told
           order by 1 desc limit $3"#,
        customer_id.0,
        before,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Message::try_from)
    .collect()
}
