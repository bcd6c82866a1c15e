//! Waits until nothing is under way any more: every event published and handled, every failed one sent again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use contracts::App;
use contracts::event::{EVENTS, topics};
use sqlx::{Connection, PgConnection};
use stack::Instance;
use uuid::Uuid;

use crate::watch::count;

const BETWEEN: Duration = Duration::from_secs(1);

/// Waits at most so long; says what is still under way then.
pub async fn settled(instance: &Instance, patience: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let left = match left(instance).await {
            Ok(left) if left.is_empty() => return Ok(()),
            Ok(left) => left.join("; "),
            Err(error) => format!("{error:#}"),
        };
        if began.elapsed() > patience {
            return Err(left);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn left(instance: &Instance) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    let mut note = |number: i64, what: String| {
        if number > 0 {
            left.push(format!("{number} {what}"));
        }
    };
    for app in topics() {
        let waiting = count(instance, app, "select count(*) from outbox where published_at is null").await?;
        note(waiting, format!("events of {app} wait to be published"));
    }
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        let failed = "select count(*) from failed_event where handled_at is null and discarded_at is null";
        note(count(instance, app, failed).await?, format!("events failed at {app}"));
    }
    for row in EVENTS {
        let sent = ids(instance, row.publisher, "select id from outbox where type = $1", row.name).await?;
        for subscriber in row.subscribers {
            let handled =
                ids(instance, *subscriber, "select event_id from inbox where type = $1", row.name).await?;
            let missing = i64::try_from(sent.difference(&handled).count())?;
            note(missing, format!("{} are not handled by {subscriber}", row.name));
            let strange = i64::try_from(handled.difference(&sent).count())?;
            note(strange, format!("{} were handled by {subscriber} and never sent", row.name));
        }
    }
    let open = "select count(*) from orders where end_kind is null";
    note(count(instance, App::Order, open).await?, "orders have not ended".to_owned());
    Ok(left)
}

async fn ids(
    instance: &Instance,
    app: App,
    statement: &'static str,
    event_type: &str,
) -> anyhow::Result<BTreeSet<Uuid>> {
    let mut connection = PgConnection::connect(&instance.database_url(app.name())?).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar(statement).bind(event_type).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(ids.into_iter().collect())
}
