//! A change of several keys: what is asked of each, what it comes to, and everything that speaks against it.

use std::collections::HashSet;

use contracts::ProblemType;
use contracts::configuration::{self, RULES, Rule, ScopeError, Scopes, Spec, Value, ValueError};
use serde_json::Value as Json;

use super::setting::{Setting, Settings, State, StateError};
use super::trial::NotTriable;

/// What is asked of one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub key: String,
    pub wanted: Wanted,
    /// The version that the key must have, if whoever asks wants to be held to it.
    pub version: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Its default for everyone.
    Default,
    /// What is left out stays as it is.
    Given { value: Option<Json>, scopes: Option<Json> },
    /// A default and something else at once, which is refused.
    Both,
}

/// What a key is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub key: &'static Spec,
    /// An error is what could not be read in the table.
    pub before: Result<State, StateError>,
    pub after: State,
}

/// A key of the change that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub key: String,
    pub why: Why,
}

/// Why a key is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("a key's name is 1 to {LONGEST_NAME} characters of a-z, 0-9, the point and the underscore")]
    Name,
    #[error("there is no such key")]
    Unknown,
    #[error("the key stands in the change twice")]
    Twice,
    #[error("neither a value nor scopes are given")]
    Nothing,
    #[error("a key that is reset is given neither a value nor scopes")]
    Both,
    #[error("trial {trial} of it is running; POST /v1/config/trials/{trial}/end ends it (end_trial)")]
    Tried { trial: i64 },
    #[error(transparent)]
    NotTriable(#[from] NotTriable),
    #[error("the key has changed; its version is {current}")]
    Stale { current: i64 },
    #[error("the value is longer than {most} bytes")]
    TooLong { most: u64 },
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    #[error("what stands in the table for it cannot be read, so both a value and scopes are needed: {0}")]
    Unreadable(StateError),
    #[error("this would no longer hold: {says}")]
    Contradiction { says: &'static str },
    #[error("at version {version} it was of the type {was}, and is of the type {is} now")]
    Retyped { version: i64, was: String, is: &'static str },
    #[error("what it was at version {version} is no longer taken: {source}")]
    NoLonger { version: i64, source: StateError },
}

const LONGEST_NAME: usize = 200;

impl Why {
    /// The problem under which a client knows it.
    pub fn problem_type(&self) -> ProblemType {
        match self {
            Why::Name => ProblemType::InvalidKeyName,
            Why::Unknown => ProblemType::UnknownKey,
            Why::Twice | Why::Nothing | Why::Both => ProblemType::InvalidField,
            Why::Tried { .. } => ProblemType::TrialRunning,
            Why::NotTriable(_) => ProblemType::NotTriable,
            Why::Stale { .. } => ProblemType::PreconditionFailed,
            Why::TooLong { .. } => ProblemType::ValueTooLong,
            Why::Value(error) => value_problem(error),
            Why::Scopes(_) => ProblemType::InvalidScopes,
            Why::Unreadable(_) => ProblemType::Conflict,
            Why::Contradiction { .. } => ProblemType::ContradictingKeys,
            Why::Retyped { .. } => ProblemType::WrongType,
            Why::NoLonger { source, .. } => match source {
                StateError::Value(error) => value_problem(error),
                StateError::Scopes(_) | StateError::ScopesNotJson => ProblemType::InvalidScopes,
            },
        }
    }
}

fn value_problem(error: &ValueError) -> ProblemType {
    match error {
        ValueError::OtherType { .. } => ProblemType::WrongType,
        ValueError::Within { source, .. } => value_problem(source),
        ValueError::OutOfBounds { .. }
        | ValueError::TooLong { .. }
        | ValueError::TooMany { .. }
        | ValueError::NotNamed { .. } => ProblemType::ConfigurationOutOfBounds,
    }
}

/// The key of this name.
///
/// # Errors
/// [`Why::Name`] when no key can have it, [`Why::Unknown`] when none has.
pub fn find(name: &str) -> Result<&'static Spec, Why> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_');
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(Why::Name);
    }
    configuration::find(name).ok_or(Why::Unknown)
}

/// Reads a value of at most `most` bytes.
///
/// # Errors
/// [`Why::TooLong`] and [`Why::Value`].
pub fn read_value(key: &Spec, json: &Json, most: u64) -> Result<Value, Why> {
    let bytes = json.as_str().map_or_else(|| json.to_string().len(), str::len);
    if bytes as u64 > most {
        return Err(Why::TooLong { most });
    }
    Ok(key.kind.read(json)?)
}

/// Reads values for some, each of at most `most` bytes.
///
/// # Errors
/// [`Why::TooLong`] and [`Why::Scopes`].
pub fn read_scopes(key: &Spec, json: &Json, most: u64) -> Result<Scopes, Why> {
    for scope in json.as_array().into_iter().flatten() {
        if let Some(value) = scope.get("value") {
            let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
            if bytes as u64 > most {
                return Err(Why::TooLong { most });
            }
        }
    }
    Ok(Scopes::read(&key.kind, key.reach, json)?)
}

