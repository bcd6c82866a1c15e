//! The rules of the house that a machine can check. Each test names the rule it holds.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

#[path = "tidy/discretion.rs"]
mod discretion;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use contracts::App;
use walkdir::WalkDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below these folders with this ending, with its text.
fn files(folders: &[&str], ending: &str) -> Vec<(String, String)> {
    let root = root();
    let mut files = Vec::new();
    for folder in folders {
        for entry in WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_file() && path.to_str().unwrap().ends_with(ending) {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                if let Ok(text) = fs::read_to_string(path) {
                    files.push((name, text));
                }
            }
        }
    }
    assert!(!files.is_empty(), "no {ending} below {folders:?}");
    files
}

fn rust() -> Vec<(String, String)> {
    files(&["apps", "crates", "tools", "system-tests"], ".rs")
}

/// Rust that is not a test: neither in a `tests` folder nor in a `*_tests.rs` file.
fn product() -> Vec<(String, String)> {
    rust().into_iter().filter(|(name, _)| !name.contains("tests")).collect()
}

/// The part of a file before its test module.
fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

fn complain(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}\n  {}", found.join("\n  "));
}

fn lines_with<'a>(files: &'a [(String, String)], words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    files.iter().flat_map(move |(name, text)| {
        before_tests(text).lines().enumerate().filter_map(move |(number, line)| {
            let code = line.split("//").next().unwrap_or_default();
            words
                .iter()
                .any(|word| code.contains(word))
                .then(|| format!("{name}:{}: {}", number + 1, line.trim()))
        })
    })
}

#[test]
fn a_room_has_at_most_400_lines() {
    let long = rust()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > 400)
        .map(|(name, text)| format!("{name}: {}", text.lines().count()));
    complain("a room that outgrows 400 lines becomes room.rs + room/…", long.collect());
}

#[test]
fn a_function_has_at_most_60_lines() {
    let mut long = Vec::new();
    for (name, text) in product() {
        let lines: Vec<&str> = before_tests(&text).lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let function =
                ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(crate) fn ", "pub(crate) async fn "];
            if !function.iter().any(|prefix| head.starts_with(prefix)) || head.ends_with(';') {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == close).unwrap_or_default();
            if length > 60 {
                long.push(format!("{name}:{}: {length} lines", start + 1));
            }
        }
    }
    complain("a function has at most 60 lines", long);
}

