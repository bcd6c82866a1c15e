//! What was revoked is refused, staff wait when that is not known, machines show keys, and the audit log hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use contracts::identity::{AuditResult, ExchangeApiKey, RecordAudit, Revocation, Revocations};
use contracts::{Operation, UserId};
use gateway::jobs::revocations::hear;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::rig::{Gateway, eventually, problem};

const KEY: &str = "cwk_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// The feed as `user` would tell it.
fn feed(gateway: &Gateway, parts: Vec<Revocations>) {
    let parts: Arc<Vec<Revocations>> = Arc::new(parts);
    gateway.fake.on(Operation::ReadRevocations, move |seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let part = match asked["cursor"].as_str() {
            Some(next) if next.starts_with("part") => parts[next[4..].parse::<usize>().unwrap()].clone(),
            Some(_) | None => parts[0].clone(),
        };
        async move { axum::Json(part).into_response() }
    });
}

fn one(item: Revocation) -> Vec<Revocations> {
    vec![Revocations { items: vec![item], next: None, resume: "resume".into() }]
}

fn token(gateway: &Gateway, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = gateway.signer.claims(UserId(Uuid::from_u128(1)), "orders:read");
    change(&mut claims);
    gateway.signer.sign(&claims)
}

async fn orders(gateway: &Gateway, token: &str) -> reqwest::Response {
    gateway.get("/v1/orders").bearer_auth(token).send().await.unwrap()
}

fn lines(gateway: &Gateway) -> Vec<RecordAudit> {
    let asked = gateway.fake.asked_for(Operation::RecordAudit);
    asked.iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect()
}

#[tokio::test]
async fn a_revoked_session_key_or_generation_is_refused_and_others_go_on() {
    let gateway = Gateway::start().await;
    let (session, key) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let of_session = token(&gateway, |claims| claims["sid"] = json!(session));
    let of_key = token(&gateway, |claims| claims["key"] = json!(key));
    let other_session = token(&gateway, |claims| claims["sid"] = json!(Uuid::from_u128(9)));
    for token in [&of_session, &of_key, &other_session] {
        assert_eq!(orders(&gateway, token).await.status(), 200);
    }
    let at = Utc::now();
    for (revocation, refused) in
        [(Revocation::Session { id: session, at }, &of_session), (Revocation::Key { id: key, at }, &of_key)]
    {
        feed(&gateway, one(revocation));
        hear(&gateway.app).await.unwrap();
        let answer = orders(&gateway, refused).await;
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(problem(answer).await, (401, "revoked-token".into()));
    }
    assert_eq!(orders(&gateway, &other_session).await.status(), 200);

    let id = UserId(Uuid::from_u128(1));
    feed(&gateway, one(Revocation::User { id, generation: 1, at }));
    hear(&gateway.app).await.unwrap();
    assert_eq!(problem(orders(&gateway, &other_session).await).await, (401, "revoked-token".into()));
    let anew = token(&gateway, |claims| claims["gen"] = json!(1));
    assert_eq!(orders(&gateway, &anew).await.status(), 200);
    assert_eq!(orders(&gateway, &gateway.customer(2)).await.status(), 200, "somebody else");
    let products = gateway.get("/v1/products").bearer_auth(&of_session).send().await.unwrap();
    assert_eq!(products.status(), 200, "what needs no token goes on");
}

#[tokio::test]
async fn a_feed_in_parts_is_read_to_its_end_and_from_where_the_first_part_said() {
    let gateway = Gateway::start().await;
    let at = Utc::now();
    let part = |session: u128, next: Option<&str>, resume: &str| Revocations {
        items: vec![Revocation::Session { id: Uuid::from_u128(session), at }],
        next: next.map(str::to_owned),
        resume: resume.to_owned(),
    };
    feed(&gateway, vec![part(1, Some("part1"), "first"), part(2, None, "later")]);
    hear(&gateway.app).await.unwrap();
    for session in [1, 2] {
        let token = token(&gateway, |claims| claims["sid"] = json!(Uuid::from_u128(session)));
        assert_eq!(problem(orders(&gateway, &token).await).await, (401, "revoked-token".into()));
    }
    hear(&gateway.app).await.unwrap();
    let asked = gateway.fake.asked_for(Operation::ReadRevocations);
    let cursors: Vec<Value> = asked
        .iter()
        .map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap()["cursor"].take())
        .collect();
    assert_eq!(cursors, [json!("1"), json!("part1"), json!("first"), json!("part1")]);
}

