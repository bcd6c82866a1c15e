//! What an order's timeline has to tell of events that failed.

use chrono::{DateTime, Utc};
use contracts::App;
use contracts::timeline::{EntryKind, TimelineEntry};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// The events of this subject that `subscriber` refused or was not reached by, and what became of them since.
pub async fn list_failures(
    tx: &mut PgConnection,
    subscriber: App,
    subject: Uuid,
) -> Result<Vec<TimelineEntry>, sqlx::Error> {
    let rows = sqlx::query_as!(
        FailureRow,
        "select topic, event_id, type as event_type, reason, error, attempts, first_at, handled_at, discarded_at
         from failed_event
         where subject = $1
         order by first_at, id",
        subject
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.iter().flat_map(|row| row.entries(subscriber)).collect())
}

struct FailureRow {
    topic: String,
    event_id: Option<Uuid>,
    event_type: Option<String>,
    reason: String,
    error: String,
    attempts: i32,
    first_at: DateTime<Utc>,
    handled_at: Option<DateTime<Utc>>,
    discarded_at: Option<DateTime<Utc>>,
}

impl FailureRow {
    fn entries(&self, subscriber: App) -> impl Iterator<Item = TimelineEntry> {
        let entry = |at, kind, detail| TimelineEntry {
            at,
            kind,
            name: self.event_type.clone().unwrap_or_else(|| format!("an event of {}", self.topic)),
            who: subscriber.name().to_owned(),
            cause: self.event_id.map(|id| id.to_string()),
            trace_id: None,
            detail,
        };
        let why = json!({"reason": self.reason, "error": self.error, "attempts": self.attempts});
        let failed = entry(self.first_at, EntryKind::Refused, why);
        let handled = self.handled_at.map(|at| entry(at, EntryKind::Retried, json!({"outcome": "handled"})));
        let discarded =
            self.discarded_at.map(|at| entry(at, EntryKind::Retried, json!({"outcome": "discarded"})));
        [Some(failed), handled, discarded].into_iter().flatten()
    }
}
