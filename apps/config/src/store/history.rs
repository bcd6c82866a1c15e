//! SQL: who changed what, which is only ever added to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::setting::reading;
use crate::domain::Texts;
use crate::domain::rollback::Past;
use crate::domain::setting::Change;
use crate::domain::trial::{Part, Step};

/// What is written for all keys of a version alike.
#[derive(Debug, Clone)]
pub struct Version {
    pub number: i64,
    pub change: Change,
    pub rolled_back_to: Option<i64>,
}

/// A key's part of a version.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub version: i64,
    pub key: String,
    /// None where the key had never been set.
    pub before: Option<Texts>,
    pub after: Texts,
    pub change: Change,
    pub rolled_back_to: Option<i64>,
    /// None where it was no part of a trial.
    pub trial: Option<Part>,
}

struct PastRow {
    key: String,
    version: i64,
    value: String,
    scopes: String,
    kind: Option<String>,
    tried: bool,
}

struct RecordedRow {
    version: i64,
    key: String,
    value: String,
    scopes: String,
    value_before: Option<String>,
    scopes_before: Option<String>,
    changed_at: DateTime<Utc>,
    changed_by: Uuid,
    reason: String,
    rolled_back_to: Option<i64>,
    trial: Option<i64>,
    ended_version: Option<i64>,
    ended_by: Option<Uuid>,
    outcome: Option<String>,
}

impl TryFrom<RecordedRow> for Recorded {
    type Error = sqlx::Error;

    fn try_from(row: RecordedRow) -> Result<Recorded, sqlx::Error> {
        let change = Change { at: row.changed_at, by: UserId(row.changed_by), reason: reading(row.reason)? };
        let ended = row.ended_version == Some(row.version);
        let step = match row.outcome.as_deref().filter(|_| ended) {
            None => Step::Started,
            Some(outcome) => Step::of(outcome)
                .ok_or_else(|| sqlx::Error::Decode("stored outcome is not a value of its type".into()))?,
        };
        let by_itself = ended && row.ended_by.is_none();
        Ok(Recorded {
            version: row.version,
            key: row.key,
            before: row.value_before.zip(row.scopes_before).map(|(value, scopes)| texts(value, scopes)),
            after: texts(row.value, row.scopes),
            change,
            rolled_back_to: row.rolled_back_to,
            trial: row.trial.map(|version| Part { version, step, by_itself }),
        })
    }
}

fn texts(value: String, scopes: String) -> Texts {
    Texts { value, scopes: Some(scopes).filter(|scopes| scopes != NOBODY) }
}

/// How the scopes of a key without any are kept.
const NOBODY: &str = "[]";

pub async fn insert_change(
    tx: &mut PgConnection,
    version: &Version,
    key: &str,
    kind: &str,
    texts: &Texts,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into configuration_change
             (version, key, value, scopes, kind, changed_at, changed_by, reason, rolled_back_to)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        version.number,
        key,
        texts.value,
        texts.scopes.as_deref().unwrap_or(NOBODY),
        kind,
        version.change.at,
        version.change.by.0,
        version.change.reason.as_str(),
        version.rolled_back_to
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What every key was at a version: its last change until then.
pub async fn list_past(db: &mut PgConnection, version: i64) -> Result<HashMap<String, Past>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PastRow,
        r#"select distinct on (key) key, version, value, scopes, kind, exists (
               select from configuration_trial trial
               where trial.key = change.key and trial.version = change.version
           ) as "tried!"
           from configuration_change change where version <= $1 order by key, version desc"#,
        version
    )
    .fetch_all(db)
    .await?;
    let past = rows.into_iter().map(|row| {
        let PastRow { key, version, value, scopes, kind, tried } = row;
        (key, Past { version, texts: texts(value, scopes), kind, tried })
    });
    Ok(past.collect())
}

/// Changes, the newest first; `before` is the last one of the page before.
pub async fn list_changes(
    db: &mut PgConnection,
    key: Option<&str>,
    before: Option<(i64, String)>,
    limit: i64,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let (before_version, before_key) = before.unzip();
    let rows = sqlx::query_as!(
        RecordedRow,
        r#"select change.version, change.key, change.value, change.scopes, earlier.value as "value_before?",
             earlier.scopes as "scopes_before?", changed_at, changed_by, change.reason, rolled_back_to,
             trial.version as "trial?", trial.ended_version as "ended_version?", trial.ended_by as "ended_by?",
             trial.outcome as "outcome?"
           from configuration_change change left join lateral (
               select value, scopes from configuration_change other
               where other.key = change.key and other.version < change.version
               order by other.version desc limit 1
           ) earlier on true
           left join configuration_trial trial
               on trial.key = change.key and change.version in (trial.version, trial.ended_version)
           where ($1::text is null or change.key = $1)
             and ($2::bigint is null or (change.version, change.key) < ($2, $3::text))
           order by change.version desc, change.key desc limit $4"#,
        key,
        before_version,
        before_key,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Recorded::try_from).collect()
}
