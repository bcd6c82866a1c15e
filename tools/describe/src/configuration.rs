//! docs/configuration.md: every key and every rule of the registry, and how the configuration is changed, for people.

use std::fmt::Write;

use config::domain::trial::judging::ENOUGH;
use config::domain::trial::statistics::Score;
use config::domain::trial::{Limit, Percent};
use contracts::App;
use contracts::configuration::{Bounds, Guard, KEYS, LARGEST_VERSION, RULES, Reach, Scopes, Spec};
use serde_json::json;

/// The page.
pub fn render() -> String {
    let mut text = format!("{HEAD}{}{DECLARED}{}{}{CHANGING}{SOME}", restarts(), keys(), rules());
    put(
        &mut text,
        format_args!(
            "A key has at most {} of them, and each names at most {} callers.\n",
            Scopes::MOST,
            Scopes::MOST_CALLERS
        ),
    );
    text.push_str(&trials());
    text.push_str(DELIVERED);
    put(
        &mut text,
        format_args!(
            "Who changed a key is shown of what their change wrote, not of what stands there under its version by \
             hand. A version over {LARGEST_VERSION} stops no later change: it is not counted on from, and the next \
             change of its key takes its place.\n"
        ),
    );
    text.push_str(TAIL);
    text
}

/// Which keys need a restart.
fn restarts() -> String {
    let names: Vec<_> = KEYS.iter().filter(|key| key.restart).map(|key| format!("`{}`", key.name)).collect();
    if names.is_empty() {
        return "No key needs a restart: services read a key each time they need it.".to_owned();
    }
    format!(
        "Of {} a service sees a change when it starts again; others it reads each time.",
        names.join(", ")
    )
}

fn keys() -> String {
    let mut text = String::new();
    for app in App::ALL {
        put(&mut text, format_args!("\n### `{app}`\n\n{COLUMNS}"));
        for key in KEYS.iter().filter(|key| key.reader == app) {
            put(
                &mut text,
                format_args!(
                    "| `{}` | {} | {} | `{}` | {} | {} | {} |\n",
                    key.name,
                    key.kind.name(),
                    bounds(key),
                    json!(key.default()),
                    own(key.reach),
                    guards(key.guards),
                    key.description
                ),
            );
        }
    }
    text
}

