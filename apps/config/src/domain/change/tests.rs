//! What a change comes to, and every way to be refused.

use std::collections::HashMap;

use contracts::configuration::KEYS;
use serde_json::json;

use super::*;
use crate::domain::setting::{Stored, Texts};

const MOST: u64 = 64;

fn present(keys: &[(&str, i64, &str, Option<&str>)]) -> Settings {
    let stored = |(key, version, value, scopes): &(&str, i64, &str, Option<&str>)| {
        let texts = Texts { value: (*value).to_owned(), scopes: scopes.map(str::to_owned) };
        ((*key).to_owned(), Stored { version: *version, texts, last: None, trial: None })
    };
    Settings::of(keys.iter().map(stored).collect())
}

fn defaults() -> Settings {
    Settings::of(HashMap::new())
}

fn wish(key: &str, value: Json) -> Wish {
    Wish { key: key.into(), wanted: Wanted::Given { value: Some(value), scopes: None }, version: None }
}

fn wish_scopes(key: &str, scopes: Json) -> Wish {
    Wish { key: key.into(), wanted: Wanted::Given { value: None, scopes: Some(scopes) }, version: None }
}

fn refusals(present: &Settings, wishes: &[Wish]) -> Vec<(String, &'static str, String)> {
    let refused = plan(present, wishes, MOST).unwrap_err();
    let told = |refused: Refused| (refused.key, refused.why.problem_type().name(), refused.why.to_string());
    refused.into_iter().map(told).collect()
}

#[test]
fn every_refusal_of_a_change_is_named_at_once() {
    let present = present(&[("order.deadline", 5, "20m", None)]);
    let stale = Wish { version: Some(4), ..wish("order.deadline", json!("10m")) };
    let nothing = Wish {
        wanted: Wanted::Given { value: None, scopes: None },
        ..wish("order.books_interval", json!(1))
    };
    let wishes = [
        stale,
        wish("order.colour", json!(1)),
        wish("Order.Deadline", json!("10m")),
        wish("order.return_window", json!("many")),
        wish("order.largest_page", json!(1_001)),
        wish("order.largest_page", json!(1_000)),
        wish("order.capture", json!("never")),
        wish("user.staff_second_factor", json!(1)),
        wish("user.signing_key_age", json!("1".repeat(65))),
        wish_scopes("user.argon2_memory", json!([{"audience": {"percent": 5}, "value": 8192}])),
        nothing,
        wish("gateway.deadline", json!("10s")),
    ];
    let expected = [
        ("order.deadline", "precondition-failed", "the key has changed; its version is 5"),
        ("order.colour", "unknown-key", "there is no such key"),
        (
            "Order.Deadline",
            "invalid-key-name",
            "a key's name is 1 to 200 characters of a-z, 0-9, the point and the underscore",
        ),
        ("order.return_window", "wrong-type", "the value is not a whole number of at least 0: \"many\""),
        ("order.largest_page", "configuration-out-of-bounds", "1001 is not between 1 and 1000"),
        ("order.largest_page", "invalid-field", "the key stands in the change twice"),
        ("order.capture", "configuration-out-of-bounds", "\"never\" is none of at_once, before_shipping"),
        ("user.staff_second_factor", "wrong-type", "the value is not true or false: 1"),
        ("user.signing_key_age", "value-too-long", "the value is longer than 64 bytes"),
        ("user.argon2_memory", "invalid-scopes", "this key has no value of its own for a part of the orders"),
        ("order.books_interval", "invalid-field", "neither a value nor scopes are given"),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(key, problem, why)| (key.to_owned(), problem, why.to_owned())).collect();
    assert_eq!(refusals(&present, &wishes), expected);
}

