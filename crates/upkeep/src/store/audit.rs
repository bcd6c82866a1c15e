//! The lines about what people did. They are written and read, never changed.

use chrono::{DateTime, Utc};
use contracts::{Permission, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::failed::AuditLine;

/// One act on one failed event.
pub(crate) struct NewLine<'a> {
    pub at: DateTime<Utc>,
    pub actor: UserId,
    pub permission: Permission,
    pub act: &'a str,
    pub failed_event_id: Uuid,
    pub reason: &'a str,
}

pub(crate) async fn insert_line(tx: &mut PgConnection, line: &NewLine<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into audit (id, at, actor, permission, act, failed_event_id, reason)
        values ($1, $2, $3, $4, $5, $6, $7)
        "#,
        Uuid::now_v7(),
        line.at,
        line.actor.0,
        line.permission.name(),
        line.act,
        line.failed_event_id,
        line.reason,
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The first one first.
pub(crate) async fn list_lines(
    tx: &mut PgConnection,
    failed_event_id: Uuid,
) -> Result<Vec<AuditLine>, sqlx::Error> {
    sqlx::query_as!(
        AuditLine,
        "select at, actor, permission, act, reason from audit where failed_event_id = $1 order by id",
        failed_event_id,
    )
    .fetch_all(tx)
    .await
}
