//! SQL: the last word of each replica about the configuration that it runs with.

use chrono::{DateTime, Utc};
use contracts::App;
use contracts::configuration::Report;
use serde_json::Value as Json;
use sqlx::PgConnection;
use uuid::Uuid;

/// A report with whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub app: App,
    pub at: DateTime<Utc>,
    pub report: Report,
}

struct ReportRow {
    app: String,
    replica: Uuid,
    version: i64,
    store_read: bool,
    held: Json,
    refused: Json,
    reported_at: DateTime<Utc>,
}

impl TryFrom<ReportRow> for Reported {
    type Error = sqlx::Error;

    fn try_from(row: ReportRow) -> Result<Reported, sqlx::Error> {
        let unreadable = |error| sqlx::Error::Decode(Box::new(error));
        let app = App::from_name(&row.app)
            .ok_or_else(|| sqlx::Error::Decode(format!("there is no service {}", row.app).into()))?;
        let report = Report {
            replica: row.replica,
            version: row.version.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            read: row.store_read,
            values: serde_json::from_value(row.held).map_err(unreadable)?,
            refused: serde_json::from_value(row.refused).map_err(unreadable)?,
        };
        Ok(Reported { app, at: row.reported_at, report })
    }
}

/// Puts a replica's word in the place of its last one.
pub async fn insert_report(tx: &mut PgConnection, reported: &Reported) -> Result<(), sqlx::Error> {
    let encode = |error| sqlx::Error::Encode(Box::new(error));
    let held = serde_json::to_value(&reported.report.values).map_err(encode)?;
    let refused = serde_json::to_value(&reported.report.refused).map_err(encode)?;
    sqlx::query!(
        "insert into configuration_report (app, replica, version, store_read, held, refused, reported_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint configuration_report_pkey
         do update set version = excluded.version, store_read = excluded.store_read, held = excluded.held,
             refused = excluded.refused, reported_at = excluded.reported_at",
        reported.app.name(),
        reported.report.replica,
        i64::try_from(reported.report.version).unwrap_or(i64::MAX),
        reported.report.read,
        held,
        refused,
        reported.at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets replicas that were last heard of before this.
pub async fn delete_reports(tx: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from configuration_report where reported_at < $1", before).execute(tx).await?;
    Ok(())
}

/// Replicas that were heard of since, by service.
pub async fn list_reports(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Reported>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ReportRow,
        "select app, replica, version, store_read, held, refused, reported_at from configuration_report
         where reported_at >= $1 order by app, replica",
        since
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Reported::try_from).collect()
}
