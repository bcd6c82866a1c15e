//! A key with what it holds, as it is kept in the table that people may have edited by hand.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::configuration::{KEYS, ScopeError, Scopes, Spec, Value, ValueError};
use contracts::{App, UserId};
use serde_json::Value as Json;

use super::Reason;

/// A key's values: the one for everyone, and those for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub value: Value,
    pub scopes: Scopes,
}

/// A state as the sidecars carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    pub value: String,
    /// JSON; none where nobody has a value of their own.
    pub scopes: Option<String>,
}

/// Why texts are no state of their key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error(transparent)]
    Scopes(#[from] ScopeError),
    #[error("the scopes are not JSON")]
    ScopesNotJson,
}

/// What stands in the table for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub version: i64,
    pub texts: Texts,
    /// None when somebody wrote it by hand.
    pub last: Option<Change>,
    /// The trial of the key that is running.
    pub trial: Option<i64>,
}

/// Who made a change, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub by: UserId,
    pub reason: Reason,
}

/// A key with what it holds now; without a stored row its default holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: &'static Spec,
    /// One counter for all keys, so that one number tells the whole configuration; 0 while the key was never set.
    pub version: i64,
    /// An error is what somebody wrote by hand: services keep what they had before.
    pub state: Result<State, StateError>,
    pub last: Option<Change>,
    /// The trial of the key that is running.
    pub trial: Option<i64>,
}

/// Every key of the registry with what it holds, in the registry's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl State {
    pub fn default_of(key: &Spec) -> State {
        State { value: key.default(), scopes: Scopes::default() }
    }

    /// Every value that holds for somebody.
    pub fn values(&self) -> Vec<Value> {
        [&self.value].into_iter().chain(self.scopes.iter().map(|scope| &scope.value)).cloned().collect()
    }

    /// # Errors
    /// [`StateError`] says what is wrong with the texts.
    pub fn read(key: &Spec, texts: &Texts) -> Result<State, StateError> {
        let value = key.kind.parse(&texts.value)?;
        let scopes = match &texts.scopes {
            None => Scopes::default(),
            Some(text) => {
                let json = serde_json::from_str::<Json>(text).map_err(|_| StateError::ScopesNotJson)?;
                Scopes::read(&key.kind, key.reach, &json)?
            }
        };
        Ok(State { value, scopes })
    }

    /// The value for everyone alone. A key without values for some is what can be tried.
    pub fn without_scopes(&self) -> State {
        State { value: self.value.clone(), scopes: Scopes::default() }
    }

    pub fn texts(&self) -> Texts {
        let scopes = (!self.scopes.is_empty()).then(|| {
            serde_json::to_string(&self.scopes).expect("invariant: scopes are plain data with text keys")
        });
        Texts { value: self.value.to_string(), scopes }
    }
}

impl Setting {
    pub fn of(key: &'static Spec, stored: Option<Stored>) -> Setting {
        match stored {
            None => Setting { key, version: 0, state: Ok(State::default_of(key)), last: None, trial: None },
            Some(Stored { version, texts, last, trial }) => {
                Setting { key, version, state: State::read(key, &texts), last, trial }
            }
        }
    }

    /// The value for everyone; the default where the one that stands there cannot be read.
    pub fn value(&self) -> Value {
        self.state.as_ref().map_or_else(|_| self.key.default(), |state| state.value.clone())
    }

    /// Every value that holds for somebody; the default where what stands there cannot be read.
    pub fn values(&self) -> Vec<Value> {
        self.state.as_ref().map_or_else(|_| vec![self.key.default()], State::values)
    }

    /// What it holds without a value that is only tried.
    ///
    /// # Errors
    /// What stands there cannot be read.
    pub fn lasting(&self) -> Result<State, &StateError> {
        let state = self.state.as_ref()?;
        Ok(match self.trial {
            None => state.clone(),
            Some(_) => state.without_scopes(),
        })
    }
}

impl Settings {
    /// `stored` is by the keys' names; names that the registry does not know are left alone.
    pub fn of(mut stored: HashMap<String, Stored>) -> Settings {
        Settings(KEYS.iter().map(|key| Setting::of(key, stored.remove(key.name))).collect())
    }

    pub fn find(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.key.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// The version of the last change that this service reads.
    pub fn newest_for(&self, app: App) -> i64 {
        let read = self.0.iter().filter(|setting| setting.key.reader == app);
        read.map(|setting| setting.version).max().unwrap_or_default()
    }
}

impl IntoIterator for Settings {
    type Item = Setting;
    type IntoIter = std::vec::IntoIter<Setting>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::configuration::ORDER_RETURN_WINDOW;

    fn texts(value: &str, scopes: Option<&str>) -> Texts {
        Texts { value: value.into(), scopes: scopes.map(str::to_owned) }
    }

    #[test]
    fn a_key_that_was_never_set_has_its_default_and_version_zero() {
        for setting in Settings::of(HashMap::new()) {
            assert_eq!((setting.value(), setting.version), (setting.key.default(), 0));
            assert_eq!(setting.state, Ok(State::default_of(setting.key)));
        }
    }

    #[test]
    fn a_state_reads_the_texts_that_it_wrote() {
        let key = ORDER_RETURN_WINDOW.spec;
        for scopes in [None, Some(r#"[{"audience":{"percent":10},"value":60}]"#)] {
            let texts = texts("14", scopes);
            assert_eq!(State::read(key, &texts).unwrap().texts(), texts);
        }
    }

    #[test]
    fn what_somebody_wrote_by_hand_is_an_error_with_a_name_and_never_the_end() {
        let key = ORDER_RETURN_WINDOW.spec;
        for (written, why) in [
            (texts("many", None), "the value is not a whole number of at least 0: \"many\""),
            (texts("366", None), "366 is not between 0 and 365"),
            (texts("14", Some("{")), "the scopes are not JSON"),
            (texts("14", Some(r#"[{"audience":{"percent":0},"value":1}]"#)), "a percentage is 1 to 100"),
        ] {
            let stored = Stored { version: 7, texts: written, last: None, trial: None };
            let setting = Setting::of(key, Some(stored));
            assert_eq!(setting.state.as_ref().unwrap_err().to_string(), why);
            assert_eq!((setting.value(), setting.version), (key.default(), 7));
        }
    }
}
