//! How trials begin and end, and every way to be refused.

use std::collections::HashMap;

use contracts::ProblemType;
use contracts::configuration::KEYS;
use uuid::Uuid;

use super::*;
use crate::domain::setting::{Stored, Texts};

const MOST: u64 = 64;
const TEN: &str = r#"[{"audience":{"percent":10},"value":60}]"#;

/// A key, its version, its value, its scopes and the trial that it is in.
type Row<'a> = (&'a str, i64, &'a str, Option<&'a str>, Option<i64>);

fn present(keys: &[Row<'_>]) -> Settings {
    let stored = |(key, version, value, scopes, trial): &Row<'_>| {
        let texts = Texts { value: (*value).to_owned(), scopes: scopes.map(str::to_owned) };
        ((*key).to_owned(), Stored { version: *version, texts, last: None, trial: *trial })
    };
    Settings::of(keys.iter().map(stored).collect())
}

fn asked(key: &str, value: Json) -> Asked {
    Asked { key: key.to_owned(), value, percent: Percent(10), version: None }
}

fn trial(version: i64) -> Trial {
    let at = "2026-11-22T12:00:00Z".parse().unwrap();
    Trial {
        version,
        key: "order.return_window".into(),
        percent: 10,
        value: "60".into(),
        others: "14".into(),
        started: Change { at, by: UserId(Uuid::nil()), reason: Reason::cut("to see") },
        until: at + TimeDelta::hours(1),
        end: None,
    }
}

#[test]
fn a_trial_begins_with_one_value_for_a_part_of_the_orders_and_ends_with_one_for_everyone() {
    let before = present(&[("order.return_window", 11, "14", None, None)]);
    let (planned, value) = start(&before, &asked("order.return_window", json!(60)), MOST).unwrap();
    assert_eq!(value.to_string(), "60");
    let texts = planned.after.texts();
    assert_eq!(texts, Texts { value: "14".into(), scopes: Some(TEN.into()) });

    let running = present(&[("order.return_window", 12, "14", Some(TEN), Some(12))]);
    let ended = |verdict| end(&trial(12), &running, verdict).unwrap().after.texts();
    assert_eq!(ended(Verdict::TakeBack), Texts { value: "14".into(), scopes: None });
    assert_eq!(ended(Verdict::Adopt), Texts { value: "60".into(), scopes: None });
    assert_eq!(overtaken(&trial(12), &running), None);
}

#[test]
fn what_cannot_be_tried_is_refused_by_name() {
    let none = Settings::of(HashMap::new());
    let scoped = present(&[("order.return_window", 3, "14", Some(TEN), None)]);
    let running = present(&[("order.return_window", 3, "14", Some(TEN), Some(3))]);
    let unreadable = present(&[("order.return_window", 3, "soon", None, None)]);
    let stale = Asked { version: Some(2), ..asked("order.return_window", json!(60)) };
    let window = |value| asked("order.return_window", value);
    for (present, asked, problem, why) in [
        (&none, asked("order.colour", json!(1)), ProblemType::UnknownKey, "there is no such key"),
        (
            &none,
            asked("gateway.deadline", json!("9s")),
            ProblemType::NotTriable,
            "the key is not read for each order, so it has no guards by which a trial could be judged",
        ),
        (&none, window(json!(30)), ProblemType::NotTriable, "this is the key's value already"),
        (&none, window(json!(366)), ProblemType::ConfigurationOutOfBounds, "366 is not between 0 and 365"),
        (
            &none,
            window(json!("60")),
            ProblemType::WrongType,
            "the value is not a whole number of at least 0: \"60\"",
        ),
        (
            &none,
            window(json!("9".repeat(65))),
            ProblemType::ValueTooLong,
            "the value is longer than 64 bytes",
        ),
        (&none, stale, ProblemType::PreconditionFailed, "the key has changed; its version is 0"),
        (&scoped, window(json!(60)), ProblemType::NotTriable, "the key has values for some; end them first"),
        (
            &running,
            window(json!(60)),
            ProblemType::TrialRunning,
            "trial 3 of it is running; POST /v1/config/trials/3/end ends it (end_trial)",
        ),
        (
            &none,
            asked("order.deadline", json!("5s")),
            ProblemType::ContradictingKeys,
            "this would no longer hold: payment.provider_timeout is shorter than order.deadline",
        ),
    ] {
        let refused = start(present, &asked, MOST).unwrap_err();
        assert_eq!((refused.problem_type(), refused.to_string().as_str()), (problem, why), "{asked:?}");
    }
    let refused = start(&unreadable, &window(json!(60)), MOST).unwrap_err();
    assert_eq!(refused.problem_type(), ProblemType::Conflict);
}

