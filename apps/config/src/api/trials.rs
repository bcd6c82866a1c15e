//! Trials: begun by a person, looked at, and ended by a person or by themselves.

mod ending;
mod view;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use web::idempotency::{self, Claim};
use web::{Api, Caller, IdempotencyKey, Json, List, Page, Problem, Query};

use super::carry_out::{lock, save};
use super::view::any;
use super::{longest, refusal};
use crate::app::App;
use crate::domain::Reason;
use crate::domain::change::Why;
use crate::domain::setting::Change;
use crate::domain::trial::{self, Asked, Limit, Percent, Trial, Verdict};
use crate::store::history::Version;
use crate::store::trial::{find_trial, insert_trial, list_trials};

use ending::{Done, Ending};
pub use ending::{ask_order, end_by_itself, end_if_overtaken};
pub use view::TrialView;

const LARGEST_PAGE: u64 = 100;

/// A value that is for a part of the orders first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartTrial {
    #[schema(example = "order.deadline")]
    pub key: String,
    /// Of the key's type and within its bounds.
    #[schema(schema_with = any)]
    pub value: Value,
    pub percent: Percent,
    /// When it has not been judged after so long, it goes back: `1m` to `7d`.
    pub r#for: Limit,
    pub reason: Reason,
    /// The version that the key must have, so that nobody overwrites what they have not seen.
    pub version: Option<i64>,
}

/// How a trial is to end.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndTrial {
    pub outcome: Verdict,
    pub reason: Reason,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrialPath {
    version: i64,
}

pub(super) fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::StartTrial, start_trial, |about| {
        about.idempotent().body::<StartTrial>().answer::<TrialView>(201).problems(&[
            ProblemType::UnknownKey,
            ProblemType::InvalidKeyName,
            ProblemType::WrongType,
            ProblemType::ConfigurationOutOfBounds,
            ProblemType::ValueTooLong,
            ProblemType::ContradictingKeys,
            ProblemType::NotTriable,
            ProblemType::TrialRunning,
            ProblemType::PreconditionFailed,
            ProblemType::Conflict,
        ])
    })
    .operation(Operation::ListTrials, list_all_trials, |about| {
        about.query::<Page>().answer::<List<TrialView>>(200)
    })
    .operation(Operation::ReadTrial, read_trial, |about| about.answer::<TrialView>(200))
    .operation(Operation::EndTrial, end_trial, |about| {
        about
            .idempotent()
            .body::<EndTrial>()
            .answer::<TrialView>(200)
            .problems(&[ProblemType::InvalidTransition, ProblemType::ContradictingKeys])
    })
}

async fn start_trial(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<StartTrial>,
) -> Result<Response, Problem> {
    let hash = idempotency::hash(&request)?;
    let mut tx = app.db.begin().await?;
    let claim = idempotency::claim(&mut tx, caller.user_id, Operation::StartTrial, &key, &hash).await?;
    if let Claim::Replay(answer) = claim {
        return Ok(answer.into_response());
    }
    let (last, present) = lock(&mut tx).await?;
    let StartTrial { key: name, value, percent, r#for, reason, version } = request;
    let asked = Asked { key: name, value, percent, version };
    let (planned, value) = trial::start(&present, &asked, longest(&app)).map_err(refusal::of_one)?;
    let now = app.clock.now();
    let started = Change { at: now, by: caller.user_id, reason };
    let begun = Trial {
        version: last + 1,
        key: planned.key.name.to_owned(),
        percent: percent.get(),
        value: value.to_string(),
        others: planned.after.value.to_string(),
        started: started.clone(),
        until: r#for.after(now),
        end: None,
    };
    let kind = planned.key.kind.name();
    let version = Version { number: begun.version, change: started, rolled_back_to: None };
    save(&mut tx, &version, &[planned]).await?;
    if !insert_trial(&mut tx, &begun, kind).await? {
        // Its row was taken out by hand, which ends it in a moment.
        let detail = "another trial of the key is about to end; ask again in a moment";
        return Err(Problem::new(ProblemType::TrialRunning).detail(detail));
    }
    let view = TrialView::of(&begun);
    idempotency::store(&mut tx, caller.user_id, Operation::StartTrial, &key, StatusCode::CREATED, &view)
        .await?;
    tx.commit().await?;
    let Trial { version, key, percent, until, .. } = begun;
    let until = until.to_string();
    tracing::info!(configuration.key = key, configuration.trial = version, percent, until, "trial started");
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn list_all_trials(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<Json<List<TrialView>>, Problem> {
    let (limit, before) = (page.limit(LARGEST_PAGE)?, page.after::<i64>()?);
    let trials = list_trials(&mut *app.db.acquire().await?, before, limit + 1).await?;
    let views = trials.iter().map(TrialView::of).collect();
    Ok(Json(List::from_rows(views, limit, |view: &TrialView| view.version)))
}

async fn read_trial(
    State(app): State<App>,
    Query(path): Query<TrialPath>,
) -> Result<Json<TrialView>, Problem> {
    // No connection is held while `order` is waited for.
    let trial = find_trial(&mut *app.db.acquire().await?, path.version).await?;
    let trial = trial.ok_or_else(|| unknown(path.version))?;
    let view = TrialView::of(&trial);
    if trial.end.is_some() {
        return Ok(Json(view));
    }
    Ok(Json(view.at_present(ending::findings(&app, &trial).await)))
}

async fn end_trial(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<TrialPath>,
    key: IdempotencyKey,
    Json(request): Json<EndTrial>,
) -> Result<Response, Problem> {
    let hash = idempotency::hash(&(path.version, &request))?;
    let mut db = app.db.acquire().await?;
    let operation = Operation::EndTrial;
    if let Some(answer) = idempotency::find(&mut db, caller.user_id, operation, &key, &hash).await? {
        return Ok(answer.into_response());
    }
    let found = find_trial(&mut db, path.version).await?.ok_or_else(|| unknown(path.version))?;
    drop(db);
    // What is known of the groups is kept with a decision that a person takes.
    let findings = match found.end {
        None => ending::findings(&app, &found).await,
        Some(_) => None,
    };
    let ending =
        Ending { verdict: request.outcome, by: Some(caller.user_id), reason: request.reason, findings };

    let mut tx = app.db.begin().await?;
    if let Claim::Replay(answer) = idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await?
    {
        return Ok(answer.into_response());
    }
    match ending::end(&mut tx, app.clock.now(), path.version, ending).await? {
        Done::Ended(trial) => {
            let view = TrialView::of(&trial);
            idempotency::store(&mut tx, caller.user_id, operation, &key, StatusCode::OK, &view).await?;
            tx.commit().await?;
            ending::tell(&trial);
            Ok(Json(view).into_response())
        }
        Done::Before(None) => Err(unknown(path.version)),
        Done::Before(Some(end)) => {
            let detail = format!("trial {} has ended: {}", path.version, end.outcome.name());
            Err(Problem::new(ProblemType::InvalidTransition).detail(detail).with("outcome", end.outcome))
        }
        Done::Contradicts(says) => Err(refusal::of_one(Why::Contradiction { says })),
    }
}

fn unknown(version: i64) -> Problem {
    Problem::not_found().detail(format!("no trial began with version {version}"))
}
