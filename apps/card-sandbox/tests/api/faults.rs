//! What each kind of test card brings upon its user.

use card_sandbox::domain::card::Token;

use crate::harness::{Sandbox, cancel, capture, confirm, intent, keyed, post};

#[tokio::test]
async fn a_request_that_hangs_once_does_nothing_and_works_the_next_time() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_hang_once", "automatic").await;
    let request = || keyed("k-1", post(&confirm(&id), &[]));
    sandbox.unanswered(request(), async {}).await;
    assert_eq!(sandbox.status_of(&id).await, "requires_confirmation");
    let sandbox = sandbox.restart();
    assert_eq!(sandbox.send(request()).await.body["status"], "succeeded");
}

#[tokio::test]
async fn an_intent_that_hangs_can_still_be_canceled() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("tok_hang", "automatic").await;
    sandbox.unanswered(post(&confirm(&id), &[]), async {}).await;
    assert_eq!(sandbox.post(&cancel(&id), &[]).await.body["status"], "canceled");
}

#[tokio::test]
async fn a_charge_without_an_answer_is_seen_by_reading_and_by_its_key() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_charge_no_answer", "automatic").await;
    let request = || keyed("k-1", post(&confirm(&id), &[]));
    let seen = sandbox.unanswered(request(), sandbox.status_of(&id)).await;
    assert_eq!(seen, "succeeded");
    let sandbox = sandbox.restart();
    assert_eq!(sandbox.status_of(&id).await, "succeeded");
    let again = sandbox.send(request()).await;
    assert_eq!((again.status, &again.body["status"]), (200, &"succeeded".into()));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(sandbox.effective_charges("o-1").await, 1);
}

#[tokio::test]
async fn a_charge_may_end_in_a_hang_up_or_a_500() {
    let sandbox = Sandbox::start();
    let hung_up = sandbox.created("pm_charge_hang_up", "automatic").await;
    assert!(sandbox.hangs_up(post(&confirm(&hung_up), &[])).await);
    assert_eq!(sandbox.status_of(&hung_up).await, "succeeded");

    let failed = sandbox.created("pm_charge_500", "automatic").await;
    for _ in 0..2 {
        assert_eq!(sandbox.post_keyed("k-1", &confirm(&failed), &[]).await.status, 500);
    }
    assert_eq!(sandbox.status_of(&failed).await, "succeeded");
    let other_key = sandbox.post_keyed("k-2", &confirm(&failed), &[]).await;
    assert_eq!(other_key.body["error"]["code"], "payment_intent_unexpected_state");
    assert_eq!(sandbox.effective_charges("o-1").await, 2, "two intents, one charge each");
}

#[tokio::test]
async fn a_hang_up_before_anything_was_done_works_the_next_time() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_hang_up_once", "manual").await;
    assert!(sandbox.hangs_up(keyed("k-1", post(&confirm(&id), &[]))).await);
    assert_eq!(sandbox.post_keyed("k-1", &confirm(&id), &[]).await.body["status"], "requires_capture");
}

#[tokio::test]
async fn a_500_for_every_key_never_charges() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_error_500_always", "automatic").await;
    for key in ["k-1", "k-2", "k-3"] {
        assert_eq!(sandbox.post_keyed(key, &confirm(&id), &[]).await.status, 500);
    }
    assert_eq!(sandbox.status_of(&id).await, "requires_confirmation");
}

#[tokio::test]
async fn a_late_request_arrives_after_its_caller_has_gone() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_charge_late", "automatic").await;
    sandbox.unanswered(keyed("k-1", post(&confirm(&id), &[])), async {}).await;
    while sandbox.status_of(&id).await != "succeeded" {}
    assert_eq!(sandbox.happened().await, ["created", "faulted", "charged"]);
}

#[tokio::test]
async fn a_late_request_comes_too_late_for_a_canceled_intent() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_charge_late", "automatic").await;
    let request = || keyed("k-1", post(&confirm(&id), &[]));
    sandbox.unanswered(request(), sandbox.post(&cancel(&id), &[])).await;
    while sandbox.happened().await.last().map(String::as_str) != Some("refused") {}
    assert_eq!(sandbox.status_of(&id).await, "canceled");
    assert_eq!(sandbox.effective_charges("o-1").await, 0);
}

#[tokio::test]
async fn creating_may_fail_or_go_unanswered_once_for_each_order() {
    let sandbox = Sandbox::start();
    let path = "/v1/payment_intents";
    for order in ["o-1", "o-2"] {
        let parameters = intent(order, "pm_create_500", "automatic");
        assert_eq!(sandbox.post_keyed(&format!("{order}-1"), path, &parameters).await.status, 500);
        assert_eq!(sandbox.post_keyed(&format!("{order}-1"), path, &parameters).await.status, 500);
        assert_eq!(sandbox.post_keyed(&format!("{order}-2"), path, &parameters).await.status, 200);
    }
    let parameters = intent("o-3", "pm_create_no_answer", "automatic");
    let listed = async { sandbox.get(path).await.body["data"][0]["id"].clone() };
    let stray = sandbox.unanswered(keyed("k-3", post(path, &parameters)), listed).await;
    assert_eq!(sandbox.post_keyed("k-3", path, &parameters).await.body["id"], stray);
}

#[tokio::test]
async fn capture_cancel_and_refund_have_faults_of_their_own() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_capture_no_answer", "manual").await;
    sandbox.post(&confirm(&id), &[]).await;
    let seen = sandbox.unanswered(post(&capture(&id), &[]), sandbox.status_of(&id)).await;
    assert_eq!(seen, "succeeded");

    let id = sandbox.created("pm_capture_500", "manual").await;
    sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(sandbox.post(&capture(&id), &[]).await.status, 500);
    assert_eq!(sandbox.status_of(&id).await, "requires_capture");
    assert_eq!(sandbox.post(&capture(&id), &[]).await.status, 200);

    let id = sandbox.created("pm_cancel_no_answer", "manual").await;
    let seen = sandbox.unanswered(post(&cancel(&id), &[]), sandbox.status_of(&id)).await;
    assert_eq!(seen, "canceled");

    let id = sandbox.created("pm_refund_no_answer", "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    let refund = [("payment_intent", id.as_str()), ("amount", "5")];
    let listed = sandbox.get("/v1/refunds");
    let seen = sandbox.unanswered(keyed("r-1", post("/v1/refunds", &refund)), listed).await;
    assert_eq!(seen.body["data"][0]["amount"], 5);
    let again = sandbox.post_keyed("r-1", "/v1/refunds", &refund).await;
    assert_eq!(again.body["id"], seen.body["data"][0]["id"]);
}

#[tokio::test]
async fn a_stop_ends_those_who_wait() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("tok_hang", "automatic").await;
    sandbox.app.stop();
    assert!(sandbox.hangs_up(post(&confirm(&id), &[])).await);
}

#[test]
fn the_readme_names_every_card() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let missing: Vec<_> =
        Token::all().filter(|card| !readme.contains(&format!("`{}`", card.name()))).collect();
    assert!(missing.is_empty(), "not in the README: {missing:?}");
}
