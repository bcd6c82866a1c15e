//! The embedded Kafka broker (KRaft, broker and controller in one): its settings, and the topics, users and
//! rights that follow from the event table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::App;
use contracts::event::{dead_letter_topic, subscriptions, topics};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::Instance;
use crate::links;
use crate::part::{Identity, Part, Stop, bound, open_log, write_whole};
use crate::process::Signal;
use crate::secrets::{KAFKA_CLUSTER, Vault, kafka_password, kafka_users_let_in};
use crate::trial::Links;

pub const NAME: &str = "kafka";

const PARTITIONS: u32 = 12;
/// The inbox of every service outlives it.
const RETENTION_DAYS: u64 = 7;
const SETTINGS: &str = include_str!("../kafka/server.properties");
const LOGGING: &str = include_str!("../kafka/log4j2.properties");
const PROVISION: &str = include_str!("../kafka/Provision.java");

/// One right of an app's user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub user: App,
    pub kind: &'static str,
    pub name: String,
    pub operation: &'static str,
}

/// One topic with its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub partitions: u32,
}

/// Every topic: one for each publisher, and one for what each of its subscribers could not handle.
pub fn all_topics() -> Vec<Topic> {
    let mut all: Vec<Topic> =
        topics().map(|app| Topic { name: app.name().to_owned(), partitions: PARTITIONS }).collect();
    for subscriber in App::ALL {
        for topic in subscriptions(subscriber) {
            all.push(Topic { name: dead_letter_topic(topic, subscriber), partitions: 1 });
        }
    }
    all
}

/// Whether an app publishes or subscribes at all; the others are no users of Kafka.
pub fn uses_events(app: App) -> bool {
    topics().any(|publisher| publisher == app) || subscriptions(app).next().is_some()
}

/// What each app may do: write its own topic and the dead letters it leaves, read what it subscribes to.
pub fn rights() -> Vec<Right> {
    let mut rights = Vec::new();
    for user in App::ALL {
        let mut topic = |name: String, operations: &[&'static str]| {
            for operation in operations {
                rights.push(Right { user, kind: "topic", name: name.clone(), operation });
            }
        };
        if topics().any(|publisher| publisher == user) {
            topic(user.name().to_owned(), &["write", "describe"]);
        }
        for publisher in subscriptions(user) {
            topic(publisher.name().to_owned(), &["read", "describe"]);
            topic(dead_letter_topic(publisher, user), &["read", "write", "describe"]);
        }
        if subscriptions(user).next().is_some() {
            for operation in ["read", "describe"] {
                rights.push(Right { user, kind: "group", name: user.name().to_owned(), operation });
            }
        }
    }
    rights
}

/// The supervised broker.
pub fn part(instance: &Instance) -> Part {
    let mut arguments: Vec<OsString> =
        ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC"].map(OsString::from).to_vec();
    arguments.extend(java_arguments(instance));
    arguments.extend(["kafka.Kafka".into(), settings_file(instance).into()]);
    Part {
        name: NAME.to_owned(),
        program: "java".into(),
        arguments,
        environment: Vec::new(),
        folder: folder(instance),
        log: instance.log(NAME),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(30) },
        identity: Identity::Caller,
        stale: None,
    }
}

/// Writes the settings and, the first time, makes the log folder. It appears under its name when complete.
pub async fn initialise(instance: &Instance) -> anyhow::Result<()> {
    let vault = Vault::open(instance)?;
    std::fs::create_dir_all(folder(instance))?;
    write_whole(&logging_file(instance), LOGGING.as_bytes())?;
    let logs = folder(instance).join("log");
    if !logs.join("meta.properties").is_file() {
        let unfinished = folder(instance).join("log.unfinished");
        let _ = std::fs::remove_dir_all(&unfinished);
        write_whole(&settings_file(instance), settings(instance, &vault, &unfinished)?.as_bytes())?;
        format_storage(instance, &vault).await.context("Kafka's storage cannot be formatted")?;
        std::fs::rename(&unfinished, &logs)?;
    }
    write_whole(&settings_file(instance), settings(instance, &vault, &logs)?.as_bytes())
}

