//! SQL: trials. How one began is never rewritten, and it ends once.

use chrono::{DateTime, Utc};
use contracts::UserId;
use serde_json::Value as Json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::setting::reading;
use crate::domain::setting::Change;
use crate::domain::trial::{Outcome, Trial, TrialEnd};

struct TrialRow {
    version: i64,
    key: String,
    percent: i32,
    value: String,
    others: String,
    started_at: DateTime<Utc>,
    started_by: Uuid,
    reason: String,
    until: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<Uuid>,
    outcome: Option<String>,
    ended_version: Option<i64>,
    ended_reason: Option<String>,
    findings: Option<Json>,
}

impl TryFrom<TrialRow> for Trial {
    type Error = sqlx::Error;

    fn try_from(row: TrialRow) -> Result<Trial, sqlx::Error> {
        let unreadable =
            |what: &str| sqlx::Error::Decode(format!("stored {what} is not a value of its type").into());
        let findings = row.findings.map(serde_json::from_value).transpose();
        let findings = findings.map_err(|error| sqlx::Error::Decode(error.into()))?;
        let end = match (row.ended_at, row.outcome, row.ended_reason) {
            (None, None, None) => None,
            (Some(at), Some(outcome), Some(reason)) => Some(TrialEnd {
                at,
                by: row.ended_by.map(UserId),
                outcome: Outcome::from_name(&outcome).ok_or_else(|| unreadable("outcome"))?,
                version: row.ended_version,
                reason: reading(reason)?,
                findings,
            }),
            (Some(_) | None, _, _) => return Err(unreadable("end of a trial")),
        };
        Ok(Trial {
            version: row.version,
            key: row.key,
            percent: u8::try_from(row.percent).map_err(|_| unreadable("percentage"))?,
            value: row.value,
            others: row.others,
            started: Change { at: row.started_at, by: UserId(row.started_by), reason: reading(row.reason)? },
            until: row.until,
            end,
        })
    }
}

/// Keeps what begins, unless another trial of the key is running; says whether it did. Its version is in the history
/// already, and `kind` is the type that the key has.
pub async fn insert_trial(tx: &mut PgConnection, trial: &Trial, kind: &str) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into configuration_trial
             (version, key, percent, value, kind, started_at, started_by, reason, until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (key) where ended_at is null do nothing",
        trial.version,
        trial.key,
        i32::from(trial.percent),
        trial.value,
        kind,
        trial.started.at,
        trial.started.by.0,
        trial.started.reason.as_str(),
        trial.until
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Adds its end to a trial that is running.
pub async fn update_end(tx: &mut PgConnection, version: i64, end: &TrialEnd) -> Result<(), sqlx::Error> {
    let findings = end.findings.as_ref().map(serde_json::to_value).transpose();
    let updated = sqlx::query!(
        "update configuration_trial set ended_at = $2, ended_by = $3, outcome = $4, ended_version = $5,
             ended_reason = $6, findings = $7
         where version = $1 and ended_at is null",
        version,
        end.at,
        end.by.map(|by| by.0),
        end.outcome.name(),
        end.version,
        end.reason.as_str(),
        findings.map_err(|error| sqlx::Error::Encode(error.into()))?
    )
    .execute(tx)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

pub async fn find_trial(db: &mut PgConnection, version: i64) -> Result<Option<Trial>, sqlx::Error> {
    let row = sqlx::query_as!(
        TrialRow,
        "select trial.version, trial.key, percent, trial.value, change.value as others, started_at, started_by,
             trial.reason, until, ended_at, ended_by, outcome, ended_version, ended_reason, findings
         from configuration_trial trial join configuration_change change using (version, key)
         where trial.version = $1",
        version
    )
    .fetch_optional(db)
    .await?;
    row.map(Trial::try_from).transpose()
}

/// Those that are running, the oldest first.
pub async fn list_running(db: &mut PgConnection) -> Result<Vec<Trial>, sqlx::Error> {
    let rows = sqlx::query_as!(
        TrialRow,
        "select trial.version, trial.key, percent, trial.value, change.value as others, started_at, started_by,
             trial.reason, until, ended_at, ended_by, outcome, ended_version, ended_reason, findings
         from configuration_trial trial join configuration_change change using (version, key)
         where ended_at is null order by trial.version"
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Trial::try_from).collect()
}

/// Trials, the newest first; `before` is the last one of the page before.
pub async fn list_trials(
    db: &mut PgConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Trial>, sqlx::Error> {
    let rows = sqlx::query_as!(
        TrialRow,
        "select trial.version, trial.key, percent, trial.value, change.value as others, started_at, started_by,
             trial.reason, until, ended_at, ended_by, outcome, ended_version, ended_reason, findings
         from configuration_trial trial join configuration_change change using (version, key)
         where $1::bigint is null or trial.version < $1 order by trial.version desc limit $2",
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Trial::try_from).collect()
}
