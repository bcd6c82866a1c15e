//! Looks once a second how many events wait to be published, past every proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contracts::App;
use contracts::event::topics;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use stack::Instance;
use tokio::task::JoinHandle;

use crate::clock::Clock;

const BETWEEN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// How many events had been waiting for over two seconds; none while a database did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    pub at: u64,
    pub waiting: Option<i64>,
}

/// A watch that goes on until it is told to stop.
pub struct Watch {
    over: Arc<AtomicBool>,
    work: JoinHandle<Vec<Sample>>,
}

impl Watch {
    pub fn start(instance: &Instance, clock: Clock) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let (instance, stopped) = (instance.clone(), Arc::clone(&over));
        let work = tokio::spawn(async move {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let at = clock.now();
                let waiting = tokio::time::timeout(PATIENCE, waiting(&instance)).await;
                samples.push(Sample { at, waiting: waiting.ok().and_then(Result::ok) });
                tokio::time::sleep(BETWEEN).await;
            }
            samples
        });
        Watch { over, work }
    }

    pub async fn stop(self) -> Vec<Sample> {
        self.over.store(true, Ordering::Relaxed);
        self.work.await.unwrap_or_default()
    }
}

/// In all databases together.
async fn waiting(instance: &Instance) -> anyhow::Result<i64> {
    let mut all = 0;
    for app in topics() {
        all += count(
            instance,
            app,
            "select count(*) from outbox where published_at is null and time < now() - interval '2 seconds'",
        )
        .await?;
    }
    Ok(all)
}

/// One number out of a service's database.
pub async fn count(instance: &Instance, app: App, statement: &'static str) -> anyhow::Result<i64> {
    let mut connection = PgConnection::connect(&instance.database_url(app.name())?).await?;
    let number = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(number)
}
