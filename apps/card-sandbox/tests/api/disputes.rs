//! Disputes, refunds that fail, captures that are declined, authorisations that lapse.

use crate::harness::{Sandbox, capture, confirm, control};

async fn charged(sandbox: &Sandbox, card: &str) -> String {
    let id = sandbox.created(card, "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    id
}

#[tokio::test]
async fn a_disputed_charge_is_not_refunded_until_the_dispute_is_won() {
    let sandbox = Sandbox::start();
    let id = charged(&sandbox, "pm_card_visa").await;
    let opened = sandbox.post(&control(&id, "dispute"), &[]).await;
    assert_eq!((opened.status, &opened.body["status"]), (200, &"needs_response".into()));
    assert_eq!((&opened.body["amount"], &opened.body["payment_intent"]), (&1999.into(), &id.as_str().into()));
    assert_eq!(sandbox.post(&control(&id, "dispute"), &[]).await.status, 400, "one for each charge");

    let refund = [("payment_intent", id.as_str()), ("amount", "5")];
    let refused = sandbox.post("/v1/refunds", &refund).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &"charge_disputed".into()));

    let dispute = opened.body["id"].as_str().unwrap();
    let path = format!("/_sandbox/disputes/{dispute}/close?outcome=won");
    assert_eq!(sandbox.post(&path, &[]).await.body["status"], "won");
    assert_eq!(sandbox.post(&path, &[]).await.status, 400, "it is closed");
    assert_eq!(sandbox.post("/v1/refunds", &refund).await.status, 200);
    let sandbox = sandbox.restart();
    assert_eq!(sandbox.get(&format!("/v1/disputes/{dispute}")).await.body["status"], "won");
    let listed = sandbox.get(&format!("/v1/disputes?payment_intent={id}")).await.body;
    assert_eq!(listed["data"][0]["id"], dispute);
    assert_eq!(sandbox.get("/_sandbox/summary?order_id=o-1").await.body["total"]["disputes"], 1);
}

#[tokio::test]
async fn a_dispute_that_the_shop_gives_in_to_is_lost() {
    let sandbox = Sandbox::start();
    let id = charged(&sandbox, "pm_card_visa").await;
    let dispute = sandbox.post(&control(&id, "dispute"), &[]).await.body["id"].clone();
    let path = format!("/v1/disputes/{}/close", dispute.as_str().unwrap());
    let closed = sandbox.post_keyed("k-1", &path, &[]).await;
    assert_eq!((closed.status, &closed.body["status"]), (200, &"lost".into()));
    assert_eq!(sandbox.post_keyed("k-1", &path, &[]).await.headers["idempotent-replayed"], "true");
    assert_eq!(sandbox.post_keyed("k-2", &path, &[]).await.status, 400);
    let refused = sandbox.post("/v1/refunds", &[("payment_intent", &id)]).await;
    assert_eq!(refused.body["error"]["code"], "charge_disputed");
    for path in ["/v1/disputes/dp_none", "/v1/refunds/re_none"] {
        assert_eq!(sandbox.get(path).await.status, 404, "{path}");
    }
    assert_eq!(sandbox.post("/v1/disputes/dp_none/close", &[]).await.status, 404);
    assert_eq!(sandbox.post(&control("pi_none", "dispute"), &[]).await.status, 404);
    let open = sandbox.created("pm_card_visa", "automatic").await;
    assert_eq!(sandbox.post(&control(&open, "dispute"), &[]).await.status, 400, "nothing was charged");
}

#[tokio::test]
async fn the_first_refund_comes_to_nothing_and_the_next_one_holds() {
    let sandbox = Sandbox::start();
    let id = charged(&sandbox, "pm_refund_fails_later").await;
    let refund = [("payment_intent", id.as_str()), ("amount", "1999")];
    let made = sandbox.post("/v1/refunds", &refund).await;
    assert_eq!((made.status, &made.body["status"]), (200, &"succeeded".into()));
    let first = format!("/v1/refunds/{}", made.body["id"].as_str().unwrap());
    while sandbox.get(&first).await.body["status"] != "failed" {}
    assert_eq!(sandbox.get(&first).await.body["failure_reason"], "lost_or_stolen_card");
    assert_eq!(sandbox.get("/_sandbox/summary").await.body["total"]["refunded"]["gbp"], 0);

    assert_eq!(sandbox.post("/v1/refunds", &refund).await.status, 200);
    let sandbox = sandbox.restart();
    assert_eq!(sandbox.app.till.read(|book| book.refunds_to_fail().count()).await.unwrap(), 0);
    let total = sandbox.get("/_sandbox/summary").await.body["total"].clone();
    assert_eq!((&total["refunds"], &total["failed_refunds"]), (&1.into(), &1.into()));
    assert_eq!(total["refunded"]["gbp"], 1999);
}

#[tokio::test]
async fn a_refund_that_was_to_fail_fails_after_a_restart_too() {
    let sandbox = Sandbox::start();
    let id = charged(&sandbox, "pm_refund_fails_later").await;
    sandbox.post("/v1/refunds", &[("payment_intent", &id)]).await;
    let sandbox = sandbox.restart_telling(None).await;
    while sandbox.happened().await.last().map(String::as_str) != Some("refund_failed") {}
}

#[tokio::test]
async fn a_refund_may_be_refused_at_once() {
    let sandbox = Sandbox::start();
    for (card, next) in [("pm_refund_refused", 400), ("pm_refund_refused_once", 200)] {
        let id = charged(&sandbox, card).await;
        let refund = [("payment_intent", id.as_str())];
        for _ in 0..2 {
            let refused = sandbox.post_keyed(card, "/v1/refunds", &refund).await;
            assert_eq!(
                (refused.status, &refused.body["error"]["code"]),
                (400, &"balance_insufficient".into())
            );
        }
        assert_eq!(sandbox.post("/v1/refunds", &refund).await.status, next, "{card}");
    }
}

#[tokio::test]
async fn a_capture_may_be_declined_and_the_authorisation_stays() {
    let sandbox = Sandbox::start();
    for (card, next) in [("pm_capture_declined", 200), ("pm_capture_declined_always", 402)] {
        let id = sandbox.created(card, "manual").await;
        sandbox.post(&confirm(&id), &[]).await;
        let declined = sandbox.post(&capture(&id), &[]).await;
        assert_eq!((declined.status, &declined.body["error"]["code"]), (402, &"card_declined".into()));
        assert_eq!(sandbox.status_of(&id).await, "requires_capture");
        assert_eq!(sandbox.post(&capture(&id), &[]).await.status, next, "{card}");
    }
}

#[tokio::test]
async fn an_authorisation_that_lapsed_cannot_be_captured() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "manual").await;
    assert_eq!(sandbox.post(&control(&id, "lapse"), &[]).await.status, 400, "nothing is held");
    sandbox.post(&confirm(&id), &[]).await;
    let lapsed = sandbox.post(&control(&id, "lapse"), &[]).await.body;
    assert_eq!(
        (&lapsed["status"], &lapsed["cancellation_reason"]),
        (&"canceled".into(), &"automatic".into())
    );
    let refused = sandbox.post(&capture(&id), &[]).await;
    assert_eq!(refused.body["error"]["code"], "payment_intent_unexpected_state");
    let path = format!("/v1/payment_intents/{id}/cancel");
    let claimed = sandbox.post(&path, &[("cancellation_reason", "automatic")]).await;
    assert_eq!(claimed.body["error"]["param"], "cancellation_reason", "nobody but the bank says so");
}
