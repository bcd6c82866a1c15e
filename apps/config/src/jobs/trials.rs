//! Looks after the trials that are running: each is judged once it can be, and at its time limit.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::configuration;
use sidecar::InvokeError;
use tokio_util::sync::CancellationToken;

use crate::api::{ask_order, end_by_itself, end_if_overtaken};
use crate::app::App;
use crate::domain::Settings;
use crate::domain::trial::{Trial, judge, overtaken};
use crate::store::setting::list_stored;
use crate::store::trial::list_running;

/// How often it is looked whether a trial can be judged.
const INTERVAL: Duration = Duration::from_secs(2);

/// What came of a round.
#[derive(Debug, Default)]
pub struct Round {
    /// How many trials have ended by it.
    pub ended: usize,
    /// By their versions, what kept trials from being judged; they go on, and so do the others.
    pub failed: BTreeMap<i64, sqlx::Error>,
    /// Why `order` could not be asked, where it could not.
    pub unanswered: Option<InvokeError>,
}

/// Runs until `shutdown`. Every replica looks; the end is one's alone.
pub(super) async fn run(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut works, mut answered) = (true, true);
    let mut failing: Vec<i64> = Vec::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match judge_running(&app).await {
            Ok(Round { unanswered, failed, .. }) => {
                works = true;
                tell(&failed, &failing);
                failing = failed.into_keys().collect();
                let before = std::mem::replace(&mut answered, unanswered.is_none());
                if let Some(error) = unanswered.filter(|_| before) {
                    tracing::warn!(error = %error, "order tells nothing of the orders of a trial, which goes on");
                }
            }
            Err(error) => {
                if std::mem::replace(&mut works, false) {
                    tracing::warn!(error = %error, "running trials could not be judged; they go on");
                }
            }
        }
    }
}

/// Says once of each trial that it cannot be judged.
fn tell(failed: &BTreeMap<i64, sqlx::Error>, before: &[i64]) {
    for (trial, error) in failed.iter().filter(|(trial, _)| !before.contains(trial)) {
        tracing::warn!(configuration.trial = trial, error = %error, "a trial could not be judged; it goes on");
    }
}

/// Judges every trial that is running; one that cannot be judged is left for the next round.
///
/// # Errors
/// When it cannot be read which trials are running; the next round goes on.
pub async fn judge_running(app: &App) -> Result<Round, sqlx::Error> {
    let mut db = app.db.acquire().await?;
    let running = list_running(&mut db).await?;
    let present = Settings::of(list_stored(&mut db).await?);
    // No connection is held while `order` is waited for.
    drop(db);
    let mut round = Round::default();
    for trial in &running {
        let ended = match overtaken(trial, &present) {
            // Looked at again under the counter: by now the trial may have ended by itself.
            Some(_) => end_if_overtaken(app, trial).await,
            None => judge_one(app, trial, &mut round.unanswered).await,
        };
        match ended {
            Ok(ended) => round.ended += usize::from(ended),
            Err(error) => {
                round.failed.insert(trial.version, error);
            }
        }
    }
    let left = running.len() - round.ended;
    metrics::gauge!("configuration_trials_running").set(u32::try_from(left).unwrap_or(u32::MAX));
    Ok(round)
}

async fn judge_one(
    app: &App,
    trial: &Trial,
    unanswered: &mut Option<InvokeError>,
) -> Result<bool, sqlx::Error> {
    let guards = configuration::find(&trial.key).map(|key| key.guards).unwrap_or_default();
    let groups = ask_order(app, trial).await.map_err(|error| *unanswered = Some(error)).ok();
    let judgement = judge(guards, trial.until, groups.as_ref(), app.clock.now());
    end_by_itself(app, trial, judgement).await
}
