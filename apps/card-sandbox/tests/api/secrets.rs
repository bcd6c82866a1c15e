//! Keys and webhook secrets that change while it runs.

use std::path::Path;

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Sandbox, confirm, intent};
use crate::receiver::{Receiver, Taken};

/// Puts a whole file in the place of what was there.
fn put(file: &Path, keys: &[&str], secrets: &[&str]) {
    let unfinished = file.with_extension("unfinished");
    let text = json!({"api_keys": keys, "webhook_secrets": secrets}).to_string();
    std::fs::write(&unfinished, text).unwrap();
    std::fs::rename(&unfinished, file).unwrap();
}

async fn status(sandbox: &Sandbox, key: &str) -> u16 {
    let request = Request::get("/v1/payment_intents").header("authorization", format!("Bearer {key}"));
    sandbox.send(request.body(Body::empty()).unwrap()).await.status
}

#[tokio::test]
async fn a_new_key_is_taken_beside_the_old_one_until_that_is_left_out() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secrets.json");
    put(&file, &["sk_old"], &[]);
    let sandbox = Sandbox::with_secrets(&file, None);
    let rounds: [(&[&str], u16, u16); 3] =
        [(&["sk_old"], 200, 401), (&["sk_new", "sk_old"], 200, 200), (&["sk_new"], 401, 200)];
    for (keys, old, new) in rounds {
        put(&file, keys, &[]);
        assert_eq!(
            (status(&sandbox, "sk_old").await, status(&sandbox, "sk_new").await),
            (old, new),
            "{keys:?}"
        );
    }
    // What cannot be read, or names no key, changes nothing.
    for text in ["{", "{}", r#"{"api_keys": []}"#] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(
            (status(&sandbox, "sk_old").await, status(&sandbox, "sk_new").await),
            (401, 200),
            "{text}"
        );
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(status(&sandbox, "sk_new").await, 200);
}

#[tokio::test]
async fn a_request_under_another_key_of_the_account_is_the_same_request() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secrets.json");
    put(&file, &["sk_test_sandbox"], &[]);
    let sandbox = Sandbox::with_secrets(&file, None);
    let asked = intent("o-1", "pm_card_visa", "automatic");
    let first = sandbox.post_keyed("once", "/v1/payment_intents", &asked).await;
    put(&file, &["sk_new"], &[]);
    let mut request = crate::harness::keyed("once", crate::harness::post("/v1/payment_intents", &asked));
    request.headers_mut().insert("authorization", "Bearer sk_new".parse().unwrap());
    let second = sandbox.send(request).await;
    assert_eq!((second.status, &second.body["id"]), (200, &first.body["id"]));
    assert_eq!(second.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_webhook_is_signed_with_each_secret_that_counts_when_it_is_sent() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secrets.json");
    put(&file, &["sk_test_sandbox"], &["whsec_old"]);
    let receiver = Receiver::start(&[]).await;
    let sandbox = Sandbox::with_secrets(&file, receiver.webhook());
    let rounds: [&[&str]; 3] = [&["whsec_old"], &["whsec_new", "whsec_old"], &["whsec_new"]];
    for (round, secrets) in rounds.into_iter().enumerate() {
        put(&file, &["sk_test_sandbox"], secrets);
        let id = sandbox.created("pm_card_visa", "automatic").await;
        assert_eq!(sandbox.post(&confirm(&id), &[]).await.status, 200);
        let taken = receiver.after(round + 1).await.remove(round);
        let signs = ["whsec_old", "whsec_new"].map(|secret| signed(&taken, secret));
        assert_eq!(signs, ["whsec_old", "whsec_new"].map(|secret| secrets.contains(&secret)), "{secrets:?}");
    }
}

fn signed(taken: &Taken, secret: &str) -> bool {
    let (time, codes) = taken.signature.split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let text = [time.as_bytes(), b".", &taken.body].concat();
    codes.split(",v1=").any(|code| hmac::verify(&key, &text, &hex::decode(code).unwrap()).is_ok())
}

#[tokio::test]
async fn it_does_not_start_without_its_file_and_says_nothing_of_what_is_in_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secrets.json");
    std::fs::write(&file, r#"{"api_keys": ["sk_hush""#).unwrap();
    let secrets = card_sandbox::config::Secrets::File(file);
    let error = format!("{:#}", card_sandbox::app::keyring::Keyring::open(&secrets).unwrap_err());
    assert!(error.contains("cannot be read at line 1") && !error.contains("hush"), "{error}");
}
