//! Stripe's rules for idempotency keys.

use chrono::TimeDelta;
use futures::future::join_all;

use crate::harness::{Sandbox, confirm, intent, keyed, post};

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let sandbox = Sandbox::start();
    let parameters = intent("o-1", "pm_card_visa", "automatic");
    let first = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    let again = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["original-request"], first.headers["request-id"]);
    assert_eq!(again.headers["idempotency-key"], "k-1");
    assert_eq!(sandbox.happened().await, ["created"]);
}

#[tokio::test]
async fn without_a_key_nothing_is_remembered() {
    let sandbox = Sandbox::start();
    let one = sandbox.created("pm_card_visa", "automatic").await;
    let two = sandbox.created("pm_card_visa", "automatic").await;
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let sandbox = Sandbox::start();
    let parameters = intent("o-1", "pm_card_visa", "automatic");
    let created = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    let id = created.body["id"].as_str().unwrap();
    let others = intent("o-2", "pm_card_visa", "automatic");
    for (path, parameters) in [("/v1/payment_intents".to_owned(), &others[..]), (confirm(id), &[])] {
        let refused = sandbox.post_keyed("k-1", &path, parameters).await;
        assert_eq!((refused.status, &refused.body["error"]["type"]), (400, &"idempotency_error".into()));
    }
    let too_long = "k".repeat(256);
    assert_eq!(sandbox.post_keyed(&too_long, "/v1/payment_intents", &others).await.status, 400);
    assert_eq!(sandbox.happened().await, ["created"]);
}

#[tokio::test]
async fn what_was_refused_before_it_began_leaves_the_key_free() {
    let sandbox = Sandbox::start();
    let refused = sandbox.post_keyed("k-1", "/v1/payment_intents", &[("amount", "0")]).await;
    assert_eq!(refused.status, 400);
    assert_eq!(sandbox.post_keyed("k-1", &confirm("pi_none"), &[]).await.status, 404);
    let parameters = intent("o-1", "pm_card_visa", "automatic");
    assert_eq!(sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await.status, 200);
}

#[tokio::test]
async fn declines_and_refusals_by_the_state_come_back_as_they_were() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_chargeDeclined", "automatic").await;
    let declined = sandbox.post_keyed("k-1", &confirm(&id), &[]).await;
    let no_card = sandbox.post_keyed("k-2", &confirm(&id), &[]).await;
    sandbox.post(&confirm(&id), &[("payment_method", "pm_card_visa")]).await;
    for (key, first) in [("k-1", declined), ("k-2", no_card)] {
        let again = sandbox.post_keyed(key, &confirm(&id), &[]).await;
        assert_eq!((again.status, again.body), (first.status, first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true");
    }
    assert_eq!(sandbox.effective_charges("o-1").await, 1);
}

#[tokio::test]
async fn a_stored_500_comes_back_until_another_key_is_used() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_error_500", "automatic").await;
    for _ in 0..3 {
        let failed = sandbox.post_keyed("k-1", &confirm(&id), &[]).await;
        assert_eq!((failed.status, &failed.body["error"]["type"]), (500, &"api_error".into()));
    }
    let sandbox = sandbox.restart();
    assert_eq!(sandbox.post_keyed("k-1", &confirm(&id), &[]).await.status, 500);
    assert_eq!(sandbox.status_of(&id).await, "requires_confirmation");
    assert_eq!(sandbox.post_keyed("k-2", &confirm(&id), &[]).await.body["status"], "succeeded");
    assert_eq!(sandbox.effective_charges("o-1").await, 1);
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict_until_its_caller_hangs_up() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("tok_hang", "automatic").await;
    let request = || keyed("k-1", post(&confirm(&id), &[]));
    let conflict = sandbox.unanswered(request(), sandbox.send(request())).await;
    assert_eq!((conflict.status, &conflict.body["error"]["code"]), (409, &"idempotency_key_in_use".into()));
    // The first caller has hung up, so the key is free, and hangs again.
    sandbox.unanswered(request(), async {}).await;
    assert_eq!(sandbox.status_of(&id).await, "requires_confirmation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_under_one_key_one_is_done() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "automatic").await;
    let path = confirm(&id);
    let answers = join_all((0..50).map(|_| sandbox.post_keyed("k-1", &path, &[]))).await;
    let succeeded: Vec<_> = answers.iter().filter(|it| it.status == 200).collect();
    assert!(answers.iter().all(|it| it.status == 200 || it.status == 409));
    assert!(succeeded.iter().all(|it| it.body == succeeded[0].body));
    assert_eq!(succeeded.iter().filter(|it| !it.headers.contains_key("idempotent-replayed")).count(), 1);
    assert_eq!(sandbox.happened().await, ["created", "charged"]);
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day() {
    let sandbox = Sandbox::start();
    let parameters = intent("o-1", "pm_card_visa", "automatic");
    let first = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    sandbox.pass(TimeDelta::hours(23));
    let sandbox = sandbox.restart();
    let within = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    assert_eq!(within.body, first.body);
    sandbox.pass(TimeDelta::hours(1));
    let later = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    assert_ne!(later.body["id"], first.body["id"]);
    let again = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    assert_eq!(again.body["id"], later.body["id"]);
}

#[tokio::test]
async fn keys_can_be_pruned_and_stay_so() {
    let sandbox = Sandbox::start();
    let parameters = intent("o-1", "pm_card_visa", "automatic");
    let first = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    sandbox.pass(TimeDelta::minutes(10));
    let second = sandbox.post_keyed("k-2", "/v1/payment_intents", &parameters).await;
    let pruned = sandbox.post("/_sandbox/idempotency_keys/prune?older_than_seconds=60", &[]).await;
    assert_eq!((&pruned.body["kept_before"], &pruned.body["kept"]), (&2.into(), &1.into()));
    let sandbox = sandbox.restart();
    let kept = sandbox.post_keyed("k-2", "/v1/payment_intents", &parameters).await;
    assert_eq!(kept.body["id"], second.body["id"]);
    let forgotten = sandbox.post_keyed("k-1", "/v1/payment_intents", &parameters).await;
    assert_ne!(forgotten.body["id"], first.body["id"]);
}
