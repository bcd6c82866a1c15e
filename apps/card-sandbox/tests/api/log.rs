//! The durable log: state comes from it alone, and it copes with how it may have been left.

use std::fs::OpenOptions;
use std::io::Write as _;

use card_sandbox::app::till::Till;
use futures::future::join_all;

use crate::harness::{API_KEY, Sandbox, capture, confirm, intent};

#[tokio::test]
async fn everything_is_as_before_after_a_restart() {
    let sandbox = Sandbox::start();
    let charged = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post_keyed("k-1", &confirm(&charged), &[]).await;
    sandbox.post("/v1/refunds", &[("payment_intent", &charged), ("amount", "99")]).await;
    let held = sandbox.created("pm_card_visa", "manual").await;
    sandbox.post(&confirm(&held), &[]).await;
    let declined = sandbox.created("pm_card_chargeDeclined", "automatic").await;
    sandbox.post(&confirm(&declined), &[]).await;
    let waiting = sandbox.created("pm_card_authenticationRequired", "automatic").await;
    sandbox.post(&confirm(&waiting), &[]).await;

    let paths = ["/v1/payment_intents", "/v1/refunds", "/_sandbox/summary", "/_sandbox/log"];
    let before = join_all(paths.map(|path| sandbox.get(path))).await;
    let sandbox = sandbox.restart();
    let after = join_all(paths.map(|path| sandbox.get(path))).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.body, after.body);
    }
    let replayed = sandbox.post_keyed("k-1", &confirm(&charged), &[]).await;
    assert_eq!(replayed.headers["idempotent-replayed"], "true");
    assert_eq!(sandbox.post(&capture(&held), &[]).await.body["status"], "succeeded");
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_writing_goes_on() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "automatic").await;
    let whole = std::fs::read(sandbox.log_path()).unwrap();
    for torn in
        [&b"{\"sequence\":2,\"recorded_at\":\"2026-"[..], &whole[..whole.len() - 1], b"\xff\xfe", b"{"]
    {
        let sandbox = Sandbox::start();
        let mut text = whole.clone();
        text.extend_from_slice(torn);
        std::fs::write(sandbox.log_path().with_extension("copy"), &text).unwrap();
        let folder = sandbox.folder.clone();
        let log = sandbox.log_path();
        drop(sandbox);
        std::fs::rename(log.with_extension("copy"), &log).unwrap();
        let till = Till::open(&log).unwrap();
        assert_eq!(till.read(|book| book.last_sequence()).await.unwrap(), 1);
        assert!(till.read(|book| book.intent(&id).is_some()).await.unwrap());
        drop(till);
        assert_eq!(std::fs::read(&log).unwrap(), whole);
        drop(folder);
    }
    let log_path = sandbox.log_path();
    OpenOptions::new().append(true).open(&log_path).unwrap().write_all(b"{\"sequence\":2").unwrap();
    let sandbox = sandbox.restart();
    sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(sandbox.restart().happened().await, ["created", "charged"]);
}

#[tokio::test]
async fn a_damaged_log_is_refused_with_its_line() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    let (folder, log) = (sandbox.folder.clone(), sandbox.log_path());
    drop(sandbox);
    let whole = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cases = [
        (format!("{}\nnot json\n{}\n", lines[0], lines[1]), "line 2"),
        (format!("{}\n{}\n{}\n", lines[0], lines[0], lines[1]), "line 2"),
        (format!("{}\n", lines[1]), "line 1"),
        (whole.replace("pm_card_visa", "pm_of_another_day"), "line 1"),
    ];
    for (text, line) in cases {
        std::fs::write(&log, &text).unwrap();
        let error = Till::open(&log).err().unwrap();
        assert!(format!("{error:#}").contains(line), "{error:#}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), text, "nothing is repaired by guessing");
    }
    drop(folder);
}

#[tokio::test]
async fn two_processors_cannot_share_a_log() {
    let sandbox = Sandbox::start();
    let error = Till::open(&sandbox.log_path()).err().unwrap();
    assert!(format!("{error:#}").contains("in use by another process"), "{error:#}");
}

#[tokio::test]
async fn the_log_can_be_asked_for_by_order_and_from_a_place_on() {
    let sandbox = Sandbox::start();
    for order in ["o-1", "o-2", "o-1"] {
        sandbox.post("/v1/payment_intents", &intent(order, "pm_card_visa", "automatic")).await;
    }
    let lines = |query: &str| {
        let path = format!("/_sandbox/log?{query}");
        let sandbox = &sandbox;
        async move {
            match sandbox.get(&path).await.body {
                serde_json::Value::String(text) => text.lines().count(),
                _one_line => 1,
            }
        }
    };
    assert_eq!(lines("order_id=o-1").await, 2);
    assert_eq!(lines("after=1").await, 2);
    assert_eq!(lines("after=1&order_id=o-1").await, 1);
    assert_eq!(sandbox.get("/_sandbox/log?from=1").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_are_all_written_in_order() {
    let sandbox = Sandbox::start();
    let orders: Vec<String> = (0..200).map(|number| format!("o-{number}")).collect();
    join_all(orders.iter().map(|order| async {
        let parameters = intent(order, "pm_card_visa", "automatic");
        let created = sandbox.post_keyed(order, "/v1/payment_intents", &parameters).await;
        let id = created.body["id"].as_str().unwrap().to_owned();
        assert_eq!(sandbox.post(&confirm(&id), &[]).await.status, 200);
    }))
    .await;
    let sandbox = sandbox.restart();
    let summary = sandbox.get("/_sandbox/summary").await.body;
    assert_eq!(summary["total"]["effective_charges"], 200);
    assert_eq!(summary["orders"].as_object().unwrap().len(), 200);
    assert_eq!(summary["total"]["captured"]["gbp"], 200 * 1999);
}

#[tokio::test]
async fn the_api_key_is_not_in_the_log() {
    let sandbox = Sandbox::start();
    sandbox.post_keyed("k-1", "/v1/payment_intents", &intent("o-1", "pm_card_visa", "automatic")).await;
    assert!(!std::fs::read_to_string(sandbox.log_path()).unwrap().contains(API_KEY));
}