#[test]
fn keys_that_contradict_each_other_are_refused_as_they_would_be_together() {
    let rule = "this would no longer hold: payment.provider_timeout is shorter than order.deadline";
    let deadline = || wish("order.deadline", json!("5s"));
    assert_eq!(
        refusals(&defaults(), &[deadline()]),
        [("order.deadline".to_owned(), "contradicting-keys", rule.to_owned())],
        "with what the other key has now"
    );
    let together = [deadline(), wish("payment.provider_timeout", json!("4s"))];
    assert!(plan(&defaults(), &together, MOST).is_ok(), "with what the other key is to have");
    let both = [deadline(), wish("payment.provider_timeout", json!("6s"))];
    assert_eq!(refusals(&defaults(), &both).len(), 2, "both keys are named");
    let spoilt = [deadline(), wish("payment.provider_timeout", json!(4))];
    assert_eq!(refusals(&defaults(), &spoilt).len(), 1, "a rule waits for a key that is refused anyway");
}

#[test]
fn a_rule_holds_for_values_for_some_as_well() {
    let scopes = r#"[{"audience":{"percent":10},"value":"6s"}]"#;
    let scoped = present(&[("order.deadline", 5, "15m", Some(scopes))]);
    let timeout = |timeout: &str| [wish("payment.provider_timeout", json!(timeout))];
    assert!(plan(&scoped, &timeout("5999ms"), MOST).is_ok());
    let told = refusals(&scoped, &timeout("6s"));
    assert_eq!((told[0].0.as_str(), told[0].1), ("payment.provider_timeout", "contradicting-keys"));
    let one = json!([{"audience": {"callers": ["00000000-0000-0000-0000-000000000001"]}, "value": "5s"}]);
    let told = refusals(&defaults(), &[wish_scopes("order.deadline", one)]);
    assert_eq!((told[0].0.as_str(), told[0].1), ("order.deadline", "contradicting-keys"));
}

#[test]
fn a_contradiction_that_was_there_before_is_no_refusal_of_another_key() {
    let present = present(&[("order.deadline", 5, "5s", None)]);
    assert!(plan(&present, &[wish("order.return_window", json!(7))], MOST).is_ok());
}

#[test]
fn what_is_left_out_stays_as_it_is() {
    let scopes = r#"[{"audience":{"percent":10},"value":60}]"#;
    let present = present(&[("order.return_window", 1, "14", Some(scopes))]);
    let after = |wish: Wish| plan(&present, &[wish], MOST).unwrap().remove(0).after.texts();
    let texts = |value: &str, scopes: Option<&str>| Texts {
        value: value.to_owned(),
        scopes: scopes.map(str::to_owned),
    };
    assert_eq!(after(wish("order.return_window", json!(7))), texts("7", Some(scopes)));
    assert_eq!(after(wish_scopes("order.return_window", json!([]))), texts("14", None));
    let reset = Wish { key: "order.return_window".into(), wanted: Wanted::Default, version: Some(1) };
    assert_eq!(after(reset), texts("30", None));
}

#[test]
fn what_cannot_be_read_is_never_kept() {
    let present = present(&[("order.return_window", 1, "many", None)]);
    let told = refusals(&present, &[wish("order.return_window", json!(7))]);
    assert_eq!(told[0].1, "conflict");
    let whole = Wanted::Given { value: Some(json!(7)), scopes: Some(json!([])) };
    let whole = Wish { key: "order.return_window".into(), wanted: whole, version: None };
    let planned = plan(&present, &[whole], MOST).unwrap();
    assert!(planned[0].before.is_err());
    let reset = Wish { key: "order.return_window".into(), wanted: Wanted::Default, version: None };
    assert!(plan(&present, &[reset], MOST).is_ok());
}

#[test]
fn every_key_takes_its_default_back() {
    let wishes: Vec<_> = KEYS.iter().map(|key| wish(key.name, json!(key.default()))).collect();
    let planned = plan(&defaults(), &wishes, MOST).unwrap();
    assert_eq!(planned.len(), KEYS.len());
    assert_eq!(without_repetition(planned), Vec::new());
}

#[test]
fn rules_are_about_keys_of_the_registry() {
    for rule in RULES {
        for key in rule.keys {
            assert!(configuration::find(key).is_some(), "{key}");
        }
    }
}
