//! What was asked under which key, for good; the stored answers are forgotten after a while.

use chrono::{DateTime, Utc};
use contracts::{Operation, OrderId, UserId};
use sqlx::PgConnection;

/// A command as it is remembered.
#[derive(Debug)]
pub struct Command<'a> {
    pub caller: UserId,
    pub operation: Operation,
    pub key: &'a str,
    pub hash: &'a [u8],
    pub order_id: OrderId,
    pub at: DateTime<Utc>,
}

/// Notes the command; `false` when this caller has used the key before.
pub async fn insert_command(tx: &mut PgConnection, command: &Command<'_>) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into order_command (caller, operation, key, request_hash, order_id, at)
         values ($1, $2, $3, $4, $5, $6) on conflict on constraint order_command_key do nothing",
        command.caller.0,
        command.operation.name(),
        command.key,
        command.hash,
        command.order_id.0,
        command.at
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The hash of the request that came with this key.
pub async fn find_hash(
    db: &mut PgConnection,
    caller: UserId,
    operation: Operation,
    key: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        "select request_hash from order_command where caller = $1 and operation = $2 and key = $3",
        caller.0,
        operation.name(),
        key
    )
    .fetch_optional(db)
    .await
}
