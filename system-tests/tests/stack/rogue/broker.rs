//! A stranger straight at Kafka, with Kafka's own client; and each app's user, whose rights the event table gives.

use std::process::Stdio;

use contracts::App;
use contracts::event::{subscriptions, topics};
use stack::kafka;
use stack::secrets::{Vault, kafka_password, kafka_user};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::house::{House, house};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stack/rogue/Straight.java");

/// One thing to try: as whom, with which password, what, and with which topic or group.
pub struct Act {
    user: String,
    password: String,
    kind: &'static str,
    name: String,
}

impl Act {
    pub fn new(user: &str, password: &str, kind: &'static str, name: &str) -> Act {
        Act { user: user.into(), password: password.into(), kind, name: name.into() }
    }
}

/// Tries all of them in one Java process; each is answered with `allowed` or the name of what was thrown.
pub async fn tried(house: &House, acts: &[Act]) -> Vec<String> {
    let libraries = house.instance.tools().join("kafka").join("libs").join("*");
    let mut java = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-Dlog4j2.level=OFF", "-cp"])
        .arg(libraries)
        .args([PROGRAM, &format!("127.0.0.1:{}", house.instance.ports.kafka())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines: String = acts
        .iter()
        .map(|Act { user, password, kind, name }| format!("{user}\t{password}\t{kind}\t{name}\n"))
        .collect();
    let mut input = java.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).await.unwrap();
    drop(input);
    let output = java.wait_with_output().await.unwrap();
    assert!(output.status.success(), "java ended with {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("answer ")).map(str::to_owned).collect();
    assert_eq!(answers.len(), acts.len(), "{text}");
    answers
}

/// The user that an app's sidecar logs in as now; one without events has none, and no password.
fn login(house: &House, app: App) -> (String, Option<String>) {
    let vault = Vault::open(&house.instance).unwrap();
    let user = kafka_user(&vault, app);
    let password = vault.find(&kafka_password(&user));
    (user, password)
}

#[tokio::test]
async fn kafka_lets_nobody_in_without_a_password() {
    let house = house();
    let logins = App::ALL.map(|app| login(&house, app).0);
    let users = logins.iter().map(String::as_str).chain(App::ALL.map(App::name));
    let users = users.chain(["admin", "rogue", "ANONYMOUS"]);
    let acts: Vec<Act> = users.map(|user| Act::new(user, user, "list", "-")).collect();
    for (act, answer) in acts.iter().zip(tried(&house, &acts).await) {
        assert_eq!(answer, "SaslAuthenticationException", "{} with a guessed password", act.user);
    }
    // Without logging in at all the broker does not speak, and the client gives up waiting.
    let acts: Vec<Act> = ["list", "write", "read"].map(|kind| Act::new("-", "-", kind, "order")).into();
    for (act, answer) in acts.iter().zip(tried(&house, &acts).await) {
        assert_eq!(answer, "TimeoutException", "{} without logging in", act.kind);
    }
}

#[tokio::test]
async fn a_user_of_kafka_may_do_what_the_event_table_gives_it_and_no_more() {
    let house = house();
    house.product(1).await;
    house.settled().await;
    let rights = kafka::rights();
    let mut acts = Vec::new();
    for user in App::ALL.into_iter().filter(|app| kafka::uses_events(*app)) {
        let (login, password) = login(&house, user);
        let password = password.unwrap();
        let may = |operation: &str, name: &str| {
            rights
                .iter()
                .any(|right| right.user == user && right.operation == operation && right.name == name)
        };
        let mut act = |kind, name: &str| acts.push(Act::new(&login, &password, kind, name));
        for topic in kafka::all_topics() {
            for (kind, operation) in [("write", "write"), ("read", "read")] {
                if !may(operation, &topic.name) {
                    act(kind, &topic.name);
                }
            }
        }
        for group in App::ALL.into_iter().filter(|group| *group != user) {
            act("group", group.name());
        }
        act("create", "rogue");
        act("rights", "-");
    }
    assert!(acts.len() > 40);
    for (act, answer) in acts.iter().zip(tried(&house, &acts).await) {
        let expected = match act.kind {
            "group" => "GroupAuthorizationException",
            "rights" => "ClusterAuthorizationException",
            _ => "TopicAuthorizationException",
        };
        assert_eq!(answer, expected, "{}: {} {}", act.user, act.kind, act.name);
    }

    // The same client gets what is given, so it was the rights that kept it out.
    let (order, password) = login(&house, App::Order);
    let password = password.unwrap();
    assert!(
        topics().any(|topic| topic == App::Product)
            && subscriptions(App::Order).any(|topic| topic == App::Product)
    );
    let acts =
        [Act::new(&order, &password, "read", "product"), Act::new(&order, &password, "group", "order")];
    assert_eq!(tried(&house, &acts).await, ["allowed", "allowed"]);
}
