//! Webhooks: what they say, how they are signed, and that they are sent until they are taken.

use aws_lc_rs::hmac;
use card_sandbox::config::Webhook;
use chrono::TimeDelta;

use crate::harness::{Sandbox, cancel, capture, confirm, control, post};
use crate::receiver::{Receiver, SECRET};

async fn telling(answers: &[u16]) -> (Receiver, Sandbox) {
    let receiver = Receiver::start(answers).await;
    let sandbox = Sandbox::telling(receiver.webhook());
    (receiver, sandbox)
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_time_and_its_very_bytes() {
    let (receiver, sandbox) = telling(&[]).await;
    let id = sandbox.created("pm_card_visa", "automatic").await;
    let charged = sandbox.post(&confirm(&id), &[]).await;
    let taken = receiver.after(1).await.remove(0);
    let (time, code) = taken.signature.split_once(",v1=").unwrap();
    assert_eq!(time, "t=1795348800");
    let signed = [b"1795348800.", taken.body.as_slice()].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    assert!(hmac::verify(&key, &signed, &hex::decode(code).unwrap()).is_ok());

    let event = taken.event;
    assert!(event["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!((&event["object"], &event["type"]), (&"event".into(), &"payment_intent.succeeded".into()));
    assert_eq!(event["created"], 1_795_348_800);
    assert_eq!(event["data"]["object"], charged.body);
}

#[tokio::test]
async fn every_change_is_told_by_its_name() {
    let (receiver, sandbox) = telling(&[]).await;
    let paid = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post(&confirm(&paid), &[]).await;
    let refund = sandbox.post("/v1/refunds", &[("payment_intent", &paid), ("amount", "9")]).await.body;
    let refund = refund["id"].as_str().unwrap();
    sandbox.post(&format!("/_sandbox/refunds/{refund}/fail"), &[]).await;
    let dispute = sandbox.post(&control(&paid, "dispute"), &[]).await.body;
    let dispute = dispute["id"].as_str().unwrap();
    sandbox.post(&format!("/_sandbox/disputes/{dispute}/close?outcome=won"), &[]).await;
    let held = sandbox.created("pm_card_visa", "manual").await;
    sandbox.post(&confirm(&held), &[]).await;
    sandbox.post(&capture(&held), &[]).await;
    let lapsed = sandbox.created("pm_card_visa", "manual").await;
    sandbox.post(&confirm(&lapsed), &[]).await;
    sandbox.post(&control(&lapsed, "lapse"), &[]).await;
    for card in ["pm_card_chargeDeclined", "pm_card_authenticationRequired", "pm_processing"] {
        let id = sandbox.created(card, "automatic").await;
        sandbox.post(&confirm(&id), &[]).await;
    }
    insta::assert_snapshot!(receiver.types(13).await.join("\n"), @"
    charge.dispute.closed
    charge.dispute.created
    payment_intent.amount_capturable_updated
    payment_intent.amount_capturable_updated
    payment_intent.canceled
    payment_intent.payment_failed
    payment_intent.processing
    payment_intent.requires_action
    payment_intent.succeeded
    payment_intent.succeeded
    refund.created
    refund.failed
    refund.updated
    ");
}

#[tokio::test]
async fn a_webhook_is_sent_until_it_is_taken_and_each_attempt_is_in_the_log() {
    let (receiver, sandbox) = telling(&[500, 404, 302]).await;
    let id = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    let taken = receiver.after(4).await;
    assert!(taken.iter().all(|it| it.event == taken[0].event), "the same event each time");
    let of_webhooks = || async {
        let log = sandbox.log().await;
        let entries = log.iter().flat_map(|record| record["entries"].as_array().unwrap().clone());
        let said = entries.filter_map(|entry| match entry["type"].as_str().unwrap() {
            "announced" => Some("announced".to_owned()),
            "webhook_sent" => Some(format!("sent {}", entry["attempt"])),
            "webhook_answered" => Some(format!("answered {}", entry["status"])),
            _other => None,
        });
        said.collect::<Vec<_>>()
    };
    while of_webhooks().await.len() < 9 {}
    let expected =
        "announced, sent 1, answered 500, sent 2, answered 404, sent 3, answered 302, sent 4, answered 200";
    assert_eq!(of_webhooks().await.join(", "), expected);
    let answered = sandbox.get("/_sandbox/log?order_id=o-1").await.body;
    assert_eq!(answered.as_str().unwrap().lines().count(), 10, "all of it belongs to the order");
}

#[tokio::test]
async fn what_nobody_took_is_sent_again_after_a_restart_and_signed_anew() {
    let receiver = Receiver::start(&[]).await;
    let nobody =
        receiver.webhook().map(|webhook| Webhook { url: "http://127.0.0.1:1".to_owned(), ..webhook });
    let sandbox = Sandbox::telling(nobody);
    let id = sandbox.created("pm_card_visa", "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    while !sandbox.happened().await.iter().any(|it| it == "webhook_answered") {}
    sandbox.pass(TimeDelta::hours(1));
    let sandbox = sandbox.restart_telling(receiver.webhook()).await;
    let taken = receiver.after(1).await.remove(0);
    assert_eq!(taken.event["data"]["object"]["id"], id.as_str());
    assert!(taken.signature.starts_with("t=1795352400,"), "{}", taken.signature);
    while sandbox.app.till.read(|book| book.outstanding().count()).await.unwrap() > 0 {}
}

#[tokio::test]
async fn an_early_webhook_has_arrived_before_the_call_is_answered() {
    let (receiver, sandbox) = telling(&[]).await;
    let id = sandbox.created("pm_webhook_early", "automatic").await;
    let charged = sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(receiver.so_far()[0].event["data"]["object"], charged.body);
}

#[tokio::test]
async fn a_webhook_may_come_twice_late_or_never() {
    let (receiver, sandbox) = telling(&[]).await;
    let twice = sandbox.created("pm_webhook_twice", "automatic").await;
    sandbox.post(&confirm(&twice), &[]).await;
    let taken = receiver.after(2).await;
    assert_eq!(taken[0].event["id"], taken[1].event["id"]);

    let never = sandbox.created("pm_webhook_never", "automatic").await;
    sandbox.post(&confirm(&never), &[]).await;
    let late = sandbox.created("pm_webhook_late", "automatic").await;
    sandbox.post(&confirm(&late), &[]).await;
    sandbox.post("/v1/refunds", &[("payment_intent", &never)]).await;
    let taken = receiver.after(3).await;
    assert_eq!(taken[2].event["data"]["object"]["id"], late.as_str());
    while sandbox.app.till.read(|book| book.outstanding().count()).await.unwrap() > 0 {}
    assert_eq!(receiver.so_far().len(), 3);
    assert_eq!(sandbox.status_of(&never).await, "succeeded");
}

#[tokio::test]
async fn a_charge_that_is_not_answered_is_told_all_the_same() {
    let (receiver, sandbox) = telling(&[]).await;
    let id = sandbox.created("pm_charge_no_answer", "automatic").await;
    tokio::select! {
        answered = sandbox.send(post(&confirm(&id), &[])) => panic!("answered: {answered:?}"),
        taken = receiver.after(1) => assert_eq!(taken[0].event["data"]["object"]["status"], "succeeded"),
    }
}

#[tokio::test]
async fn nothing_is_announced_where_nobody_listens() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_webhook_twice", "manual").await;
    sandbox.post(&confirm(&id), &[]).await;
    sandbox.post(&cancel(&id), &[]).await;
    assert_eq!(sandbox.happened().await, ["created", "authorized", "canceled"]);
}