#[test]
fn no_mod_rs_and_no_room_that_says_nothing() {
    let vague = [
        "mod",
        "util",
        "utils",
        "helper",
        "helpers",
        "common",
        "misc",
        "manager",
        "service",
        "repository",
        "dto",
    ];
    let found = rust().into_iter().map(|(name, _)| name).filter(|name| {
        Path::new(name).file_stem().is_some_and(|stem| vague.contains(&stem.to_str().unwrap()))
    });
    complain("a file is named by what it holds", found.collect());
    let words = ["Manager", "Helper", "Util", "Repository", "Dto"].map(|word| format!("{word} {{"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let product = product();
    let types =
        lines_with(&product, &words).filter(|line| line.contains("struct ") || line.contains("trait "));
    complain("a type is named by what it is", types.collect());
}

#[test]
fn every_file_says_what_lives_here() {
    let silent = rust().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name);
    complain("a Rust file starts with //!", silent.collect());
}

#[test]
fn apps_never_depend_on_apps_and_contracts_on_nothing_of_ours() {
    let apps: Vec<&str> = App::ALL.iter().map(|app| app.name()).chain(["card-sandbox"]).collect();
    let mut found = Vec::new();
    for (name, text) in files(&["apps", "crates"], "Cargo.toml") {
        let dependencies = text.split("[dev-dependencies]").next().unwrap_or_default();
        let dependencies = dependencies.split("[dependencies]").nth(1).unwrap_or_default();
        let forbidden: Vec<&str> = match name.as_str() {
            "crates/contracts/Cargo.toml" => [apps.clone(), vec!["web", "sidecar", "testkit"]].concat(),
            "crates/web/Cargo.toml" => [apps.clone(), vec!["sidecar", "testkit"]].concat(),
            "crates/sidecar/Cargo.toml" => [apps.clone(), vec!["web", "testkit"]].concat(),
            _ => [apps.clone(), vec!["testkit"]].concat(),
        };
        for line in dependencies.lines() {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if forbidden.contains(&dependency) {
                found.push(format!("{name}: {dependency}"));
            }
        }
    }
    complain("who may know whom", found);
}

#[test]
fn only_the_root_manifest_has_versions() {
    let versioned = files(&["apps", "crates", "tools", "system-tests"], "Cargo.toml").into_iter().flat_map(
        |(name, text)| {
            let dependencies =
                text.split_once("[dependencies]").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
            dependencies
                .lines()
                .filter(|line| {
                    line.contains('=')
                        && !line.contains("workspace = true")
                        && line.contains('"')
                        && !line.contains("name =")
                        && !line.contains("path =")
                })
                .map(|line| format!("{name}: {line}"))
                .collect::<Vec<_>>()
        },
    );
    complain("a dependency's version stands in the root manifest", versioned.collect());
}

#[test]
fn decisions_are_pure() {
    let domain: Vec<_> = product().into_iter().filter(|(name, _)| name.contains("/domain")).collect();
    let words = [
        "async ",
        "Utc::now",
        "Instant::now",
        "SystemTime",
        "tracing::",
        "sqlx",
        "tokio",
        "now_v7",
        "new_v4",
        "rand::",
        "reqwest",
    ];
    complain(
        "no async, IO, clock, randomness or logging in a domain room",
        lines_with(&domain, &words).collect(),
    );
}

#[test]
fn only_store_rooms_hold_sql() {
    let elsewhere: Vec<_> = product()
        .into_iter()
        .filter(|(name, _)| name.starts_with("apps/") && !name.contains("/store"))
        .collect();
    let words = ["query!(", "query_as!(", "query_scalar!(", "sqlx::query(", "sqlx::query_as("];
    complain("SQL stands in store", lines_with(&elsewhere, &words).collect());
    let store: Vec<_> = product().into_iter().filter(|(name, _)| name.contains("/store")).collect();
    complain("store takes a connection and never a pool", lines_with(&store, &["PgPool"]).collect());
}

#[test]
fn only_config_rooms_read_the_environment() {
    let elsewhere: Vec<_> = product()
        .into_iter()
        .filter(|(name, _)| {
            (name.starts_with("apps/") || name.starts_with("crates/")) && !name.ends_with("/config.rs")
        })
        .collect();
    complain("the environment is read in config", lines_with(&elsewhere, &["env::var"]).collect());
}

#[test]
fn only_the_sidecar_crate_speaks_to_dapr() {
    let users = files(&["apps", "crates"], "Cargo.toml")
        .into_iter()
        .filter(|(name, text)| {
            text.lines().any(|line| line.starts_with("dapr."))
                && !["crates/sidecar/Cargo.toml", "crates/testkit/Cargo.toml"].contains(&name.as_str())
        })
        .map(|(name, _)| name);
    complain("the dapr crate is used in crates/sidecar", users.collect());
}

#[test]
fn no_floats_where_money_is() {
    let files: Vec<_> = product()
        .into_iter()
        .filter(|(name, _)| name.starts_with("apps/") || name.starts_with("crates/contracts"))
        .collect();
    complain("no floats", lines_with(&files, &["f64", "f32"]).collect());
}

#[test]
fn lints_are_expected_with_a_reason_and_tests_are_never_switched_off() {
    let switched_off = ["#[allow", "#![allow", "#[ignore", "#[should_panic"];
    let this = "system-tests/tests/tidy.rs";
    let found = rust().into_iter().filter(|(name, _)| name != this).flat_map(|(name, text)| {
        text.lines()
            .filter(|line| switched_off.iter().any(|word| line.trim().starts_with(word)))
            .map(|line| format!("{name}: {}", line.trim()))
            .collect::<Vec<_>>()
    });
    complain("#[expect(lint, reason = …)], and no test is switched off", found.collect());
}

#[test]
fn one_name_for_each_service_everywhere() {
    let root = root();
    let run_file = fs::read_to_string(root.join("compose/dapr.yaml")).unwrap();
    let mut found = Vec::new();
    for app in App::ALL {
        let manifest = fs::read_to_string(root.join(format!("apps/{app}/Cargo.toml"))).unwrap_or_default();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("{app}: {what}"));
            }
        };
        expect(manifest.contains(&format!("name = \"{app}\"")), "the package");
        expect(
            run_file.lines().any(|line| line.trim().trim_start_matches("- ") == format!("appID: {app}")),
            "the app-id",
        );
        expect(
            root.join(format!("migrations/{app}")).is_dir() == app.has_database(),
            "the migrations folder",
        );
    }
    complain("one name", found);
}

