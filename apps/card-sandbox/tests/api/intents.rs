//! Creating, reading, confirming, capturing and cancelling; and what is refused before anything is done.

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;

use crate::harness::{API_KEY, Sandbox, cancel, capture, confirm, get, intent, post};

#[tokio::test]
async fn an_approved_card_is_charged_once_confirmed() {
    let sandbox = Sandbox::start();
    let created = sandbox.post("/v1/payment_intents", &intent("o-1", "pm_card_visa", "automatic")).await;
    assert_eq!(created.body["status"], "requires_confirmation");
    assert_eq!(created.body["metadata"]["order_id"], "o-1");
    assert_eq!(created.headers["stripe-version"], "2026-09-30.endive");
    assert!(created.headers["request-id"].to_str().unwrap().starts_with("req_"));
    let id = created.body["id"].as_str().unwrap();
    assert_eq!(sandbox.effective_charges("o-1").await, 0);

    let confirmed = sandbox.post(&confirm(id), &[]).await;
    assert_eq!(confirmed.status, 200);
    assert_eq!(confirmed.body["status"], "succeeded");
    assert_eq!(confirmed.body["amount_received"], 1999);
    assert!(confirmed.body["latest_charge"].as_str().unwrap().starts_with("ch_"));
    assert_eq!(sandbox.get(&format!("/v1/payment_intents/{id}")).await.body, confirmed.body);
    assert_eq!(sandbox.effective_charges("o-1").await, 1);
    assert_eq!(sandbox.happened().await, ["created", "charged"]);
}

#[tokio::test]
async fn manual_capture_holds_first_and_may_take_less() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "manual").await;
    let held = sandbox.post(&confirm(&id), &[]).await.body;
    assert_eq!(held["status"], "requires_capture");
    assert_eq!((&held["amount_capturable"], &held["amount_received"]), (&1999.into(), &0.into()));

    let too_much = sandbox.post(&capture(&id), &[("amount_to_capture", "2000")]).await;
    assert_eq!((too_much.status, &too_much.body["error"]["code"]), (400, &"amount_too_large".into()));

    let taken = sandbox.post(&capture(&id), &[("amount_to_capture", "1500")]).await.body;
    assert_eq!(taken["status"], "succeeded");
    assert_eq!((&taken["amount_capturable"], &taken["amount_received"]), (&0.into(), &1500.into()));

    let again = sandbox.post(&capture(&id), &[]).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.body["error"]["type"], "invalid_request_error");
    assert_eq!(again.body["error"]["code"], "payment_intent_unexpected_state");
    assert_eq!(again.body["error"]["payment_intent"]["status"], "succeeded");
}

#[tokio::test]
async fn a_canceled_intent_is_never_charged() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_visa", "automatic").await;
    let canceled = sandbox.post(&cancel(&id), &[("cancellation_reason", "requested_by_customer")]).await.body;
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["cancellation_reason"], "requested_by_customer");
    assert_eq!(canceled["canceled_at"], 1_795_348_800);
    for path in [confirm(&id), cancel(&id), capture(&id)] {
        let refused = sandbox.post(&path, &[]).await;
        assert_eq!(refused.body["error"]["code"], "payment_intent_unexpected_state", "{path}");
    }
    assert_eq!(sandbox.effective_charges("o-1").await, 0);
}

#[tokio::test]
async fn a_declined_card_leaves_the_intent_open_for_another() {
    let sandbox = Sandbox::start();
    let id = sandbox.created("pm_card_insufficientFunds", "automatic").await;
    let declined = sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(declined.status, 402);
    let error = &declined.body["error"];
    assert_eq!(error["type"], "card_error");
    assert_eq!(error["code"], "card_declined");
    assert_eq!(error["decline_code"], "insufficient_funds");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    assert_eq!(error["payment_intent"]["last_payment_error"]["decline_code"], "insufficient_funds");
    assert!(error["payment_intent"]["payment_method"].is_null());

    let without_card = sandbox.post(&confirm(&id), &[]).await;
    assert_eq!(without_card.body["error"]["code"], "payment_intent_unexpected_state");
    let with_card = sandbox.post(&confirm(&id), &[("payment_method", "pm_card_visa")]).await;
    assert_eq!(with_card.body["status"], "succeeded");
    assert!(with_card.body["last_payment_error"].is_null());
}

#[tokio::test]
async fn the_customers_step_and_a_slow_bank_are_ended_from_outside() {
    let sandbox = Sandbox::start();
    let cases = [
        ("pm_card_authenticationRequired", "requires_action", "approved", "succeeded"),
        ("pm_card_authenticationRequired", "requires_action", "declined", "requires_payment_method"),
        ("pm_processing", "processing", "approved", "succeeded"),
        ("pm_processing", "processing", "declined", "requires_payment_method"),
    ];
    for (card, waiting, outcome, end) in cases {
        let id = sandbox.created(card, "automatic").await;
        let confirmed = sandbox.post(&confirm(&id), &[]).await;
        assert_eq!((confirmed.status, &confirmed.body["status"]), (200, &waiting.into()));
        let path = format!("/_sandbox/payment_intents/{id}/resolve?outcome={outcome}");
        assert_eq!(sandbox.post(&path, &[]).await.body["status"], end, "{card} {outcome}");
        assert_eq!(sandbox.post(&path, &[]).await.status, 400, "it waits no more");
    }
}

