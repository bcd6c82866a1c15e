//! Taking the configuration back to what it was at a version.

use std::collections::HashMap;

use super::change::{Planned, Refused, Why, contradictions, tried, without_repetition};
use super::setting::{Setting, Settings, State, Texts};

/// What a key was at some time: its last change until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub version: i64,
    pub texts: Texts,
    /// The type that the key had when it was written down; unknown of the earliest ones.
    pub kind: Option<String>,
    /// Whether it began a trial: its value for a part of the orders was there to be judged.
    pub tried: bool,
}

/// What has to change so that every key is as it was at `version`; `past` has what was set until then, by key. A
/// key that had never been set gets its default, one that was tried what it had without that, and one that is no
/// longer in the registry is left alone.
///
/// # Errors
/// Every key whose value of then its present type does not take, and every contradiction, at once.
pub fn plan(
    present: &Settings,
    past: &HashMap<String, Past>,
    version: i64,
) -> Result<Vec<Planned>, Vec<Refused>> {
    let mut planned = Vec::new();
    let mut refused = Vec::new();
    for setting in present.iter() {
        match state_at(setting, past.get(setting.key.name), version) {
            None => {}
            Some(Ok(after)) => {
                planned.push(Planned { key: setting.key, before: setting.state.clone(), after });
            }
            Some(Err(why)) => refused.push(Refused { key: setting.key.name.to_owned(), why }),
        }
    }
    let planned = without_repetition(planned);
    refused.extend(contradictions(present, &planned, &refused));
    refused.extend(tried(present, &planned));
    if refused.is_empty() { Ok(planned) } else { Err(refused) }
}

/// None where the key has not been changed since.
fn state_at(setting: &Setting, past: Option<&Past>, version: i64) -> Option<Result<State, Why>> {
    let Some(past) = past else {
        return (setting.version != 0).then(|| Ok(State::default_of(setting.key)));
    };
    if setting.version == past.version && written_by(setting, past) {
        return None;
    }
    let is = setting.key.kind.name();
    if let Some(was) = past.kind.as_ref().filter(|was| *was != is) {
        return Some(Err(Why::Retyped { version, was: was.clone(), is }));
    }
    let state = State::read(setting.key, &past.texts).map_err(|source| Why::NoLonger { version, source });
    Some(state.map(|state| if past.tried { state.without_scopes() } else { state }))
}