#[test]
fn what_all_databases_share_is_the_same_everywhere() {
    for migration in [
        "20261122000000_create_messaging.sql",
        "20261123000000_extend_messaging.sql",
        "20261124300000_keep_etags.sql",
    ] {
        let texts: BTreeSet<String> = App::ALL
            .into_iter()
            .filter(|app| app.has_database())
            .map(|app| fs::read_to_string(root().join(format!("migrations/{app}/{migration}"))).unwrap())
            .collect();
        assert_eq!(texts.len(), 1, "{migration} differs between databases");
    }
}

#[test]
fn every_constraint_has_a_name() {
    let nameless = files(&["migrations"], ".sql").into_iter().flat_map(|(name, text)| {
        text.lines()
            .enumerate()
            .filter(|(_, line)| {
                let code = line.split("--").next().unwrap_or_default();
                let rule = ["primary key", "unique (", " references ", " check ("]
                    .iter()
                    .any(|word| code.contains(word));
                rule && !code.contains("constraint ") && !code.trim_start().starts_with("and ")
            })
            .map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim()))
            .collect::<Vec<_>>()
    });
    complain("a constraint is named, so that it can be mapped to meaning", nameless.collect());
}

#[test]
fn no_path_of_one_machine() {
    let found = files(
        &["apps", "crates", "tools", "system-tests", "components", "dapr-config", "compose", "docs"],
        "",
    )
    .into_iter()
    .filter(|(name, _)| name != "system-tests/tests/tidy.rs" && !name.ends_with(".csv"))
    .flat_map(|(name, text)| {
        text.lines()
            .filter(|line| ["/root/", "/home/", "/work/"].iter().any(|path| line.contains(path)))
            .map(|line| format!("{name}: {}", line.trim()))
            .collect::<Vec<_>>()
    });
    complain("no path of one machine", found.collect());
}

#[test]
fn every_metric_and_every_setting_is_told_to_whoever_operates_it() {
    let told = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    // Set by the launcher for the processes that it starts, or by a test for its own extent.
    let inner = ["CARTWRIGHT_ROOT", "CARTWRIGHT_STACK", "CARTWRIGHT_PART", "CARTWRIGHT_TEST"];
    let mut found = Vec::new();
    for (name, text) in product() {
        let code = before_tests(&text);
        for (at, _) in code.match_indices("!(\"") {
            let before = &code[..at];
            let metric = ["counter", "gauge", "histogram"].iter().any(|kind| before.ends_with(kind));
            let word = code[at + 3..].split('"').next().unwrap_or_default();
            if metric && !told.contains(word) {
                found.push(format!("{name}: the metric {word}"));
            }
        }
        for (at, _) in code.match_indices("\"CARTWRIGHT_") {
            let word = code[at + 1..].split(['"', ' ']).next().unwrap_or_default();
            if !inner.contains(&word) && !told.contains(word) {
                found.push(format!("{name}: the setting {word}"));
            }
        }
    }
    complain("docs/operations.md names it", found);
}