#[tokio::test]
async fn when_the_feed_is_old_staff_wait_and_customers_go_on() {
    let gateway = Gateway::start().await;
    let old = Instant::now().checked_sub(Duration::from_secs(11)).unwrap();
    gateway.app.revocations.heard(old, "1".into(), DateTime::UNIX_EPOCH);
    for (method, path) in [(Method::GET, "/v1/stock"), (Method::POST, "/v1/products")] {
        let answer =
            gateway.request(method, path).bearer_auth(gateway.admin()).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(problem(answer).await, (503, "staff-unavailable".into()), "{path}");
    }
    assert_eq!(orders(&gateway, &gateway.customer(1)).await.status(), 200);
    assert_eq!(orders(&gateway, &gateway.admin()).await.status(), 200, "what a customer may, staff may");
    feed(&gateway, vec![Revocations::default()]);
    hear(&gateway.app).await.unwrap();
    let stock = gateway.get("/v1/stock").bearer_auth(gateway.admin()).send().await.unwrap();
    assert_eq!(stock.status(), 200);
}

#[tokio::test]
async fn a_machine_shows_its_key_and_services_see_a_token_in_its_place() {
    let gateway = Gateway::start().await;
    let exchanged = token(&gateway, |claims| claims["key"] = json!(Uuid::from_u128(8)));
    let answer = json!({"access_token": exchanged, "expires_in": 900});
    gateway.fake.on(Operation::ExchangeApiKey, move |seen| {
        let asked: ExchangeApiKey = serde_json::from_slice(&seen.body).unwrap();
        let known = asked.key == KEY;
        let answer = answer.clone();
        async move {
            if known { axum::Json(answer).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
        }
    });
    for _ in 0..5 {
        assert_eq!(orders(&gateway, KEY).await.status(), 200);
    }
    assert_eq!(gateway.fake.asked_for(Operation::ExchangeApiKey).len(), 1, "held from then on");
    let seen = gateway.fake.asked_for(Operation::ListOrders);
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {exchanged}").as_str()));

    let refused = orders(&gateway, "cwk_guessed").await;
    assert_eq!(problem(refused).await, (401, "invalid-token".into()));
    let products = gateway.get("/v1/products").bearer_auth("cwk_guessed").send().await.unwrap();
    assert_eq!(products.status(), 200);
    for seen in gateway.fake.seen().iter().filter(|seen| seen.name != "exchange_api_key") {
        assert!(!seen.header("authorization").unwrap_or_default().contains("cwk_"), "{}", seen.name);
    }

    // Its owner's roles have changed: the gateway asks again. The key is gone: so is what it held.
    let (id, at) = (UserId(Uuid::from_u128(1)), Utc::now());
    feed(&gateway, one(Revocation::User { id, generation: 1, at }));
    hear(&gateway.app).await.unwrap();
    let anew = json!({
        "access_token": token(&gateway, |claims| {
            claims["gen"] = json!(1);
            claims["key"] = json!(Uuid::from_u128(8));
        }),
        "expires_in": 900,
    });
    gateway.fake.on(Operation::ExchangeApiKey, move |_| {
        let anew = anew.clone();
        async move { axum::Json(anew).into_response() }
    });
    assert_eq!(orders(&gateway, KEY).await.status(), 200);
    feed(&gateway, one(Revocation::Key { id: Uuid::from_u128(8), at }));
    hear(&gateway.app).await.unwrap();
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::UNAUTHORIZED.into_response() });
    assert_eq!(problem(orders(&gateway, KEY).await).await, (401, "invalid-token".into()));
}