/// Decides about all keys of a change together.
///
/// # Errors
/// Everything that is refused, at once.
pub fn plan(present: &Settings, wishes: &[Wish], most: u64) -> Result<Vec<Planned>, Vec<Refused>> {
    let tried = |wish: &Wish| {
        let why = present.find(&wish.key).and_then(|setting| not_tried(setting).err())?;
        Some(Refused { key: wish.key.clone(), why })
    };
    let tried: Vec<Refused> = wishes.iter().filter_map(tried).collect();
    match decide(present, wishes, most) {
        Ok(planned) if tried.is_empty() => Ok(planned),
        Ok(_) => Err(tried),
        Err(mut refused) => {
            // One reason for each key is enough, and this one comes before the others.
            refused.retain(|refused| tried.iter().all(|tried| tried.key != refused.key));
            Err(tried.into_iter().chain(refused).collect())
        }
    }
}

/// The keys of a change that are tried at present, and so are changed by nothing but the end of the trial.
pub fn tried(present: &Settings, planned: &[Planned]) -> Vec<Refused> {
    let settings = planned.iter().filter_map(|planned| present.find(planned.key.name));
    settings
        .filter_map(|setting| {
            not_tried(setting).err().map(|why| Refused { key: setting.key.name.to_owned(), why })
        })
        .collect()
}

/// # Errors
/// [`Why::Tried`] while the key is tried.
pub fn not_tried(setting: &Setting) -> Result<(), Why> {
    setting.trial.map_or(Ok(()), |trial| Err(Why::Tried { trial }))
}

/// The same whether or not a key is tried; for whoever leaves out what is already so before looking.
///
/// # Errors
/// Everything that is refused, at once.
pub fn decide(present: &Settings, wishes: &[Wish], most: u64) -> Result<Vec<Planned>, Vec<Refused>> {
    let mut planned = Vec::with_capacity(wishes.len());
    let mut refused = Vec::new();
    let mut seen = HashSet::new();
    for wish in wishes {
        let decided = if seen.insert(&wish.key) { plan_one(present, wish, most) } else { Err(Why::Twice) };
        match decided {
            Ok(key) => planned.push(key),
            Err(why) => refused.push(Refused { key: shortened(&wish.key), why }),
        }
    }
    refused.extend(contradictions(present, &planned, &refused));
    if refused.is_empty() { Ok(planned) } else { Err(refused) }
}

fn plan_one(present: &Settings, wish: &Wish, most: u64) -> Result<Planned, Why> {
    let key = find(&wish.key)?;
    let setting = present.find(key.name).ok_or(Why::Unknown)?;
    if wish.version.is_some_and(|version| version != setting.version) {
        return Err(Why::Stale { current: setting.version });
    }
    let after = match &wish.wanted {
        Wanted::Default => State::default_of(key),
        Wanted::Both => return Err(Why::Both),
        Wanted::Given { value: None, scopes: None } => return Err(Why::Nothing),
        Wanted::Given { value, scopes } => {
            let value = value.as_ref().map(|json| read_value(key, json, most)).transpose()?;
            let scopes = scopes.as_ref().map(|json| read_scopes(key, json, most)).transpose()?;
            given(setting, value, scopes)?
        }
    };
    Ok(Planned { key, before: setting.state.clone(), after })
}

fn given(setting: &Setting, value: Option<Value>, scopes: Option<Scopes>) -> Result<State, Why> {
    match (value, scopes, &setting.state) {
        (Some(value), Some(scopes), _) => Ok(State { value, scopes }),
        (value, scopes, Ok(state)) => Ok(State {
            value: value.unwrap_or_else(|| state.value.clone()),
            scopes: scopes.unwrap_or_else(|| state.scopes.clone()),
        }),
        (_, _, Err(error)) => Err(Why::Unreadable(error.clone())),
    }
}

/// The keys of the change by which a rule would no longer hold. A rule about a key that is refused anyway waits
/// until that one is mended.
pub fn contradictions(present: &Settings, planned: &[Planned], refused: &[Refused]) -> Vec<Refused> {
    let broken = RULES.iter().filter(|rule| {
        let waits = refused.iter().any(|refused| rule.keys.contains(&refused.key.as_str()));
        !waits
            && touched(rule, planned).next().is_some()
            && !rule.holds(|name| values(present, planned, name))
    });
    broken
        .flat_map(|rule| {
            let why = Why::Contradiction { says: rule.says };
            touched(rule, planned).map(move |key| Refused { key: key.to_owned(), why: why.clone() })
        })
        .collect()
}

/// The keys of the rule that the change is about.
fn touched(rule: &Rule, planned: &[Planned]) -> impl Iterator<Item = &'static str> {
    rule.keys.into_iter().filter(move |name| planned.iter().any(|planned| planned.key.name == *name))
}

fn values(present: &Settings, planned: &[Planned], name: &str) -> Vec<Value> {
    let after = planned.iter().find(|planned| planned.key.name == name).map(|planned| planned.after.values());
    after.unwrap_or_else(|| {
        let present = present.find(name).map(Setting::values);
        present.expect("invariant: rules are about keys of the registry, as a test of every rule shows")
    })
}

/// Leaves out what is already so.
pub fn without_repetition(mut planned: Vec<Planned>) -> Vec<Planned> {
    planned.retain(|planned| planned.before.as_ref() != Ok(&planned.after));
    planned
}

/// As much of what somebody sent as a refusal shows.
pub fn shortened(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