#[tokio::test]
async fn bad_parameters_are_refused_by_name_and_change_nothing() {
    let sandbox = Sandbox::start();
    let cases = [
        ("currency=gbp", "amount", "parameter_missing"),
        ("amount=5", "currency", "parameter_missing"),
        ("amount=0&currency=gbp", "amount", "parameter_invalid_integer"),
        ("amount=-1&currency=gbp", "amount", "parameter_invalid_integer"),
        ("amount=1.5&currency=gbp", "amount", "parameter_invalid_integer"),
        ("amount=100000000&currency=gbp", "amount", "amount_too_large"),
        ("amount=99999999999999999999&currency=gbp", "amount", "parameter_invalid_integer"),
        ("amount=&currency=gbp", "amount", "parameter_invalid_empty"),
        ("amount=5&currency=xau", "currency", ""),
        ("amount=5&currency=gbp&capture_method=later", "capture_method", ""),
        ("amount=5&currency=gbp&amuont=5", "amuont", "parameter_unknown"),
        ("amount=5&currency=gbp&confirm=true", "confirm", ""),
        ("amount=5&currency=gbp&payment_method=pm_x", "payment_method", "resource_missing"),
    ];
    for (parameters, named, code) in cases {
        let parameters: Vec<_> = parameters.split('&').filter_map(|it| it.split_once('=')).collect();
        let refused = sandbox.post("/v1/payment_intents", &parameters).await;
        let error = &refused.body["error"];
        assert_eq!(refused.status, 400, "{parameters:?}");
        assert_eq!(error["type"], "invalid_request_error", "{parameters:?}");
        assert_eq!(error["param"], named, "{parameters:?}");
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{parameters:?}");
    }
    let long = "x".repeat(501);
    let metadata = [("amount", "5"), ("currency", "gbp"), ("metadata[order_id]", long.as_str())];
    assert_eq!(sandbox.post("/v1/payment_intents", &metadata).await.body["error"]["param"], "metadata");
    assert!(sandbox.log().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_refused() {
    let sandbox = Sandbox::start();
    let mut json = post("/v1/payment_intents", &intent("o-1", "pm_card_visa", "automatic"));
    json.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(sandbox.send(json).await.status, 400);

    let large = "x".repeat(70_000);
    assert_eq!(sandbox.post("/v1/payment_intents", &[("metadata[a]", &large)]).await.status, 400);

    assert_eq!(sandbox.get("/v1/payment_intents/pi_none").await.body["error"]["code"], "resource_missing");
    assert_eq!(sandbox.post(&confirm("pi_none"), &[]).await.status, 404);
    assert_eq!(sandbox.get("/v1/charges").await.status, 404);
    assert_eq!(sandbox.post("/v1/payment_intents/pi_none", &[]).await.status, 404);
    assert!(sandbox.log().await.is_empty());
}

#[tokio::test]
async fn every_call_needs_the_key() {
    let sandbox = Sandbox::start();
    for path in ["/v1/payment_intents", "/v1/payment_intents/pi_none", "/v1/refunds", "/v1/refunds/re_none"] {
        for given in [None, Some("Bearer wrong".to_owned()), Some(format!("Basic {API_KEY}"))] {
            let mut request = get(path);
            request.headers_mut().remove("authorization");
            if let Some(given) = &given {
                request.headers_mut().insert("authorization", given.parse().unwrap());
            }
            let refused = sandbox.send(request).await;
            assert_eq!(refused.status, 401, "{path} {given:?}");
            assert!(!refused.body.to_string().contains(API_KEY));
        }
    }
    let health = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(sandbox.send(health).await.status, 200);
}

#[tokio::test]
async fn lists_are_newest_first_by_pages() {
    let sandbox = Sandbox::start();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(sandbox.created("pm_card_visa", "automatic").await);
        sandbox.pass(TimeDelta::seconds(10));
    }
    made.reverse();
    let list = |query: String| {
        let sandbox = &sandbox;
        async move {
            let body = sandbox.get(&format!("/v1/payment_intents?{query}")).await.body;
            let ids = body["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned());
            (ids.collect::<Vec<_>>(), body["has_more"].as_bool().unwrap())
        }
    };
    assert_eq!(list(String::new()).await, (made.clone(), false));
    assert_eq!(list("limit=2".to_owned()).await, (made[..2].to_vec(), true));
    assert_eq!(list(format!("limit=3&starting_after={}", made[1])).await, (made[2..].to_vec(), false));
    assert_eq!(list("created[gte]=1795348830".to_owned()).await, (made[..2].to_vec(), false));
    assert_eq!(list("created[gt]=1795348800&created[lt]=1795348820".to_owned()).await.0, made[3..4]);
    for query in ["limit=0", "limit=101", "starting_after=pi_none", "order=asc", "created[gte]=x"] {
        assert_eq!(sandbox.get(&format!("/v1/payment_intents?{query}")).await.status, 400, "{query}");
    }
}