#[tokio::test]
async fn keys_are_exchanged_at_the_cost_of_the_addresss_own_share() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::UNAUTHORIZED.into_response() });
    for number in 0..20 {
        orders(&gateway, &format!("cwk_{number}")).await;
    }
    let asked = gateway.fake.asked_for(Operation::ExchangeApiKey);
    assert!(asked.iter().all(|seen| ["slot0", "slot1"].contains(&seen.slot())), "two slots and no more");
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::TOO_MANY_REQUESTS.into_response() });
    assert_eq!(problem(orders(&gateway, "cwk_21").await).await, (429, "rate-limited".into()));
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::BAD_GATEWAY.into_response() });
    assert_eq!(problem(orders(&gateway, "cwk_22").await).await, (503, "unavailable".into()));
}

#[tokio::test]
async fn what_staff_change_is_written_down_before_it_is_tried_and_how_it_ended_after() {
    let gateway = Gateway::start().await;
    let written = Arc::new(AtomicBool::new(false));
    let noted = written.clone();
    gateway.fake.on(Operation::RecordAudit, move |_| {
        noted.store(true, Ordering::SeqCst);
        async { StatusCode::NO_CONTENT.into_response() }
    });
    let before = written.clone();
    gateway.fake.on(Operation::GrantRole, move |_| {
        assert!(before.load(Ordering::SeqCst), "it was tried before it was written down");
        async { axum::Json(json!({})).into_response() }
    });
    let user = Uuid::from_u128(5);
    let path = format!("/v1/users/{user}/roles/support");
    let put = gateway.request(Method::PUT, &path).bearer_auth(gateway.admin()).header("x-request-id", "r1");
    assert_eq!(put.send().await.unwrap().status(), 200);
    gateway.app.audit.send(&gateway.app.sidecar).await.unwrap();
    let lines = lines(&gateway);
    let (entry, outcome) = (&lines[0].entries[0], &lines[1].outcomes[0]);
    assert_eq!((entry.result, entry.operation.as_str()), (AuditResult::Attempted, "grant_role"));
    assert_eq!(entry.subject, format!("user_id={user}&role=support"));
    assert_eq!((entry.actor, entry.request_id.as_deref()), (Some(UserId(Uuid::from_u128(7))), Some("r1")));
    assert_eq!(
        (entry.permission.as_deref(), entry.address.as_deref()),
        (Some("roles:grant"), Some("127.0.0.1"))
    );
    assert_eq!((outcome.entry_id, outcome.status), (entry.id, 200));
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_tried() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::RecordAudit, |_| async { StatusCode::INTERNAL_SERVER_ERROR.into_response() });
    let post = gateway.post("/v1/products", json!({})).bearer_auth(gateway.admin());
    assert_eq!(problem(post.send().await.unwrap()).await, (503, "staff-unavailable".into()));
    assert!(gateway.fake.seen().is_empty());
    let stock = gateway.get("/v1/stock").bearer_auth(gateway.admin()).send().await.unwrap();
    assert_eq!(stock.status(), 200, "reading goes on");
    let order = gateway.post("/v1/orders", json!({})).bearer_auth(gateway.customer(1)).send().await.unwrap();
    assert_eq!(order.status(), 200, "so do customers");
    gateway.fake.on(Operation::RecordAudit, |_| async { StatusCode::TOO_MANY_REQUESTS.into_response() });
    let post = gateway.post("/v1/products", json!({})).bearer_auth(gateway.admin());
    assert_eq!(
        problem(post.send().await.unwrap()).await,
        (429, "rate-limited".into()),
        "nor is the log flooded"
    );
}