/// Whether the change wrote what stands there, and nobody has edited it by hand. The earliest changes, those without a
/// kind, have their values in texts that were replaced since.
fn written_by(setting: &Setting, past: &Past) -> bool {
    past.kind.is_none() || setting.state.as_ref().is_ok_and(|state| state.texts() == past.texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::setting::Stored;
    use contracts::ProblemType;

    /// A value for a part of the orders, as it is kept.
    const TEN: &str = r#"[{"audience":{"percent":10},"value":60}]"#;

    fn texts(value: &str) -> Texts {
        Texts { value: value.to_owned(), scopes: None }
    }

    fn present(keys: &[(&str, i64, &str)]) -> Settings {
        let stored = |(key, version, value): &(&str, i64, &str)| {
            ((*key).to_owned(), Stored { version: *version, texts: texts(value), last: None, trial: None })
        };
        Settings::of(keys.iter().map(stored).collect())
    }

    fn past(keys: &[(&str, i64, &str, Option<&str>)]) -> HashMap<String, Past> {
        let past = |(key, version, value, kind): &(&str, i64, &str, Option<&str>)| {
            let kind = kind.map(str::to_owned);
            ((*key).to_owned(), Past { version: *version, texts: texts(value), kind, tried: false })
        };
        keys.iter().map(past).collect()
    }

    #[test]
    fn what_was_changed_since_goes_back_and_what_was_not_stays() {
        let present = present(&[
            ("order.deadline", 5, "20m"),
            ("order.return_window", 2, "14"),
            ("order.largest_page", 4, "50"),
        ]);
        let past = past(&[
            ("order.deadline", 1, "10m", Some("duration")),
            ("order.return_window", 2, "14", Some("integer")),
        ]);
        let planned = plan(&present, &past, 3).unwrap();
        let planned: Vec<_> =
            planned.iter().map(|planned| (planned.key.name, planned.after.value.to_string())).collect();
        assert_eq!(
            planned,
            [("order.deadline", "10m".to_owned()), ("order.largest_page", "100".to_owned())],
            "a key that had not been set gets its default"
        );
    }

    #[test]
    fn a_key_that_was_changed_and_changed_back_is_left_alone() {
        let present = present(&[("order.deadline", 5, "10m")]);
        assert_eq!(plan(&present, &past(&[("order.deadline", 1, "10m", None)]), 3), Ok(Vec::new()));
    }

    #[test]
    fn what_was_edited_under_its_version_goes_back_too() {
        let edited = present(&[("order.deadline", 1, "20m"), ("order.return_window", 2, "many")]);
        let was = past(&[
            ("order.deadline", 1, "10m", Some("duration")),
            ("order.return_window", 2, "14", Some("integer")),
        ]);
        let planned = plan(&edited, &was, 3).unwrap();
        let planned: Vec<_> = planned.iter().map(|planned| planned.after.value.to_string()).collect();
        assert_eq!(planned, ["10m", "14"]);

        let renamed = past(&[("order.deadline", 1, "1200", None)]);
        let kept = present(&[("order.deadline", 1, "20m")]);
        assert_eq!(plan(&kept, &renamed, 3), Ok(Vec::new()), "a release of before wrote it otherwise");
    }

    #[test]
    fn a_value_that_was_only_tried_does_not_come_back() {
        let key = "order.return_window";
        let scoped = Texts { value: "14".into(), scopes: Some(TEN.into()) };
        let began = |tried: bool| {
            let kind = Some("integer".to_owned());
            HashMap::from([(key.to_owned(), Past { version: 2, texts: scoped.clone(), kind, tried })])
        };
        let after = |present: &Settings, tried: bool| {
            let planned = plan(present, &began(tried), 2).unwrap();
            planned.into_iter().map(|planned| planned.after.texts()).collect::<Vec<_>>()
        };
        let adopted = present(&[(key, 3, "60")]);
        assert_eq!(after(&adopted, true), [texts("14")]);
        assert_eq!(
            after(&adopted, false),
            std::slice::from_ref(&scoped),
            "what somebody chose for some does"
        );
        assert_eq!(after(&present(&[(key, 3, "14")]), true), Vec::new(), "it was taken back");

        let stored = Stored { version: 2, texts: scoped.clone(), last: None, trial: Some(2) };
        let running = Settings::of(HashMap::from([(key.to_owned(), stored)]));
        assert_eq!(after(&running, true), Vec::new(), "it is running");
    }

    #[test]
    fn every_key_whose_type_has_changed_since_is_refused_by_name() {
        let present = present(&[
            ("order.deadline", 5, "20m"),
            ("order.return_window", 6, "14"),
            ("order.largest_page", 7, "50"),
        ]);
        let past = past(&[
            ("order.deadline", 1, "600", None),
            ("order.return_window", 2, "14", Some("string")),
            ("order.largest_page", 3, "5000", Some("integer")),
        ]);
        let refused = plan(&present, &past, 3).unwrap_err();
        let told: Vec<_> = refused
            .iter()
            .map(|refused| (refused.key.as_str(), refused.why.problem_type(), refused.why.to_string()))
            .collect();
        let not_taken = "what it was at version 3 is no longer taken:";
        assert_eq!(
            told,
            [
                (
                    "order.deadline",
                    ProblemType::WrongType,
                    format!("{not_taken} the value is not a duration, as \"15m\": \"600\"")
                ),
                (
                    "order.return_window",
                    ProblemType::WrongType,
                    "at version 3 it was of the type string, and is of the type integer now".to_owned()
                ),
                (
                    "order.largest_page",
                    ProblemType::ConfigurationOutOfBounds,
                    format!("{not_taken} 5000 is not between 1 and 1000")
                ),
            ]
        );
    }

    #[test]
    fn states_that_contradict_each_other_by_a_rule_of_today_are_refused() {
        let present = present(&[("order.deadline", 5, "20m")]);
        let past = past(&[("order.deadline", 1, "5s", Some("duration"))]);
        let refused = plan(&present, &past, 3).unwrap_err();
        assert_eq!(refused[0].why.problem_type(), ProblemType::ContradictingKeys);
        assert_eq!(refused[0].key, "order.deadline");
    }
}
