//! SQL: the table that sidecars read, and the counter of versions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::UserId;
use contracts::configuration::LARGEST_VERSION;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::setting::{Change, Stored};
use crate::domain::{Reason, Texts};

struct StoredRow {
    key: String,
    value: String,
    scopes: Option<String>,
    version: i64,
    changed_at: Option<DateTime<Utc>>,
    changed_by: Option<Uuid>,
    reason: Option<String>,
    trial: Option<i64>,
}

impl TryFrom<StoredRow> for Stored {
    type Error = sqlx::Error;

    fn try_from(row: StoredRow) -> Result<Stored, sqlx::Error> {
        let last = match (row.changed_at, row.changed_by, row.reason) {
            (Some(at), Some(by), Some(reason)) => {
                Some(Change { at, by: UserId(by), reason: reading(reason)? })
            }
            _ => None,
        };
        let texts = Texts { value: row.value, scopes: row.scopes };
        Ok(Stored { version: row.version, texts, last, trial: row.trial })
    }
}

/// A stored reason that is not one; never a default.
pub(super) fn reading(reason: String) -> Result<Reason, sqlx::Error> {
    Reason::try_from(reason).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Every key that stands in the table, with the change that put it there and the trial that is running. What is not
/// what the change of its version wrote has no author; of changes without a kind only the version is known, since
/// values were given other texts after them.
pub async fn list_stored(db: &mut PgConnection) -> Result<HashMap<String, Stored>, sqlx::Error> {
    let rows = sqlx::query_as!(
        StoredRow,
        r#"select configuration.key as "key!", configuration.value as "value!",
             configuration.metadata ->> 'scopes' as scopes, configuration.version::bigint as "version!",
             changed_at as "changed_at?", changed_by as "changed_by?", change.reason as "reason?",
             trial.version as "trial?"
           from configuration left join configuration_change change
               on change.key = configuration.key and change.version = configuration.version::bigint
               and (change.kind is null or (change.value = configuration.value
                   and change.scopes = coalesce(configuration.metadata ->> 'scopes', '[]')))
           left join configuration_trial trial on trial.key = configuration.key and trial.ended_at is null"#
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| Ok((row.key.clone(), Stored::try_from(row)?))).collect()
}

/// The last version given, or a later one that somebody wrote into the table by hand; one that is beyond all counting
/// does not count.
pub async fn find_version(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select greatest(version, (
               select max(configuration.version::bigint) from configuration
               where configuration.version::bigint <= $1
           )) as "version!" from configuration_head"#,
        LARGEST_VERSION.cast_signed()
    )
    .fetch_one(db)
    .await
}

/// The same. Whoever changes a key holds the counter until the commit, which makes versions become visible in order.
pub async fn lock_version(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select version from configuration_head for update").fetch_one(&mut *tx).await?;
    find_version(tx).await
}

pub async fn update_version(tx: &mut PgConnection, version: i64) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!("update configuration_head set version = $1", version).execute(tx).await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Puts the key where the sidecars read it.
pub async fn update_stored(
    tx: &mut PgConnection,
    key: &str,
    version: i64,
    texts: &Texts,
) -> Result<(), sqlx::Error> {
    let metadata = texts.scopes.as_ref().map_or_else(|| json!({}), |scopes| json!({"scopes": scopes}));
    sqlx::query!(
        "insert into configuration (key, value, version, metadata) values ($1, $2, $3, $4)
         on conflict on constraint configuration_pkey
         do update set value = excluded.value, version = excluded.version, metadata = excluded.metadata",
        key,
        texts.value,
        version.to_string(),
        metadata
    )
    .execute(tx)
    .await?;
    Ok(())
}
