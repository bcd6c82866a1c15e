//! What differs between two versions, and how what was once kept is shown.

use std::collections::{BTreeSet, HashMap};

use contracts::configuration;
use serde_json::{Value as Json, json};

use super::rollback::Past;
use super::setting::{State, Texts};

/// A key that was not the same at two versions; what was not set is the key's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub key: String,
    pub from: Option<Texts>,
    pub to: Option<Texts>,
}

/// Keys that differ, by their names; also those that are no longer in the registry.
pub fn compare(from: &HashMap<String, Past>, to: &HashMap<String, Past>) -> Vec<Difference> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let texts = |past: &HashMap<String, Past>, key: &str| {
        past.get(key).map(|past| past.texts.clone()).or_else(|| default(key))
    };
    let differences = names.into_iter().map(|key| Difference {
        key: key.clone(),
        from: texts(from, key),
        to: texts(to, key),
    });
    differences.filter(|difference| difference.from != difference.to).collect()
}

/// A value and its scopes as people read them: of their key's present type where they still are of it, and else the
/// texts that were kept. Nothing for a key that had not been set and is not in the registry.
pub fn shown(key: &str, texts: Option<&Texts>) -> (Json, Json) {
    let spec = configuration::find(key);
    match (spec, texts) {
        (None, None) => (Json::Null, Json::Null),
        (Some(spec), None) => (json!(spec.default()), json!([])),
        (spec, Some(texts)) => {
            let state = spec.and_then(|spec| State::read(spec, texts).ok());
            match state {
                Some(state) => (json!(state.value), json!(state.scopes)),
                None => {
                    let scopes = texts.scopes.as_deref().unwrap_or("[]");
                    (json!(texts.value), serde_json::from_str(scopes).unwrap_or_else(|_| json!(scopes)))
                }
            }
        }
    }
}

fn default(key: &str) -> Option<Texts> {
    configuration::find(key).map(|spec| State::default_of(spec).texts())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(keys: &[(&str, &str)]) -> HashMap<String, Past> {
        let past = |(key, value): &(&str, &str)| {
            let texts = Texts { value: (*value).to_owned(), scopes: None };
            ((*key).to_owned(), Past { version: 1, texts, kind: None, tried: false })
        };
        keys.iter().map(past).collect()
    }

    #[test]
    fn a_key_that_was_not_set_is_compared_by_its_default() {
        let from = past(&[("order.deadline", "15m"), ("order.return_window", "14"), ("order.gone", "1")]);
        let to = past(&[("order.return_window", "30"), ("order.largest_page", "50")]);
        let differing: Vec<_> = compare(&from, &to).into_iter().map(|difference| difference.key).collect();
        assert_eq!(differing, ["order.gone", "order.largest_page", "order.return_window"]);
    }

    #[test]
    fn what_is_of_another_type_by_now_is_shown_as_it_was_kept() {
        let texts = |value: &str| Texts { value: value.to_owned(), scopes: None };
        assert_eq!(shown("order.return_window", Some(&texts("14"))), (json!(14), json!([])));
        assert_eq!(shown("order.deadline", Some(&texts("600"))), (json!("600"), json!([])));
        assert_eq!(shown("order.gone", Some(&texts("1"))), (json!("1"), json!([])));
        assert_eq!(shown("order.deadline", None), (json!("15m"), json!([])));
        assert_eq!(shown("order.gone", None), (Json::Null, Json::Null));
    }
}
