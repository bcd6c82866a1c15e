//! The registry of configuration keys: type, bounds, default, readers and rules between them. `config` keeps the
//! values, Dapr's configuration store delivers them.

mod kind;
mod report;
mod scope;
mod table;
mod trial;
mod value;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use crate::App;

pub use kind::{Bounds, Kind, ValueError};
pub use report::{Refused, Report};
pub use scope::{Audience, Reach, Scope, ScopeError, Scopes, hundredth};
pub use table::*;
pub use trial::{Group, Groups, ReadOrderGroups};
pub use value::{Decimal, DecimalError, Span, SpanError, Value};

/// What is known of a key wherever its values are only carried, listed or checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `<owner>.<name>`, of `[a-z0-9._]`.
    pub name: &'static str,
    pub kind: Kind,
    /// In the text that the sidecars carry.
    pub default: &'static str,
    /// What the number counts, where the type does not say it.
    pub unit: Option<&'static str>,
    /// The service that reads it.
    pub reader: App,
    pub reach: Reach,
    /// What must not get worse while a change is tried on a part of the orders; none where it cannot be.
    pub guards: &'static [Guard],
    /// Whether a change is seen only by a service that starts again; no key should.
    pub restart: bool,
    pub description: &'static str,
}

/// What `order` measures for each group of a trial, from its own rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Orders that stock or payment refused.
    Refusals,
    /// Orders that expired.
    Failures,
    /// From placing to confirmation.
    TimeToConfirm,
}

/// A key whose values are a `T` where they are read.
#[derive(Debug)]
pub struct Key<T> {
    pub spec: &'static Spec,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    const fn new(spec: &'static Spec) -> Key<T> {
        Key { spec, of: PhantomData }
    }
}

impl<T: Setting> Key<T> {
    /// What holds while nobody has set the key.
    pub fn default(&self) -> T {
        self.of(&self.spec.default())
    }

    /// The value as the reader wants it.
    pub fn of(&self, value: &Value) -> T {
        T::of(value)
            .expect("invariant: a key's kind makes the values of its type, as a test of every key shows")
    }
}

/// A type that a key's values can be read as.
pub trait Setting: Sized {
    /// Nothing when the value is of another type.
    fn of(value: &Value) -> Option<Self>;
}

impl Spec {
    pub fn default(&self) -> Value {
        self.kind
            .parse(self.default)
            .expect("invariant: defaults are within their bounds, as a test of every key shows")
    }
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Spec> {
    KEYS.iter().copied().find(|key| key.name == name)
}

/// A version above this one was written by hand: the counter does not go on from it, and any other takes its place.
pub const LARGEST_VERSION: u64 = 1_000_000_000_000_000;

/// What two keys may not say together, whichever of its values each has: for everyone, for some, or on trial.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub keys: [&'static str; 2],
    pub says: &'static str,
    holds: fn([&Value; 2]) -> bool,
}

impl Rule {
    /// Whether every value of the one key may stand beside every value of the other; `values` gives those of a key by
    /// its name.
    pub fn holds(&self, values: impl Fn(&str) -> Vec<Value>) -> bool {
        let [first, second] = self.keys.map(values);
        first.iter().all(|first| second.iter().all(|second| (self.holds)([first, second])))
    }
}

macro_rules! setting {
    ($type:ty, $variant:ident, $value:ident => $read:expr) => {
        impl Setting for $type {
            fn of(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant($value) => $read,
                    _ => None,
                }
            }
        }
    };
}

setting!(bool, Bool, value => Some(*value));
setting!(u64, Integer, value => Some(*value));
setting!(u32, Integer, value => u32::try_from(*value).ok());
setting!(Decimal, Decimal, value => Some(*value));
setting!(Duration, Duration, value => Some(value.duration()));
setting!(String, Text, value => Some(value.clone()));

impl<T: Setting> Setting for Vec<T> {
    fn of(value: &Value) -> Option<Vec<T>> {
        match value {
            Value::List(values) => values.iter().map(T::of).collect(),
            _ => None,
        }
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn of(value: &Value) -> Option<BTreeMap<String, T>> {
        match value {
            Value::Map(values) => {
                values.iter().map(|(name, value)| Some((name.clone(), T::of(value)?))).collect()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_within_its_bounds_and_every_name_can_be_stored() {
        for key in KEYS {
            assert_eq!(
                key.kind.parse(key.default).map(|value| value.to_string()),
                Ok(key.default.to_owned()),
                "{}",
                key.name
            );
            assert!(key.name.starts_with(&format!("{}.", key.reader)), "{}", key.name);
            assert!(
                key.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_')),
                "{}",
                key.name
            );
            assert_eq!(find(key.name), Some(*key), "no two keys have one name");
        }
    }

    #[test]
    fn every_service_reads_a_key() {
        for app in App::ALL {
            assert!(KEYS.iter().any(|key| key.reader == app), "{app}");
        }
    }

    #[test]
    fn no_key_needs_a_restart() {
        for key in KEYS {
            assert!(!key.restart, "{}", key.name);
        }
    }

    #[test]
    fn only_what_is_read_for_orders_can_be_tried_on_a_part_of_them() {
        for key in KEYS {
            assert_eq!(key.reach == Reach::Orders, !key.guards.is_empty(), "{}", key.name);
        }
    }

    #[test]
    fn the_defaults_contradict_no_rule() {
        for rule in RULES {
            assert!(rule.holds(|name| vec![find(name).expect(rule.says).default()]), "{}", rule.says);
        }
    }

    #[test]
    fn a_rule_refuses_what_contradicts_it() {
        let rule = &RULES[0];
        let [timeout, deadline] = rule.keys.map(|name| find(name).unwrap());
        let holds = |timeouts: &[&str], deadlines: &[&str]| {
            rule.holds(|name| {
                let (key, texts) =
                    if name == timeout.name { (timeout, timeouts) } else { (deadline, deadlines) };
                texts.iter().map(|text| key.kind.parse(text).unwrap()).collect()
            })
        };
        assert!(holds(&["5s"], &["15m"]));
        assert!(!holds(&["1m"], &["1m"]), "{}", rule.says);
        assert!(holds(&["5s", "4s"], &["15m", "6s"]));
        assert!(!holds(&["5s", "7s"], &["15m", "6s"]), "values for some are among them");
        assert!(!holds(&["5s"], &["15m", "5s"]), "whichever key has them");
    }

    #[test]
    fn a_list_and_a_map_are_read_as_their_types() {
        let list = Value::List(vec![Value::Integer(1), Value::Integer(2)]);
        assert_eq!(Vec::<u64>::of(&list), Some(vec![1, 2]));
        assert_eq!(Vec::<bool>::of(&list), None);
        let map = Value::Map(BTreeMap::from([("a".to_owned(), Value::Bool(true))]));
        assert_eq!(BTreeMap::<String, bool>::of(&map), Some(BTreeMap::from([("a".to_owned(), true)])));
    }
}
