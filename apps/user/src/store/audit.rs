//! SQL: the audit log, which is only ever added to.

use chrono::{DateTime, Utc};
use contracts::identity::{AuditEntry, AuditOutcome};
use sqlx::PgConnection;
use uuid::Uuid;

/// An entry with how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub count: i64,
    pub result: String,
    pub actor: Option<Uuid>,
    pub api_key: Option<Uuid>,
    pub operation: String,
    pub permission: Option<String>,
    pub subject: String,
    pub address: Option<String>,
    pub request_id: Option<String>,
    pub status: Option<i16>,
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<Uuid>,
    pub operation: Option<String>,
    pub result: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

/// An entry that is there already stays as it is.
pub async fn insert_audit_entry(tx: &mut PgConnection, entry: &AuditEntry) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit_entry
             (id, at, last_at, count, result, actor, api_key, operation, permission, subject, address, request_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict on constraint audit_entry_pkey do nothing",
        entry.id,
        entry.at,
        entry.last_at,
        entry.count,
        entry.result.name(),
        entry.actor.map(|actor| actor.0),
        entry.api_key,
        entry.operation,
        entry.permission,
        entry.subject,
        entry.address,
        entry.request_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How an entry ended; said once, and only of one that is there.
pub async fn insert_audit_outcome(tx: &mut PgConnection, outcome: &AuditOutcome) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit_outcome (entry_id, status, at)
         select id, $2, $3 from audit_entry where id = $1
         on conflict on constraint audit_outcome_pkey do nothing",
        outcome.entry_id,
        i16::try_from(outcome.status).unwrap_or(i16::MAX),
        outcome.at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Entries that fit, the newest first.
pub async fn list_audit(
    db: &mut PgConnection,
    filter: &AuditFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    sqlx::query_as!(
        AuditRow,
        r#"select audit_entry.id, audit_entry.at, last_at, count, result, actor, api_key, operation, permission,
             subject, address, request_id, status as "status?"
           from audit_entry left join audit_outcome on entry_id = audit_entry.id
           where ($1::uuid is null or actor = $1)
             and ($2::text is null or operation = $2)
             and ($3::text is null or result = $3)
             and ($4::timestamptz is null or last_at >= $4)
             and ($5::timestamptz is null or audit_entry.at < $5)
             and audit_entry.id < coalesce($6, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
           order by audit_entry.id desc limit $7"#,
        filter.actor,
        filter.operation,
        filter.result,
        filter.since,
        filter.until,
        before,
        limit
    )
    .fetch_all(db)
    .await
}
