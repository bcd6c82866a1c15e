//! What did not arrive is handled again by itself, for each key in the order of its sequence.

use std::future::Future;
use std::time::Duration;

use chrono::Utc;
use contracts::{App, Envelope};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::EventError;
use super::failed::{self, UndeliveredRow};
use super::run::Runner;

const EVERY: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Runs `handle` on undelivered events until `shutdown`. The inbox makes it harmless that other replicas do too.
pub async fn redeliver_job<S, F, Fut>(
    subscriber: App,
    pool: PgPool,
    state: S,
    handle: F,
    shutdown: CancellationToken,
) where
    S: Clone,
    F: Fn(S, Envelope) -> Fut,
    Fut: Future<Output = Result<(), EventError>>,
{
    let runner = Runner::new(subscriber, pool.clone(), state, handle);
    while !shutdown.is_cancelled() {
        let settled = match redeliver(&pool, &runner).await {
            Ok(settled) => settled,
            Err(error) => {
                tracing::warn!(%error, "undelivered events could not be read or marked");
                0
            }
        };
        // The next events of the keys just settled are due now.
        if settled == 0 {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
}

/// One pass over the heads of all keys; how many of them are settled.
async fn redeliver<S, F, Fut>(pool: &PgPool, runner: &Runner<S, F>) -> Result<usize, sqlx::Error>
where
    S: Clone,
    F: Fn(S, Envelope) -> Fut,
    Fut: Future<Output = Result<(), EventError>>,
{
    let mut settled = 0;
    for row in failed::list_due(pool, Utc::now()).await? {
        let outcome = match App::from_name(&row.topic) {
            Some(topic) => runner.run(topic, &row.payload).await,
            None => Err(EventError::Drop(format!("there is no topic {:?}", row.topic))),
        };
        let now = Utc::now();
        match outcome {
            Ok(_handled) => failed::update_handled(pool, row.id, now).await?,
            Err(EventError::Drop(why)) => failed::update_refused(pool, row.id, &why, now).await?,
            Err(EventError::Retry(error)) => {
                failed::update_postponed(pool, row.id, &format!("{error:#}"), now, pause(&row)).await?;
                continue;
            }
        }
        settled += 1;
    }
    Ok(settled)
}

fn pause(row: &UndeliveredRow) -> Duration {
    let doublings = u32::try_from(row.attempts).unwrap_or(u32::MAX).min(4);
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}