#[test]
fn every_key_with_guards_can_be_tried_and_no_other() {
    let none = Settings::of(HashMap::new());
    for key in KEYS {
        let refused = start(&none, &asked(key.name, json!(key.default())), MOST).unwrap_err();
        let expected = if key.guards.is_empty() { NotTriable::NoGuards } else { NotTriable::Same };
        assert_eq!(refused, Why::NotTriable(expected), "{}", key.name);
    }
}

#[test]
fn a_key_that_was_changed_past_its_trial_is_left_alone() {
    let key = "order.return_window";
    for (present, why) in [
        (present(&[]), "the key was changed past the trial and is at version 0"),
        (
            present(&[(key, 13, "14", Some(TEN), Some(12))]),
            "the key was changed past the trial and is at version 13",
        ),
        (
            present(&[(key, 12, "soon", Some(TEN), Some(12))]),
            "what stands in the table for the key cannot be read: the value is not a whole number of at least 0: \"soon\"",
        ),
        (present(&[(key, 12, "14", None, Some(12))]), "the key's values are no longer those of the trial"),
        (
            present(&[(key, 12, "14", Some(r#"[{"audience":{"percent":20},"value":60}]"#), Some(12))]),
            "the key's values are no longer those of the trial",
        ),
        (
            present(&[(key, 12, "15", Some(TEN), Some(12))]),
            "the key's values are no longer those of the trial",
        ),
        (
            present(&[(key, 12, "14", Some(r#"[{"audience":{"percent":10},"value":61}]"#), Some(12))]),
            "the key's values are no longer those of the trial",
        ),
    ] {
        for verdict in [Verdict::Adopt, Verdict::TakeBack] {
            let Err(NotEnded::Overtaken(overtaken)) = end(&trial(12), &present, verdict) else {
                panic!("{why}");
            };
            assert_eq!(overtaken.to_string(), why);
        }
    }
    let gone = Trial { key: "order.colour".into(), ..trial(12) };
    assert_eq!(overtaken(&gone, &present(&[])), Some(Overtaken::Gone));
}

#[test]
fn a_value_that_would_contradict_another_by_now_can_only_be_taken_back() {
    let six = r#"[{"audience":{"percent":10},"value":"6s"}]"#;
    let present = present(&[
        ("order.deadline", 12, "15m", Some(six), Some(12)),
        ("payment.provider_timeout", 13, "7s", None, None),
    ]);
    let trial = Trial { key: "order.deadline".into(), value: "6s".into(), others: "15m".into(), ..trial(12) };
    assert_eq!(
        end(&trial, &present, Verdict::Adopt),
        Err(NotEnded::Contradicts("payment.provider_timeout is shorter than order.deadline"))
    );
    let back = end(&trial, &present, Verdict::TakeBack).unwrap();
    assert_eq!(back.after, State::default_of(back.key));
}

#[test]
fn percentages_and_limits_have_bounds() {
    let percent = |percent: Json| serde_json::from_value::<Percent>(percent);
    for taken in [1, 50, 99] {
        assert_eq!(u64::from(percent(json!(taken)).unwrap().get()), taken);
    }
    for refused in [json!(0), json!(100), json!(256), json!(-1), json!(10.5), json!("10"), json!(null)] {
        assert!(percent(refused.clone()).is_err(), "{refused}");
    }
    let limit = |text: &str| serde_json::from_value::<Limit>(json!(text));
    let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
    for (text, seconds) in [("1m", 60), ("60s", 60), ("1h", 3_600), ("7d", 604_800)] {
        assert_eq!(limit(text).unwrap().after(now), now + TimeDelta::seconds(seconds), "{text}");
    }
    for text in ["59s", "59999ms", "8d", "169h", "0s", "", "1", "1w", "-1h", "1.5h", "18446744073709551615d"]
    {
        let error = limit(text).unwrap_err().to_string();
        assert_eq!(error, "`for` is a duration between 1m and 7d, as \"1h\"", "{text}");
    }
}