/// Bounds with what they count.
fn bounds(key: &Spec) -> String {
    let Bounds { least, most, longest, one_of, entries } = key.kind.bounds();
    let unit = key.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    let range = least.zip(most).map(|(least, most)| format!("{least} to {most}{unit}"));
    let longest = longest.map(|longest| format!("at most {longest} characters"));
    let names =
        one_of.map(|names| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    let entries = entries.map(|entries| format!("at most {entries} entries"));
    [range, longest, names, entries].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Who can have a value of their own.
const fn own(reach: Reach) -> &'static str {
    match reach {
        Reach::Service => "",
        Reach::Callers => "callers",
        Reach::Orders => "callers, parts of the orders",
    }
}

fn guards(guards: &[Guard]) -> String {
    let name = |guard: &Guard| match guard {
        Guard::Refusals => "refusals",
        Guard::Failures => "failures",
        Guard::TimeToConfirm => "time to confirm",
    };
    guards.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn rules() -> String {
    let mut text = String::from(
        "\n## What keys may not say together\n\nA change after which one of these would not hold is refused \
         (`contradicting-keys`); keys that have to change together are changed together.\n\n",
    );
    for rule in RULES {
        put(&mut text, format_args!("- {}\n", rule.says));
    }
    text.push_str(
        "\nA rule holds for each value that the one key has beside each of the other, for everyone, for some, or on \
         trial.\n",
    );
    text
}

const HEAD: &str = "<!-- Written by `./taskw render` from the registry in crates/contracts. -->\n\
# Configuration\n\
\n\
What can be changed while everything runs. ";

const DECLARED: &str = "\n\
What an order depends on is in its terms from when it was placed, and stays.\n\
\n\
## The keys\n\
\n\
Each is declared in `crates/contracts/src/configuration/table.rs` and read by one service.\n\
A duration is a number and one of `ms`, `s`, `m`, `h`, `d`, in quotes; a decimal is in quotes as well.\n";

const COLUMNS: &str = "| key | type | bounds | default | values of their own | guarded by | what it says |\n\
|---|---|---|---|---|---|---|\n";

const CHANGING: &str = r#"
## Changing it

Needs the permissions `configuration:read` and `configuration:write`, and for each change a reason.

```sh
./taskw config list                                                  # every key with its value
./taskw config get order.deadline                                    # type, bounds, value, who changed it last
./taskw config set order.deadline=10m gateway.deadline=9s --reason "…"   # all or none, one version
./taskw config set order.deadline=10m --dry-run --reason "…"         # which service would see what
./taskw config reset order.deadline --reason "…"                     # back to its default
./taskw config try order.deadline 10m --percent 10 --for 1h --reason "…"   # for a part of the orders first
./taskw config history order.deadline                                # who, when, why, from what to what
./taskw config diff 12 15                                            # what differs between two versions
./taskw config rollback 12 --reason "…"                              # everything as it was at version 12
./taskw config export > shop.config
./taskw config import shop.config --reason "…"
./taskw config                                                       # what each replica runs with
```

The same by HTTP:

| request | what it does |
|---|---|
| `GET /v1/config`, `GET /v1/config/{key}` | keys with type, bounds, default, values, last change; the key's version is its `ETag` |
| `PUT /v1/config/{key}` | sets one key; `If-Match` says which version was seen, so of two people one is told to look again |
| `POST /v1/config/changes` | sets or resets several keys, all or none; each may name the `version` it must have |
| `GET /v1/config/changes` | the history, the newest first, of all keys or of one |
| `POST /v1/config/trials` | tries a value on a part of the orders first |
| `GET /v1/config/trials`, `GET /v1/config/trials/{version}` | trials, the newest first; one with its numbers |
| `POST /v1/config/trials/{version}/end` | ends a trial by hand |
| `GET /v1/config/diff?from=12&to=15` | what differs between any two versions; without `to` the last one |
| `POST /v1/config/rollbacks` | makes everything what it was at a version, as one more version |
| `GET /v1/config/export`, `POST /v1/config/imports` | the configuration as a file |
| `GET /v1/config/effective` | what each replica of each service runs with |

There is one counter of versions for all keys, and a change of several keys is one version; version 0 is before the first.
What is left out of a change stays as it is, values for some included.
`reset` writes the default of today as a value: when a later release has another, that does not come by itself.
With `dry_run` a `POST` changes nothing and says which service would see what. It is refused for what the change would be refused for, and takes no `Idempotency-Key`'s place.
A refused change changes nothing, and every key that is refused is named with its reason: `unknown-key`, `invalid-key-name`, `wrong-type`, `configuration-out-of-bounds`, `value-too-long` (over `config.largest_value`), `invalid-scopes`, `contradicting-keys`, `trial-running`, `precondition-failed`.
A rollback is refused with the names of all keys whose value of then is not of their present type, or not within their present bounds. Keys that the registry no longer has are left alone, and what was edited by hand since goes back as well.
History is only ever added to.

## As a file

```
# Comments stand behind #.
order.deadline = "10m"
order.return_window = 30
order.return_window @ {"percent": 10} = 60
```

One key on a line, its value as JSON; a value for some has its audience between `@` and `=`.
The lines of a key say all of it, and keys without a line stay as they are. What an export writes has every key, so that it brings another installation to the same.
The value of a trial that is running is not among it, which a comment says; where the trial runs, such a file changes nothing of its key.
One wrong line and nothing is changed; every wrong line is named with its number (`invalid-lines`). A file has at most 1,000 lines.
"#;

const SOME: &str = r#"
## Values for some

Some keys can have values of their own for callers (users and API keys, by their ids), and some for a part of the orders as well:

```json
{"key": "order.return_window", "scopes": [
  {"audience": {"callers": ["0193f0a0-0000-7000-8000-000000000001"]}, "value": 90},
  {"audience": {"percent": 10}, "value": 60}
]}
```

The first that fits holds, callers before percentages. Which of a hundred parts an order belongs to follows from its id and the key's name, so that an order in 5 % is in 20 % too, and every key divides the orders in its own way.
A value that could never hold is refused: a caller is named once, and of the percentages the smaller stand first.
"#;

/// What a trial is and how it is judged, with the numbers that the judge has.
fn trials() -> String {
    let bounds = format!(
        "A trial is for {} to {} of a hundred orders and takes {} to {} at most (`for`). ",
        Percent::LEAST,
        Percent::MOST,
        Limit::LEAST,
        Limit::MOST
    );
    let judged = format!(
        "As soon as {ENOUGH} orders of each group have ended, they are compared, once: refusals and failures by the \
         two-proportion test, times to confirmation by the rank test of Mann and Whitney, each at 1 % (z over {}).\n",
        Score::LIMIT
    );
    format!("{TRYING}{bounds}{judged}{JUDGED}")
}

const TRYING: &str = r#"
## Trials

A key that is guarded (see the table) can be tried: a new value for a part of the orders first, as one version, by whose number the trial is called.
`order` counts from its own rows what became of the orders that were placed since: those with the value that is tried, and an equally large part of the others, which has seen the same hours.

```sh
./taskw config try order.deadline 10m --percent 10 --for 1h --reason "…"
./taskw config trials                                                # all of them, the newest first
./taskw config trial 12                                              # one with its numbers
./taskw config end 12 --take-back --reason "…"                       # by hand; or --adopt
```

"#;

const JUDGED: &str = r#"
- Something that guards the key is worse with the value that is tried: the value from before is for everyone again.
- Nothing is worse: the value is for everyone from now on.
- The time limit comes before the orders, or `order` cannot be asked then: the value from before.
- Somebody wrote over the key by hand: what they wrote stays, and the trial has ended (`overtaken`).

Each end is one more version, and its reason has the numbers: `trial 12 taken back by itself: refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), z 4.38 over 2.33`.
An order counts when it and all that were placed before it have ended, however that was: confirmed, refused by stock or payment (a refusal), expired (a failure), cancelled. So what hangs is waited for, and a trial should be given more time than the longest deadline of its orders.
A key is tried once at a time, and nothing else changes it meanwhile (`trial-running`). What cannot be tried is refused with the reason (`not-triable`): no guards, values for some, the value that it has. A value by which two keys would contradict each other is refused as in any change, and so is a change of the other key by which they would; where an edit by hand has brought it about, the value is taken back.
What an order was placed under stays with it, whatever becomes of the trial.
A rollback to a version at which a trial was running brings back what the key had for everyone, and neither the trial nor its value: no part of the orders has a value that nobody judges.
"#;

const DELIVERED: &str = r#"
## How it gets to the services

`config` writes keys, history and counter in one transaction; the table `configuration` is what Dapr's configuration store reads.
Each service reads it through its sidecar at its start, whenever the sidecar says that something has changed, and every five seconds, since a subscription can die without a word.
A trigger wakes the sidecars, each on a channel of its own; the message carries no value, so a forged one brings none in. Each sidecar's role reads that one table and writes nothing.
A service starts without `config`. While PostgreSQL is away a sidecar does not start, and its service waits for it; what was started before goes on with the values that it has. A store that does not answer holds up no service whose sidecar runs: it starts with the defaults, and takes the values when they come.
A value, version or scope that it cannot read, because somebody edited the table by hand, never stops it: the value before stays in force, the log and the metric `configuration_refused_total` say so, and so does its next report.
"#;

const TAIL: &str = r#"Each replica reports every ten seconds, and whenever something changes, which version it runs with, with which values, and what it could not take; `GET /v1/config/effective` shows the reports of the last minute and names the services that sent none.

Secrets are never among the keys: they come from Dapr's secret store alone.
"#;

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_row_and_every_rule_a_line() {
        let text = render();
        for key in KEYS {
            assert_eq!(text.matches(&format!("| `{}` |", key.name)).count(), 1, "{}", key.name);
            assert!(text.contains(key.description), "{}", key.name);
        }
        for rule in RULES {
            assert!(text.contains(&format!("\n- {}\n", rule.says)), "{}", rule.says);
        }
    }

    #[test]
    fn every_path_and_every_refusal_that_it_names_is_one_of_ours() {
        let text = render();
        let paths = text.split('`').filter_map(|part| part.split_once(" /v1/config"));
        let paths: Vec<_> = paths.map(|(method, rest)| (method, format!("/v1/config{rest}"))).collect();
        assert!(paths.len() > 8, "{paths:?}");
        for (method, path) in paths {
            let path = path.split('?').next().unwrap_or_default();
            let known = contracts::operation::OPERATIONS
                .iter()
                .any(|row| row.path == Some(path) && row.method.name() == method);
            assert!(known, "{method} {path}");
        }
        for problem in [
            "unknown-key",
            "invalid-key-name",
            "wrong-type",
            "value-too-long",
            "invalid-lines",
            "not-triable",
            "trial-running",
        ] {
            assert!(text.contains(problem) && contracts::ProblemType::from_name(problem).is_some());
        }
    }
}
