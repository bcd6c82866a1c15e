//! Schemathesis against the whole stack: nothing that follows from `/openapi.json`, or nearly does, is answered with
//! a 5xx or in a way that the document does not describe. As nobody, as a customer, and as staff.
//!
//! A short run in `./taskw test`, at least 20,000 cases by `./taskw schemathesis`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

#[path = "../stack/house.rs"]
#[expect(dead_code, reason = "the tests of the stack use all of it, this one a part")]
mod house;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, house};

/// These end the token that asks, so they come last and by themselves.
const LAST: [&str; 6] = [
    "log_out",
    "log_out_everywhere",
    "end_session",
    "change_password",
    "delete_account",
    "rotate_signing_keys",
];

const PASSWORD: &str = "seven small services in a row";

/// First all others, then those.
const LASTS: [bool; 2] = [false, true];

/// How much of it.
struct Profile {
    /// The same cases in each run, where somebody waits for the outcome; new ones otherwise.
    seed: Option<&'static str>,
    /// Of each operation and phase.
    examples: u32,
    phases: &'static str,
    /// All cases together are at least so many.
    least: u64,
}

const SHORT: Profile = Profile { seed: Some("1"), examples: 3, phases: "examples,fuzzing", least: 500 };
const FULL: Profile =
    Profile { seed: None, examples: 60, phases: "examples,coverage,fuzzing,stateful", least: 20_000 };

/// Who asks: a name, and the sessions; no two of them may see each other's things.
struct Asker {
    name: &'static str,
    sessions: Vec<Session>,
}

/// Logged in before anything is tried: what fails on the way closes the door to log-ins from here for minutes.
struct Session {
    refresh_token: String,
}

#[tokio::test]
async fn no_answer_is_a_failure_of_ours_or_outside_the_document() {
    let full = std::env::var("CARTWRIGHT_TEST").is_ok_and(|extent| extent == "full");
    let profile = if full { FULL } else { SHORT };
    assert!(python().exists(), "Schemathesis is not installed: sh tools/build.sh schemathesis");
    let house = house();
    furnish(&house).await;

    let mut askers = Vec::new();
    for _last in LASTS {
        askers.push(askers_of(&house).await);
    }
    let mut administrator = administrator(&house).await;
    let (mut cases, mut failed) = (0, Vec::new());
    for (last, askers) in LASTS.into_iter().zip(askers) {
        for mut asker in askers {
            // The session lasts longer than an access token.
            let mut tokens = Vec::new();
            for session in &mut asker.sessions {
                tokens.push(session.token(&house).await);
            }
            let (sent, well) = run(&house, asker.name, &tokens, &profile, last);
            println!(
                "schemathesis as {}{}: {sent} cases",
                asker.name,
                if last { ", ending sessions" } else { "" }
            );
            cases += sent;
            if !well {
                failed.push(asker.name);
            }
        }
    }
    println!("schemathesis: {cases} cases in all");
    assert!(failed.is_empty(), "what was found stands above, and in target/schemathesis");
    assert!(cases >= profile.least, "{cases} cases are fewer than {}", profile.least);
    the_books_are_whole(&house, &administrator.token(&house).await).await;
}

/// Something for the cases to meet: a product, and an order of somebody else.
async fn furnish(house: &House) {
    let product = house.product(1_000).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 1).await;
    house.ended(&customer, &order).await;
}

async fn askers_of(house: &House) -> Vec<Asker> {
    let customers = vec![customer(house).await, customer(house).await];
    vec![
        Asker { name: "nobody", sessions: Vec::new() },
        Asker { name: "customer", sessions: customers },
        Asker { name: "staff", sessions: vec![another_administrator(house).await] },
    ]
}

async fn administrator(house: &House) -> Session {
    let email = house.instance.secret("administrator/email").unwrap();
    let password = house.instance.secret("administrator/password").unwrap();
    Session::begin(house, &email, &password).await
}

/// Whose sessions may end without ending those of the first one, who looks at the books afterwards.
async fn another_administrator(house: &House) -> Session {
    let (email, user) = registered(house).await;
    let path = format!("/v1/users/{user}/roles/admin");
    let (status, answer) = house.ask(Method::PUT, &path, &house.administrator().await, None).await;
    assert_eq!(status, 200, "{answer}");
    Session::begin(house, &email, PASSWORD).await
}

