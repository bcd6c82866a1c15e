//! Refunds: in full, in parts, and never beyond what was captured.

use crate::harness::{Sandbox, capture, confirm};

#[tokio::test]
async fn parts_add_up_to_what_was_captured_and_no_further() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "manual").await;
    sandbox.post(&confirm(&id), &[]).await;
    sandbox.post(&capture(&id), &[("amount_to_capture", "1000")]).await;

    let part = [("payment_intent", id.as_str()), ("amount", "400"), ("metadata[cause]", "cancellation-1")];
    let refund = sandbox.post("/v1/refunds", &part).await;
    assert_eq!((refund.status, &refund.body["status"]), (200, &"succeeded".into()));
    assert_eq!(refund.body["metadata"]["cause"], "cancellation-1");

    let beyond = sandbox.post("/v1/refunds", &[("payment_intent", &id), ("amount", "601")]).await;
    assert_eq!((beyond.status, &beyond.body["error"]["param"]), (400, &"amount".into()));

    let rest = sandbox.post("/v1/refunds", &[("payment_intent", &id), ("reason", "duplicate")]).await.body;
    assert_eq!((&rest["amount"], &rest["reason"]), (&600.into(), &"duplicate".into()));

    let nothing_left = sandbox.post("/v1/refunds", &[("payment_intent", &id)]).await;
    assert_eq!(nothing_left.body["error"]["code"], "charge_already_refunded");

    let listed = sandbox.get(&format!("/v1/refunds?payment_intent={id}")).await.body;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert_eq!(listed["data"][1], refund.body);
    let one = sandbox.get(&format!("/v1/refunds/{}", refund.body["id"].as_str().unwrap())).await;
    assert_eq!(one.body, refund.body);
    let summary = sandbox.get("/_sandbox/summary?order_id=o-1").await.body;
    assert_eq!(summary["orders"]["o-1"]["captured"]["gbp"], 1000);
    assert_eq!(summary["orders"]["o-1"]["refunded"]["gbp"], 1000);
    assert_eq!(summary["orders"]["o-1"]["refunds"], 2);
    assert_eq!(summary["orders"]["o-1"]["effective_charges"], 1);
}

#[tokio::test]
async fn what_was_not_captured_cannot_be_refunded() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "manual").await;
    let refund = [("payment_intent", id.as_str())];
    assert_eq!(sandbox.post("/v1/refunds", &refund).await.status, 400);
    sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(sandbox.post("/v1/refunds", &refund).await.status, 400);
    assert_eq!(sandbox.happened().await, ["created", "refused", "authorized", "refused"]);
}

#[tokio::test]
async fn bad_refunds_are_refused_by_name() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("amount", "1")], "payment_intent"),
        (&[("payment_intent", "pi_none")], "payment_intent"),
        (&[("payment_intent", &id), ("amount", "0")], "amount"),
        (&[("payment_intent", &id), ("reason", "mood")], "reason"),
        (&[("payment_intent", &id), ("charge", "ch_1")], "charge"),
    ];
    for (parameters, named) in cases {
        let refused = sandbox.post("/v1/refunds", parameters).await;
        assert_eq!((refused.status, &refused.body["error"]["param"]), (400, &named.into()), "{parameters:?}");
    }
    assert_eq!(sandbox.get("/v1/refunds/re_none").await.status, 404);
    assert_eq!(sandbox.get("/v1/refunds?payment_intent=pi_none").await.status, 400);
    assert_eq!(sandbox.happened().await, ["created", "charged"]);
}
