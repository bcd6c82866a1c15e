//! How a trial ends, whoever ends it: in one transaction, once, under the counter that every change holds.

use chrono::{DateTime, Utc};
use contracts::configuration::{self, Groups, ReadOrderGroups};
use contracts::{Operation, UserId};
use sidecar::InvokeError;
use sqlx::PgConnection;

use crate::api::carry_out::{lock, save};
use crate::app::App;
use crate::domain::Reason;
use crate::domain::setting::Change;
use crate::domain::trial::judging::{Cause, adopted, overtaken, taken_back};
use crate::domain::trial::{
    self, Findings, Judgement, NotEnded, Outcome, Overtaken, Trial, TrialEnd, Verdict,
};
use crate::store::history::Version;
use crate::store::trial::{find_trial, update_end};

/// What is to become of a trial, and who says so.
#[derive(Debug, Clone)]
pub struct Ending {
    pub verdict: Verdict,
    /// None where it ends by itself.
    pub by: Option<UserId>,
    pub reason: Reason,
    pub findings: Option<Findings>,
}

/// What became of an ending.
#[derive(Debug)]
pub(super) enum Done {
    Ended(Box<Trial>),
    /// It had ended already, or there is none.
    Before(Option<TrialEnd>),
    /// It goes on: its value for everyone would contradict another key's.
    Contradicts(&'static str),
}

/// What became of the orders of a trial.
///
/// # Errors
/// Why `order` cannot be asked.
pub async fn ask_order(app: &App, trial: &Trial) -> Result<Groups, InvokeError> {
    let asked = ReadOrderGroups {
        key: trial.key.clone(),
        percent: trial.percent,
        version: trial.version.try_into().unwrap_or_default(),
    };
    app.sidecar.invoke(Operation::ReadOrderGroups, Some(&asked)).await
}

/// The present numbers of a trial, where `order` tells them.
pub(super) async fn findings(app: &App, trial: &Trial) -> Option<Findings> {
    let guards = configuration::find(&trial.key).map(|key| key.guards).unwrap_or_default();
    match ask_order(app, trial).await {
        Ok(groups) => Some(Findings::of(guards, &groups)),
        Err(error) => {
            tracing::warn!(configuration.trial = trial.version, error = %error, "order tells nothing of a trial");
            None
        }
    }
}

/// Carries out what was judged; says whether this was what ended the trial. Of two replicas one does.
///
/// # Errors
/// When the database fails; the trial then goes on.
pub async fn end_by_itself(app: &App, trial: &Trial, judgement: Judgement) -> Result<bool, sqlx::Error> {
    let back = |cause: Cause, findings: Option<Findings>| Ending {
        verdict: Verdict::TakeBack,
        by: None,
        reason: taken_back(trial, cause, findings.as_ref()),
        findings,
    };
    let ending = match judgement {
        Judgement::Wait => return Ok(false),
        Judgement::Adopt(findings) => {
            let reason = adopted(trial, &findings);
            Ending { verdict: Verdict::Adopt, by: None, reason, findings: Some(findings) }
        }
        Judgement::TakeBack(cause, findings) => back(cause, findings),
    };
    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    let findings = ending.findings.clone();
    let mut done = end(&mut tx, now, trial.version, ending).await?;
    if let Done::Contradicts(says) = done {
        done = end(&mut tx, now, trial.version, back(Cause::Contradicts(says), findings)).await?;
    }
    match done {
        Done::Ended(trial) => {
            tx.commit().await?;
            tell(&trial);
            Ok(true)
        }
        Done::Before(_) | Done::Contradicts(_) => Ok(false),
    }
}

/// Notes that somebody changed the key past the trial, where that is so; says whether it was noted by this.
///
/// # Errors
/// When the database fails; the trial then goes on.
pub async fn end_if_overtaken(app: &App, trial: &Trial) -> Result<bool, sqlx::Error> {
    let mut tx = app.db.begin().await?;
    let (_, present) = lock(&mut tx).await?;
    let running = find_trial(&mut tx, trial.version).await?.filter(|trial| trial.end.is_none());
    let Some(mut trial) = running else { return Ok(false) };
    let Some(why) = trial::overtaken(&trial, &present) else { return Ok(false) };
    let end = overtaken_end(&trial, &why, app.clock.now(), None, None);
    update_end(&mut tx, trial.version, &end).await?;
    trial.end = Some(end);
    tx.commit().await?;
    tell(&trial);
    Ok(true)
}

/// Ends a trial that is running; the caller commits.
pub(super) async fn end(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    version: i64,
    ending: Ending,
) -> Result<Done, sqlx::Error> {
    let (last, present) = lock(tx).await?;
    // Nobody ends a trial without the counter, so it is as it is read here until the commit.
    let mut trial = match find_trial(tx, version).await? {
        Some(trial) if trial.end.is_none() => trial,
        found => return Ok(Done::Before(found.and_then(|trial| trial.end))),
    };
    let Ending { verdict, by, reason, findings } = ending;
    let end = match trial::end(&trial, &present, verdict) {
        Ok(planned) => {
            let change = Change { at: now, by: by.unwrap_or(trial.started.by), reason: reason.clone() };
            let version = Version { number: last + 1, change, rolled_back_to: None };
            save(tx, &version, &[planned]).await?;
            TrialEnd { at: now, by, outcome: verdict.into(), version: Some(version.number), reason, findings }
        }
        Err(NotEnded::Overtaken(why)) => overtaken_end(&trial, &why, now, by, findings),
        Err(NotEnded::Contradicts(says)) => return Ok(Done::Contradicts(says)),
    };
    update_end(tx, trial.version, &end).await?;
    trial.end = Some(end);
    Ok(Done::Ended(Box::new(trial)))
}

fn overtaken_end(
    trial: &Trial,
    why: &Overtaken,
    at: DateTime<Utc>,
    by: Option<UserId>,
    findings: Option<Findings>,
) -> TrialEnd {
    let (outcome, reason) = (Outcome::Overtaken, overtaken(trial, why));
    TrialEnd { at, by, outcome, version: None, reason, findings }
}

/// Says in log and metric that a trial has ended.
pub(super) fn tell(trial: &Trial) {
    let Some(end) = &trial.end else { return };
    let (key, version, outcome) = (&trial.key, trial.version, end.outcome.name());
    metrics::counter!("configuration_trials_total", "outcome" => outcome).increment(1);
    let why = end.reason.as_str();
    match end.outcome {
        Outcome::Adopted => {
            tracing::info!(
                configuration.key = key,
                configuration.trial = version,
                outcome,
                why,
                "trial ended"
            );
        }
        Outcome::TakenBack | Outcome::Overtaken => {
            tracing::warn!(
                configuration.key = key,
                configuration.trial = version,
                outcome,
                why,
                "trial ended"
            );
        }
    }
}
