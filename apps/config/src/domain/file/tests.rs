//! Files that are written and read again, and files with wrong lines.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::domain::setting::{Stored, Texts};

const MOST: u64 = 64;

fn present(keys: &[(&str, &str, Option<&str>)]) -> Settings {
    let stored = |(key, value, scopes): &(&str, &str, Option<&str>)| {
        let texts = Texts { value: (*value).to_owned(), scopes: scopes.map(str::to_owned) };
        ((*key).to_owned(), Stored { version: 1, texts, last: None, trial: None })
    };
    Settings::of(keys.iter().map(stored).collect())
}

fn wrong(text: &str) -> Vec<(usize, Option<String>, String)> {
    let wrong = plan(&present(&[]), text, MOST).unwrap_err();
    wrong.into_iter().map(|line| (line.line, line.key, line.why.to_string())).collect()
}

#[test]
fn a_file_brings_another_installation_to_the_same() {
    let ours = present(&[
        ("order.deadline", "20m", None),
        ("order.return_window", "14", Some(r#"[{"audience":{"percent":10},"value":60}]"#)),
        ("order.capture", "before_shipping", None),
    ]);
    let file = write(7, &ours);
    assert!(file.starts_with("# The configuration at version 7.\norder.deadline = \"20m\"\n"), "{file}");
    assert!(file.contains("order.return_window @ {\"percent\":10} = 60\n"), "{file}");
    assert_eq!(plan(&ours, &file, MOST), Ok(Vec::new()), "here it changes nothing");

    let theirs = present(&[("order.largest_page", "7", None)]);
    let planned = plan(&theirs, &file, MOST).unwrap();
    let planned: Vec<_> = planned
        .iter()
        .map(|planned| {
            (planned.key.name, planned.after.texts().value, planned.after.texts().scopes.is_some())
        })
        .collect();
    assert_eq!(
        planned,
        [
            ("order.capture", "before_shipping".to_owned(), false),
            ("order.deadline", "20m".to_owned(), false),
            ("order.largest_page", "100".to_owned(), false),
            ("order.return_window", "14".to_owned(), true),
        ]
    );
}

#[test]
fn keys_without_a_line_stay_and_scopes_without_a_line_end() {
    let present = present(&[
        ("order.deadline", "20m", None),
        ("order.return_window", "14", Some(r#"[{"audience":{"percent":10},"value":60}]"#)),
    ]);
    let planned = plan(&present, "# only this\n\n  order.return_window = 14  \n", MOST).unwrap();
    assert_eq!(planned.len(), 1);
    assert!(planned[0].after.scopes.is_empty());
}

#[test]
fn every_wrong_line_is_named_with_its_number() {
    let file = r#"order.deadline = "10m"
order.deadline
order.colour = 1
Order.Deadline = "10m"
order.return_window = 366
order.return_window @ {"percent": 101} = 30
order.return_window @ {"percent" = 30
order.deadline = "11m"
order.largest_page @ {"callers": ["00000000-0000-0000-0000-000000000001"]} = 50
user.argon2_memory = many
user.argon2_memory @ {"percent": 5} = 8192
"#;
    let key = |key: &str| Some(key.to_owned());
    let expected: Vec<(usize, Option<String>, &str)> = vec![
        (2, None, "a line is `key = value`, `key @ audience = value`, or a comment behind #"),
        (3, key("order.colour"), "there is no such key"),
        (
            4,
            key("Order.Deadline"),
            "a key's name is 1 to 200 characters of a-z, 0-9, the point and the underscore",
        ),
        (5, key("order.return_window"), "366 is not between 0 and 365"),
        (6, key("order.return_window"), "a percentage is 1 to 100"),
        (7, key("order.return_window"), "the audience is not JSON, as {\"percent\": 10}"),
        (8, key("order.deadline"), "the key has a value for everyone in line 1 already"),
        (9, key("order.largest_page"), "the key has no line with its value for everyone"),
        (10, key("user.argon2_memory"), "the value is not JSON; a text stands in quotes"),
        (11, key("user.argon2_memory"), "this key has no value of its own for a part of the orders"),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(line, key, why)| (line, key, why.to_owned())).collect();
    assert_eq!(wrong(file), expected);
}

#[test]
fn lines_that_contradict_each_other_are_both_named() {
    let file = "payment.provider_timeout = \"10s\"\norder.deadline = \"10s\"\n";
    let why = "this would no longer hold: payment.provider_timeout is shorter than order.deadline";
    let key = |key: &str| Some(key.to_owned());
    assert_eq!(
        wrong(file),
        [(1, key("payment.provider_timeout"), why.to_owned()), (2, key("order.deadline"), why.to_owned())]
    );
}

#[test]
fn a_value_of_a_megabyte_is_one_wrong_line() {
    let file = format!("order.deadline = \"{}\"\n{} = 1\n", "1".repeat(1 << 20), "x".repeat(1 << 20));
    let wrong = wrong(&file);
    assert_eq!(wrong[0].2, "the value is longer than 64 bytes");
    assert_eq!(wrong[1].2, "a key's name is 1 to 200 characters of a-z, 0-9, the point and the underscore");
    assert!(wrong[1].1.as_ref().unwrap().len() < 100, "as much as a refusal shows");
}

#[test]
fn what_cannot_be_read_is_written_as_the_default_and_said() {
    let file = write(3, &present(&[("order.deadline", "600", None)]));
    assert!(
        file.contains("# What is kept for order.deadline cannot be read; this is its default.\norder.deadline = \"15m\"\n"),
        "{file}"
    );
    let defaults = Settings::of(HashMap::new());
    assert_eq!(plan(&defaults, &file, MOST), Ok(Vec::new()));
}

#[test]
fn a_value_that_is_only_tried_is_left_out_and_said() {
    let scopes = r#"[{"audience":{"percent":10},"value":"6s"}]"#;
    let texts = Texts { value: "15m".into(), scopes: Some(scopes.into()) };
    let stored = Stored { version: 12, texts, last: None, trial: Some(12) };
    let ours = Settings::of(HashMap::from([("order.deadline".to_owned(), stored)]));
    let file = write(12, &ours);
    let said = "# Trial 12 of order.deadline is running; the value that it tries is left out.\n\
        order.deadline = \"15m\"\norder.return_window = 30\n";
    assert!(file.contains(said), "{file}");
    assert_eq!(plan(&ours, &file, MOST), Ok(Vec::new()), "here it changes nothing");

    let refused = |file: &str| {
        let wrong = plan(&ours, file, MOST).unwrap_err();
        wrong.into_iter().map(|line| (line.line, line.why.problem_type())).collect::<Vec<_>>()
    };
    assert_eq!(refused("order.deadline = \"14m\"\n"), [(1, ProblemType::TrialRunning)]);
    let beside = "order.deadline = \"15m\"\npayment.provider_timeout = \"7s\"\n";
    assert_eq!(refused(beside), [(2, ProblemType::ContradictingKeys)], "the trial goes on, and so it would");
}

#[test]
fn of_lines_that_leave_one_nobody_that_one_is_named() {
    let file = r#"order.return_window = 30
order.return_window @ {"percent": 20} = 60
order.return_window @ {"callers": ["00000000-0000-0000-0000-000000000001"]} = 90
order.return_window @ {"percent": 10} = 61
order.return_window @ {"percent": 30} = 62
order.return_window @ {"callers": ["00000000-0000-0000-0000-000000000001"]} = 91
"#;
    let key = || Some("order.return_window".to_owned());
    let covered = "the value for 10 % of orders never holds behind that for 20 %; smaller parts stand first";
    let twice =
        "the caller 00000000-0000-0000-0000-000000000001 is named twice; a key has one value for each";
    assert_eq!(wrong(file), [(4, key(), covered.to_owned()), (6, key(), twice.to_owned())]);
}

/// A line of what lines are made of, in any order.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("order.return_window"),
        Just("order.deadline"),
        Just("payment.provider_timeout"),
        Just(" = "),
        Just("@"),
        Just("14"),
        Just("\"5s\""),
        Just("\"10s\""),
        Just("{\"percent\": 10}"),
        Just("#"),
        Just("é"),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_file_is_taken_or_its_wrong_lines_are_named(lines in proptest::collection::vec(line(), 0..12)) {
        let file = lines.join("\n");
        if let Err(wrong) = plan(&present(&[]), &file, MOST) {
            prop_assert!(!wrong.is_empty());
            for wrong in wrong {
                prop_assert!((1..=lines.len()).contains(&wrong.line), "{wrong:?} of {file}");
            }
        }
    }
}