async fn customer(house: &House) -> Session {
    let (email, _) = registered(house).await;
    Session::begin(house, &email, PASSWORD).await
}

/// Gives the address and the id.
async fn registered(house: &House) -> (String, String) {
    let email = format!("{}@example.com", Uuid::now_v7());
    let body = json!({"email": email, "password": PASSWORD, "name": "Test"});
    let (status, answer) = house.ask(Method::POST, "/v1/users", "", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    (email, answer["id"].as_str().unwrap().to_owned())
}

impl Session {
    async fn begin(house: &House, email: &str, password: &str) -> Session {
        let body = json!({"email": email, "password": password});
        let (status, answer) = house.ask(Method::POST, "/v1/sessions", "", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        Session { refresh_token: answer["refresh_token"].as_str().unwrap().to_owned() }
    }

    /// A fresh access token.
    async fn token(&mut self, house: &House) -> String {
        let body = json!({"refresh_token": self.refresh_token});
        let (status, answer) = house.ask(Method::POST, "/v1/sessions/refresh", "", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
        self.refresh_token = answer["refresh_token"].as_str().unwrap().to_owned();
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

/// Gives how many cases were sent, and whether all was well.
fn run(house: &House, name: &str, tokens: &[String], profile: &Profile, last: bool) -> (u64, bool) {
    let root = root();
    let folder = root.join("target/schemathesis");
    fs::create_dir_all(&folder).unwrap();
    let cases = folder.join(format!("{name}.cases"));
    let _ = fs::remove_file(&cases);
    let mut command = Command::new(python());
    command
        .current_dir(&folder)
        .env("PYTHONPATH", root.join("tools/schemathesis"))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("CASES_FILE", &cases)
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(configuration(&folder, name, tokens))
        .arg("run")
        .arg(format!("{}/openapi.json", house.instance.gateway_url()))
        .args(["--checks", "all", "--phases", profile.phases])
        .args(["--max-examples", &profile.examples.to_string()]);
    command.args(profile.seed.map(|seed| ["--seed", seed]).into_iter().flatten());
    for operation in LAST {
        let choice = if last { "--include-operation-id" } else { "--exclude-operation-id" };
        command.args([choice, operation]);
    }
    let status = command.status().unwrap();
    let sent = fs::read_to_string(&cases).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    (sent, status.success())
}

/// The common settings, and who asks.
fn configuration(folder: &Path, name: &str, tokens: &[String]) -> PathBuf {
    let mut text = fs::read_to_string(root().join("tools/schemathesis/schemathesis.toml")).unwrap();
    if !tokens.is_empty() {
        let users: Vec<String> = (0..tokens.len()).map(|number| format!("{name}{number}")).collect();
        let entry = |(user, token): (&String, &String)| {
            let header = json!({"name": "Authorization", "value": format!("Bearer {token}")});
            json!({"name": user, "fixedHeaders": [header]})
        };
        let entries: Vec<Value> = users.iter().zip(tokens).map(entry).collect();
        let file = folder.join(format!("{name}.auth.json"));
        fs::write(&file, json!({"auth": entries}).to_string()).unwrap();
        text.push_str(&format!("\n[auth.wfc]\npath = {file:?}\nuser = {:?}\n", users[0]));
        if users.len() > 1 {
            text.push_str(&format!("peers = {users:?}\n"));
        }
    }
    let path = folder.join(format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    path
}

/// Whatever was asked for, stock, money and events agree afterwards.
async fn the_books_are_whole(house: &House, token: &str) {
    let mut cursor = Value::Null;
    loop {
        let body = json!({"scope": "all", "cursor": cursor});
        let report = house
            .until("the books are green", async || {
                let path = "/v1/books/checks";
                let (_, report) = house.ask(Method::POST, path, token, Some(body.clone())).await;
                (report["green"] == true).then_some(report)
            })
            .await;
        cursor = report["next_cursor"].clone();
        if cursor.is_null() {
            return;
        }
    }
}

fn python() -> PathBuf {
    root().join(".local/tools/schemathesis/bin/python")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
