//! Trials: a value is tried on a part of the orders first, and goes back when what guards its key gets worse.

pub mod judging;
pub mod statistics;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::UserId;
use contracts::configuration::{Audience, Scope, Scopes, Span, Spec, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::ToSchema;

use super::Reason;
use super::change::{self, Planned, Why, contradictions};
use super::setting::{Change, Setting, Settings, State, StateError};

pub use judging::{Findings, Judgement, judge};

/// A value that is, or was, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The version that began it, by which it is called.
    pub version: i64,
    pub key: String,
    pub percent: u8,
    /// As the sidecars carry it.
    pub value: String,
    /// The value of all other orders meanwhile, as the sidecars carry it.
    pub others: String,
    pub started: Change,
    /// It goes back by itself if it could not be judged until then.
    pub until: DateTime<Utc>,
    pub end: Option<TrialEnd>,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialEnd {
    pub at: DateTime<Utc>,
    /// None where it ended by itself.
    pub by: Option<UserId>,
    pub outcome: Outcome,
    /// The version that ended it; none where the key was changed past it.
    pub version: Option<i64>,
    pub reason: Reason,
    pub findings: Option<Findings>,
}

/// What became of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrialOutcome)]
pub enum Outcome {
    /// Its value is for everyone.
    Adopted,
    /// The value from before is for everyone again.
    TakenBack,
    /// Somebody changed the key past it, by hand, and what they wrote stays.
    Overtaken,
}

/// A trial's part in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The trial's.
    pub version: i64,
    pub step: Step,
    pub by_itself: bool,
}

/// What a change was for a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrialStep)]
pub enum Step {
    Started,
    Adopted,
    TakenBack,
}

/// What is to become of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrialVerdict)]
pub enum Verdict {
    Adopt,
    TakeBack,
}

/// On how many of a hundred orders a value is tried: 1 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u64")]
#[schema(as = TrialPercent, value_type = u8, minimum = 1, maximum = 99, example = 10)]
pub struct Percent(u8);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("percent is 1 to 99: the others are compared with")]
pub struct PercentError;

/// How long a trial may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(as = TrialLimit, value_type = String, pattern = "^[0-9]+(ms|s|m|h|d)$", example = "1h")]
pub struct Limit(Span);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`for` is a duration between {least} and {most}, as \"1h\"", least = Limit::LEAST, most = Limit::MOST)]
pub struct LimitError;

/// A key, the value to be tried, and the version that the key must have, if whoever asks wants to be held to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub key: String,
    pub value: Json,
    pub percent: Percent,
    pub version: Option<i64>,
}

/// Why a value cannot be tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTriable {
    #[error("the key is not read for each order, so it has no guards by which a trial could be judged")]
    NoGuards,
    #[error("the key has values for some; end them first")]
    Scoped,
    #[error("this is the key's value already")]
    Same,
}

/// Why a trial cannot end as it was to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEnded {
    Overtaken(Overtaken),
    /// A rule between keys would no longer hold; only an edit by hand brings that about.
    Contradicts(&'static str),
}

/// Why a trial no longer says anything about its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overtaken {
    #[error("the key is no longer in the registry")]
    Gone,
    #[error("the key was changed past the trial and is at version {0}")]
    Changed(i64),
    #[error("what stands in the table for the key cannot be read: {0}")]
    Unreadable(StateError),
    #[error("the key's values are no longer those of the trial")]
    Rewritten,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Adopted => "adopted",
            Outcome::TakenBack => "taken_back",
            Outcome::Overtaken => "overtaken",
        }
    }

    pub fn from_name(name: &str) -> Option<Outcome> {
        [Outcome::Adopted, Outcome::TakenBack, Outcome::Overtaken]
            .into_iter()
            .find(|outcome| outcome.name() == name)
    }
}

impl Step {
    /// The step that ends a trial with an outcome; one that was overtaken has none.
    pub fn of(outcome: &str) -> Option<Step> {
        match Outcome::from_name(outcome)? {
            Outcome::Adopted => Some(Step::Adopted),
            Outcome::TakenBack => Some(Step::TakenBack),
            Outcome::Overtaken => None,
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Adopt => Outcome::Adopted,
            Verdict::TakeBack => Outcome::TakenBack,
        }
    }
}

impl Percent {
    pub const LEAST: u8 = 1;
    pub const MOST: u8 = 99;

    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Percent {
    type Error = PercentError;

    fn try_from(percent: u64) -> Result<Percent, PercentError> {
        u8::try_from(percent)
            .ok()
            .filter(|percent| (Percent::LEAST..=Percent::MOST).contains(percent))
            .map(Percent)
            .ok_or(PercentError)
    }
}

impl Limit {
    pub const LEAST: Span = Span::minutes(1);
    pub const MOST: Span = Span::days(7);