/// The words come in a file: everybody on this machine may read the command lines of others.
async fn format_storage(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    let settings = settings_file(instance).display().to_string();
    let words = [
        "kafka.tools.StorageTool format --cluster-id".to_owned(),
        vault.existing(KAFKA_CLUSTER)?,
        format!("--config \"{}\"", settings.replace('\\', "\\\\").replace('"', "\\\"")),
        format!(
            "--add-scram SCRAM-SHA-512=[name=admin,password={}]",
            vault.existing(&kafka_password("admin"))?
        ),
    ];
    let file = folder(instance).join("format.arguments");
    write_whole(&file, words.join("\n").as_bytes())?;
    let mut argument = OsString::from("@");
    argument.push(&file);
    let mut command = java(instance, &[]);
    command.arg(argument);
    run(instance, command, "").await?;
    Ok(std::fs::remove_file(&file)?)
}

/// Waits until the broker takes connections; its tools would wait minutes before they say that it does not.
pub async fn wait_ready(instance: &Instance, patience: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", instance.ports.kafka())).await.is_err() {
        if began.elapsed() > patience {
            bail!("Kafka does not listen on port {}", instance.ports.kafka());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Makes users, topics and rights, if they are not as wanted already.
pub async fn provision(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    let wanted = wanted(vault)?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, wanted.as_bytes());
    let done = folder(instance).join("provisioned");
    if std::fs::read(&done).is_ok_and(|last| last == digest.as_ref()) {
        return Ok(());
    }
    // Whoever is ended half-way begins again.
    let _ = std::fs::remove_file(&done);
    let client = folder(instance).join("admin.properties");
    write_whole(&client, client_settings(instance, vault)?.as_bytes())?;
    let program = folder(instance).join("Provision.java");
    write_whole(&program, PROVISION.as_bytes())?;
    let mut command = java(instance, &[OsString::from("-XX:TieredStopAtLevel=1")]);
    command.arg(&program).arg(&client);
    run(instance, command, &wanted).await.context("Kafka's topics, users and rights cannot be made")?;
    write_whole(&done, digest.as_ref())
}

/// Deletes every record that a topic holds at this moment, as an operator might by mistake.
pub async fn delete_records(instance: &Instance, topic: App) -> anyhow::Result<()> {
    let partitions: Vec<_> = (0..PARTITIONS)
        .map(|partition| serde_json::json!({"topic": topic.name(), "partition": partition, "offset": -1}))
        .collect();
    let offsets = folder(instance).join("delete-records.json");
    let text = serde_json::json!({"partitions": partitions, "version": 1}).to_string();
    write_whole(&offsets, text.as_bytes())?;
    let mut command = java(instance, &[OsString::from("-XX:TieredStopAtLevel=1")]);
    command.arg("org.apache.kafka.tools.DeleteRecordsCommand");
    command.args(["--bootstrap-server", &format!("127.0.0.1:{}", instance.ports.kafka())]);
    command.arg("--command-config").arg(folder(instance).join("admin.properties"));
    command.arg("--offset-json-file").arg(&offsets);
    run(instance, command, "").await.with_context(|| format!("the records of {topic} cannot be deleted"))
}

/// Says in Provision.java's words what there should be.
fn wanted(vault: &Vault) -> anyhow::Result<String> {
    let retention = RETENTION_DAYS * 24 * 3_600_000;
    let mut lines = String::new();
    for app in App::ALL.into_iter().filter(|app| uses_events(*app)) {
        for user in kafka_users_let_in(vault, app) {
            let password = vault.existing(&kafka_password(&user))?;
            lines.push_str(&format!("user\t{user}\t{password}\n"));
        }
    }
    for Topic { name, partitions } in all_topics() {
        lines.push_str(&format!("topic\t{name}\t{partitions}\t{retention}\n"));
    }
    for Right { user, kind, name, operation } in rights() {
        for user in kafka_users_let_in(vault, user) {
            lines.push_str(&format!("allow\t{user}\t{kind}\t{name}\t{operation}\n"));
        }
    }
    Ok(lines)
}

fn settings(instance: &Instance, vault: &Vault, logs: &Path) -> anyhow::Result<String> {
    let mut template = SETTINGS.to_owned();
    if instance.trial.links == Links::Proxied {
        template.push_str(&proxied_listeners(instance));
    }
    Ok(template
        .replace("${PORT}", &instance.ports.kafka().to_string())
        .replace("${CONTROLLER_PORT}", &instance.ports.kafka_controller().to_string())
        .replace("${LOGS}", &logs.display().to_string())
        .replace("${PASSWORD}", &vault.existing(&kafka_password("admin"))?))
}

/// A listener for each app, which tells its clients the address of their proxy. A later line counts, not an earlier.
fn proxied_listeners(instance: &Instance) -> String {
    let mut lines = ["listeners", "advertised.listeners", "listener.security.protocol.map"].map(|key| {
        let start = format!("{key}=");
        SETTINGS.lines().find(|line| line.starts_with(&start)).unwrap_or_default().to_owned()
    });
    let mut logins = String::new();
    for app in App::ALL.into_iter().filter(|app| uses_events(*app)) {
        let name = app.name().to_uppercase();
        let [listeners, advertised, protocols] = &mut lines;
        listeners.push_str(&format!(",{name}://127.0.0.1:{}", instance.ports.kafka_listener(app)));
        let proxy = links::port(instance, app, links::End::Broker);
        advertised.push_str(&format!(",{name}://127.0.0.1:{proxy}"));
        protocols.push_str(&format!(",{name}:SASL_PLAINTEXT"));
        logins.push_str(&format!(
            "listener.name.{app}.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"admin\" password=\"${{PASSWORD}}\";\n"
        ));
    }
    format!("\n{}\n{logins}", lines.join("\n"))
}

fn client_settings(instance: &Instance, vault: &Vault) -> anyhow::Result<String> {
    let password = vault.existing(&kafka_password("admin"))?;
    Ok(format!(
        "bootstrap.servers=127.0.0.1:{}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
         default.api.timeout.ms=30000\nrequest.timeout.ms=15000\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
         username=\"admin\" password=\"{password}\";\n",
        instance.ports.kafka(),
    ))
}

fn folder(instance: &Instance) -> PathBuf {
    instance.data().join(NAME)
}

fn settings_file(instance: &Instance) -> PathBuf {
    folder(instance).join("server.properties")
}

fn logging_file(instance: &Instance) -> PathBuf {
    folder(instance).join("log4j2.properties")
}

fn java_arguments(instance: &Instance) -> [OsString; 3] {
    let mut logging = OsString::from("-Dlog4j2.configurationFile=");
    logging.push(logging_file(instance));
    let mut libraries = instance.tools().join("kafka").join("libs").into_os_string();
    libraries.push("/*");
    [logging, "-cp".into(), libraries]
}

fn java(instance: &Instance, options: &[OsString]) -> tokio::process::Command {
    let mut command = bound(Identity::Caller, Path::new("java"));
    command.args(options).args(java_arguments(instance));
    command
}

/// Runs a tool of the broker's. What it says on standard output is what it was told, secrets among it.
async fn run(instance: &Instance, mut command: tokio::process::Command, input: &str) -> anyhow::Result<()> {
    let log = open_log(&instance.log(NAME))?;
    let mut child = command
        .env(crate::process::MARK, &instance.home)
        .stdin(Stdio::piped())
        .stderr(log)
        .stdout(Stdio::null())
        .spawn()
        .context("java cannot be started")?;
    if let Some(mut standard_input) = child.stdin.take() {
        standard_input.write_all(input.as_bytes()).await?;
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("java ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(user: App, name: &str, operation: &str) -> bool {
        rights().iter().any(|right| right.user == user && right.name == name && right.operation == operation)
    }

    #[test]
    fn only_the_publisher_writes_its_topic() {
        for topic in topics() {
            for user in App::ALL {
                assert_eq!(may(user, topic.name(), "write"), user == topic, "{user} on {topic}");
            }
        }
    }

    #[test]
    fn dead_letters_are_their_subscribers_alone() {
        assert!(
            may(App::Order, "payment.order.dead", "write") && may(App::Order, "payment.order.dead", "read")
        );
        assert!(!rights().iter().any(|right| right.name == "payment.order.dead" && right.user != App::Order));
    }

    #[test]
    fn an_app_without_events_may_do_nothing() {
        assert!(rights().iter().all(|right| !matches!(right.user, App::Gateway | App::Config)));
    }

    #[test]
    fn every_right_is_on_something_that_exists() {
        let names: Vec<String> = all_topics().into_iter().map(|topic| topic.name).collect();
        for right in rights().iter().filter(|right| right.kind == "topic") {
            assert!(names.contains(&right.name), "{}", right.name);
        }
    }
}