#[tokio::test]
async fn refusals_of_the_gateway_and_of_services_are_counted_and_sent_until_they_are_taken() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::RecordAudit, |_| async { StatusCode::INTERNAL_SERVER_ERROR.into_response() });
    for _ in 0..30 {
        let refused = gateway.get("/v1/stock").bearer_auth(gateway.customer(1)).send().await.unwrap();
        assert_eq!(problem(refused).await, (403, "forbidden".into()));
    }
    gateway.fake.refuse(Operation::ReadOrder, 403, "forbidden");
    let id = Uuid::from_u128(3);
    let refused =
        gateway.get(&format!("/v1/orders/{id}")).bearer_auth(gateway.customer(2)).send().await.unwrap();
    assert_eq!(problem(refused).await, (403, "forbidden".into()));
    orders(&gateway, "no token").await;

    assert!(gateway.app.audit.send(&gateway.app.sidecar).await.is_err());
    gateway.fake.on(Operation::RecordAudit, |_| async { StatusCode::NO_CONTENT.into_response() });
    gateway.app.audit.send(&gateway.app.sidecar).await.unwrap();
    let sent = lines(&gateway);
    assert_eq!(sent[0], sent[1], "the same lines under the same ids");
    let mut entries = sent[1].entries.clone();
    entries.sort_by_key(|entry| entry.actor);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.operation.as_str(), entry.count, entry.actor, entry.subject.as_str()))
        .collect();
    let subject = format!("order_id={id}");
    assert_eq!(
        told,
        [
            ("list_stock", 30, Some(UserId(Uuid::from_u128(1))), ""),
            ("read_order", 1, Some(UserId(Uuid::from_u128(2))), subject.as_str()),
        ]
    );
    assert!(entries.iter().all(|entry| entry.result == AuditResult::Refused));
    eventually("nothing is left to send", async || {
        gateway.app.audit.send(&gateway.app.sidecar).await.unwrap();
        lines(&gateway).len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_key_that_many_requests_show_at_once_is_asked_about_once() {
    let gateway = Gateway::start().await;
    let exchanged = token(&gateway, |claims| claims["key"] = json!(Uuid::from_u128(8)));
    let (open, answer) = (Arc::new(Semaphore::new(0)), json!({"access_token": exchanged, "expires_in": 900}));
    let gate = open.clone();
    gateway.fake.on(Operation::ExchangeApiKey, move |_| {
        let (gate, answer) = (gate.clone(), answer.clone());
        async move {
            gate.acquire().await.unwrap().forget();
            axum::Json(answer).into_response()
        }
    });
    let asking = futures::future::join_all((0..40).map(|_| orders(&gateway, KEY)));
    let opening = async {
        let asked = || gateway.fake.asked_for(Operation::ExchangeApiKey).len();
        eventually("it is asked about", async || asked() == 1).await;
        assert_eq!(gateway.get("/v1/products").send().await.unwrap().status(), 200);
        open.add_permits(40);
    };
    let (answers, ()) = tokio::join!(asking, opening);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(gateway.fake.asked_for(Operation::ExchangeApiKey).len(), 1);
}

#[tokio::test]
async fn when_keys_cannot_be_exchanged_nobody_goes_on_asking() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::BAD_GATEWAY.into_response() });
    for number in 0..30 {
        let answer = orders(&gateway, &format!("cwk_{number}")).await;
        assert_eq!(problem(answer).await, (503, "unavailable".into()));
    }
    let asked = gateway.fake.asked_for(Operation::ExchangeApiKey).len();
    assert!((10..20).contains(&asked), "`user` was asked {asked} times");
    gateway.fake.on(Operation::ExchangeApiKey, |_| async { StatusCode::UNAUTHORIZED.into_response() });
    eventually("keys are exchanged again", async || orders(&gateway, "cwk_guessed").await.status() == 401)
        .await;
}

#[tokio::test]
async fn what_staff_change_by_a_customers_permission_is_written_down_too() {
    let gateway = Gateway::start().await;
    let path = format!("/v1/orders/{}/cancellations", Uuid::from_u128(3));
    for token in [gateway.customer(1), gateway.admin()] {
        let post = gateway.post(&path, json!({})).bearer_auth(token).header("idempotency-key", "k");
        assert_eq!(post.send().await.unwrap().status(), 200);
    }
    orders(&gateway, &gateway.admin()).await;
    let lines = lines(&gateway);
    assert_eq!(lines.len(), 1);
    let entry = &lines[0].entries[0];
    assert_eq!((entry.operation.as_str(), entry.actor), ("cancel_order", Some(UserId(Uuid::from_u128(7)))));
    assert_eq!(entry.permission.as_deref(), Some("orders:change"));
}