    /// The time when it is over.
    pub fn after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::from_std(self.0.duration()).expect("invariant: a limit is at most a week")
    }
}

impl TryFrom<String> for Limit {
    type Error = LimitError;

    fn try_from(text: String) -> Result<Limit, LimitError> {
        let span = text.parse::<Span>().ok();
        span.filter(|span| (Limit::LEAST..=Limit::MOST).contains(span)).map(Limit).ok_or(LimitError)
    }
}

/// What begins a trial: the value for everyone stays, and the new one is for a part of the orders.
///
/// # Errors
/// What the key cannot have, and why it cannot be tried now. A value that would contradict another key's is refused
/// at once: it could never be for everyone.
pub fn start(present: &Settings, asked: &Asked, most: u64) -> Result<(Planned, Value), Why> {
    let key = change::find(&asked.key)?;
    let setting = present.find(key.name).ok_or(Why::Unknown)?;
    change::not_tried(setting)?;
    if asked.version.is_some_and(|version| version != setting.version) {
        return Err(Why::Stale { current: setting.version });
    }
    if key.guards.is_empty() {
        return Err(NotTriable::NoGuards.into());
    }
    let value = change::read_value(key, &asked.value, most)?;
    let state = setting.state.as_ref().map_err(|error| Why::Unreadable(error.clone()))?;
    if !state.scopes.is_empty() {
        return Err(NotTriable::Scoped.into());
    }
    if state.value == value {
        return Err(NotTriable::Same.into());
    }
    if let Some(says) = contradicted(present, &for_everyone(setting, value.clone())) {
        return Err(Why::Contradiction { says });
    }
    let after = State { value: state.value.clone(), scopes: scopes(key, asked.percent, &value)? };
    Ok((Planned { key, before: setting.state.clone(), after }, value))
}

/// What ends a trial: one value for everyone.
///
/// # Errors
/// [`NotEnded`] where the key is no longer as the trial left it, or its value would contradict another key's by now.
pub fn end(trial: &Trial, present: &Settings, verdict: Verdict) -> Result<Planned, NotEnded> {
    let (setting, state, tried) = untouched(trial, present).map_err(NotEnded::Overtaken)?;
    let value = match verdict {
        Verdict::Adopt => tried,
        Verdict::TakeBack => state.value.clone(),
    };
    let planned = for_everyone(setting, value);
    match contradicted(present, &planned) {
        Some(says) if verdict == Verdict::Adopt => Err(NotEnded::Contradicts(says)),
        // The value from before holds for everyone all along, so going back to it contradicts nothing anew.
        Some(_) | None => Ok(planned),
    }
}

/// Why a running trial no longer says anything about its key, if so.
pub fn overtaken(trial: &Trial, present: &Settings) -> Option<Overtaken> {
    untouched(trial, present).err()
}

/// The key with its one value for some, if it is still as the trial left it.
fn untouched<'a>(trial: &Trial, present: &'a Settings) -> Result<(&'a Setting, &'a State, Value), Overtaken> {
    let setting = present.find(&trial.key).ok_or(Overtaken::Gone)?;
    if setting.version != trial.version {
        return Err(Overtaken::Changed(setting.version));
    }
    let state = setting.state.as_ref().map_err(|error| Overtaken::Unreadable(error.clone()))?;
    let mut scopes = state.scopes.iter();
    let (Some(Scope { audience, value }), None) = (scopes.next(), scopes.next()) else {
        return Err(Overtaken::Rewritten);
    };
    let ours = *audience == Audience::Percent(trial.percent)
        && value.to_string() == trial.value
        && state.value.to_string() == trial.others;
    if ours { Ok((setting, state, value.clone())) } else { Err(Overtaken::Rewritten) }
}

fn for_everyone(setting: &Setting, value: Value) -> Planned {
    let after = State { value, scopes: Scopes::default() };
    Planned { key: setting.key, before: setting.state.clone(), after }
}

/// The rule that would no longer hold.
fn contradicted(present: &Settings, planned: &Planned) -> Option<&'static str> {
    let refused = contradictions(present, std::slice::from_ref(planned), &[]);
    refused.into_iter().find_map(|refused| {
        let Why::Contradiction { says } = refused.why else { return None };
        Some(says)
    })
}

fn scopes(key: &Spec, percent: Percent, value: &Value) -> Result<Scopes, Why> {
    let scope = json!([{"audience": {"percent": percent.get()}, "value": value}]);
    Ok(Scopes::read(&key.kind, key.reach, &scope)?)
}

#[cfg(test)]
mod tests;
