//! The real process, over TCP: kill -9 under load, a stop in the middle of a hang, a refusal to start.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{API_KEY, confirm, intent};

struct Process {
    child: Child,
    address: String,
    /// Read to the end by nobody: the pipe must stay open as long as the process writes.
    _output: BufReader<std::process::ChildStdout>,
}

impl Process {
    #[expect(clippy::zombie_processes, reason = "whoever drops it kills it and waits")]
    fn start(log: &Path) -> Process {
        let mut child = command(log).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "ended before it listened");
            let told: Value = serde_json::from_str(&line).unwrap();
            if told["message"] == "listening" {
                let address = format!("http://{}", told["address"].as_str().unwrap());
                return Process { child, address, _output: output };
            }
        }
    }

    async fn post(
        &self,
        client: &Client,
        key: &str,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> reqwest::Result<(StatusCode, Value)> {
        let request = client.post(format!("{}{path}", self.address)).bearer_auth(API_KEY);
        let response = request.header("idempotency-key", key).form(parameters).send().await?;
        Ok((response.status(), response.json().await?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(log: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_card-sandbox"));
    command
        .env("SANDBOX_LISTEN", "127.0.0.1:0")
        .env("SANDBOX_LOG", log)
        .env("SANDBOX_API_KEY", API_KEY)
        .env("RUST_LOG", "card_sandbox::app=info");
    command
}

/// Creates and charges under keys of the order's own, so that it may be called again after any failure.
async fn charge(process: &Process, client: &Client, order: &str) -> Option<String> {
    let parameters = intent(order, "pm_card_visa", "automatic");
    let (create_key, confirm_key) = (format!("{order}-create"), format!("{order}-confirm"));
    let (_, created) = process.post(client, &create_key, "/v1/payment_intents", &parameters).await.ok()?;
    let id = created["id"].as_str()?.to_owned();
    let (status, _) = process.post(client, &confirm_key, &confirm(&id), &[]).await.ok()?;
    (status == StatusCode::OK).then_some(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9_and_nothing_is_charged_twice() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log.jsonl");
    let client = Client::new();
    let orders: Vec<String> = (0..300).map(|number| format!("o-{number}")).collect();
    let process = Process::start(&log);
    let answered = AtomicUsize::new(0);
    let mut answers = Vec::new();
    let killed_after = 60;
    let pid = process.child.id().to_string();
    for group in orders.chunks(50) {
        let charged = group.iter().map(|order| async {
            let charged = charge(&process, &client, order).await;
            if charged.is_some() && answered.fetch_add(1, Ordering::SeqCst) == killed_after {
                assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            }
            charged
        });
        answers.extend(join_all(charged).await);
    }
    drop(process);
    assert!(answers.iter().any(Option::is_none), "it was killed with work in hand");

    let process = Process::start(&log);
    for id in answers.iter().flatten() {
        let read = client.get(format!("{}/v1/payment_intents/{id}", process.address)).bearer_auth(API_KEY);
        let read: Value = read.send().await.unwrap().json().await.unwrap();
        assert_eq!(read["status"], "succeeded", "{id}");
    }
    for order in &orders {
        assert!(charge(&process, &client, order).await.is_some(), "{order}");
    }
    let summary = client.get(format!("{}/_sandbox/summary", process.address)).send().await.unwrap();
    let summary: Value = summary.json().await.unwrap();
    assert_eq!(summary["total"]["payment_intents"], 300);
    assert!(summary["orders"].as_object().unwrap().values().all(|order| order["effective_charges"] == 1));
}

#[tokio::test]
async fn a_caller_sees_no_answer_when_the_processor_hangs_up() {
    let folder = TempDir::new().unwrap();
    let process = Process::start(&folder.path().join("log.jsonl"));
    let client = Client::new();
    let parameters = intent("o-1", "pm_charge_hang_up", "automatic");
    let (_, created) = process.post(&client, "k-1", "/v1/payment_intents", &parameters).await.unwrap();
    let path = confirm(created["id"].as_str().unwrap());
    let request = client.post(format!("{}{path}", process.address)).bearer_auth(API_KEY);
    let request = request.header("idempotency-key", "k-2").form::<[(&str, &str)]>(&[]);
    assert!(request.send().await.is_err(), "not even a status arrives");
    let (status, replayed) = process.post(&client, "k-2", &path, &[]).await.unwrap();
    assert_eq!((status, &replayed["status"]), (StatusCode::OK, &"succeeded".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_the_process_although_somebody_waits() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log.jsonl");
    let mut process = Process::start(&log);
    let client = Client::new();
    let parameters = intent("o-1", "tok_hang", "automatic");
    let (_, created) = process.post(&client, "k-1", "/v1/payment_intents", &parameters).await.unwrap();
    let path = format!("{}{}", process.address, confirm(created["id"].as_str().unwrap()));
    let waiting = tokio::spawn(client.post(path).bearer_auth(API_KEY).send());
    let logged = format!("{}/_sandbox/log", process.address);
    while !client.get(&logged).send().await.unwrap().text().await.unwrap().contains("faulted") {}
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(waiting.await.unwrap().is_err());
    assert!(process.child.wait().unwrap().success());
}

#[test]
fn it_does_not_start_without_its_settings() {
    let folder = TempDir::new().unwrap();
    let mut without_key = command(&folder.path().join("log.jsonl"));
    let output = without_key.env_remove("SANDBOX_API_KEY").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("SANDBOX_API_KEY is not set"));
}
