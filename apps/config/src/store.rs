//! SQL: the values that sidecars read, their history, and the counter of versions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{Change, Reason};

struct ChangeRow {
    key: String,
    version: i64,
    value: String,
    changed_at: DateTime<Utc>,
    changed_by: Uuid,
    reason: String,
}

impl TryFrom<ChangeRow> for Change {
    type Error = sqlx::Error;

    fn try_from(row: ChangeRow) -> Result<Change, sqlx::Error> {
        Ok(Change {
            version: row.version,
            value: row.value.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            changed_at: row.changed_at,
            changed_by: UserId(row.changed_by),
            reason: Reason::try_from(row.reason).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        })
    }
}

/// Every key that was ever set, with the change that gave it its present value.
pub async fn list_changes(db: &mut PgConnection) -> Result<HashMap<String, Change>, sqlx::Error> {
    sqlx::query_as!(
        ChangeRow,
        "select configuration.key, change.version, configuration.value, changed_at, changed_by, reason
         from configuration join configuration_change change
             on change.key = configuration.key and change.version = configuration.version::bigint"
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(|row| Ok((row.key.clone(), Change::try_from(row)?)))
    .collect()
}

/// The change that gave the key its present value.
pub async fn find_change(db: &mut PgConnection, key: &str) -> Result<Option<Change>, sqlx::Error> {
    sqlx::query_as!(
        ChangeRow,
        "select configuration.key, change.version, configuration.value, changed_at, changed_by, reason
         from configuration join configuration_change change
             on change.key = configuration.key and change.version = configuration.version::bigint
         where configuration.key = $1",
        key
    )
    .fetch_optional(db)
    .await?
    .map(Change::try_from)
    .transpose()
}

/// The last version given. Whoever changes a key holds this row until the commit.
pub async fn lock_version(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select version from configuration_head for update").fetch_one(tx).await
}

pub async fn update_version(tx: &mut PgConnection, version: i64) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!("update configuration_head set version = $1", version).execute(tx).await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Puts the value where the sidecars read it.
pub async fn update_value(tx: &mut PgConnection, key: &str, change: &Change) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into configuration (key, value, version) values ($1, $2, $3)
         on conflict on constraint configuration_pkey
         do update set value = excluded.value, version = excluded.version",
        key,
        change.value.to_string(),
        change.version.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_change(tx: &mut PgConnection, key: &str, change: &Change) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into configuration_change (version, key, value, changed_at, changed_by, reason)
         values ($1, $2, $3, $4, $5, $6)",
        change.version,
        key,
        change.value.to_string(),
        change.changed_at,
        change.changed_by.0,
        change.reason.as_str()
    )
    .execute(tx)
    .await?;
    Ok(())
}
