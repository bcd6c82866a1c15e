//! What must not be possible: invoking what the operation table does not grant, another's secrets, a bad event's harm.

use contracts::App;
use contracts::operation::OPERATIONS;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::configuration::sidecar;
use crate::house::{House, house};

/// What `caller`'s own sidecar answers when it is asked to invoke this.
async fn invoke(house: &House, caller: App, method: Method, target: &str) -> (StatusCode, String) {
    let port = house.instance.ports.dapr_http(caller);
    let token = house.instance.secret(&format!("token/{caller}/dapr")).unwrap();
    let answer = house
        .http
        .request(method, format!("http://127.0.0.1:{port}/v1.0/invoke/{target}"))
        .header("dapr-api-token", token)
        .header("x-forwarded-for", uuid::Uuid::now_v7().to_string())
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_service_can_invoke_what_the_operation_table_grants_and_nothing_else() {
    let house = house();
    for row in OPERATIONS {
        for caller in App::ALL.into_iter().filter(|caller| *caller != row.owner) {
            let method: Method = row.method.name().parse().unwrap();
            let target = format!("{}/method/{}", row.owner, row.name);
            let (status, body) = invoke(&house, caller, method, &target).await;
            let refused = status == StatusCode::FORBIDDEN && body.contains("ERR_DIRECT_INVOKE");
            assert_eq!(refused, !row.callers.contains(&caller), "{caller} → {target}: {status} {body}");
        }
    }
    for path in [
        "events/payment",
        "//events/payment",
        "place_order/../events/payment",
        "dead/payment",
        "dapr/subscribe",
    ] {
        let (status, body) =
            invoke(&house, App::Gateway, Method::POST, &format!("order/method/{path}")).await;
        assert!(matches!(status.as_u16(), 403 | 404), "{path}: {status} {body}");
        assert!(!body.contains("SUCCESS"), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_sidecar_answers_only_its_own_service() {
    let house = house();
    let port = house.instance.ports.dapr_http(App::Order);
    let other = house.instance.secret("token/payment/dapr").unwrap();
    for token in ["", other.as_str()] {
        let answer = house
            .http
            .get(format!("http://127.0.0.1:{port}/v1.0/invoke/product/method/find_products"))
            .header("dapr-api-token", token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_sidecars_roles_read_one_table() {
    let house = house();
    // What a role may itself, and by the role that all of them belong to.
    let beyond = "select count(*) from pg_roles r cross join pg_class c
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege
        where (r.rolname like '%\\_sidecar' or r.rolname = 'configuration_reader')
          and c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace = 'public'::regnamespace
          and has_table_privilege(r.oid, c.oid, privilege)
          and (c.relname, privilege) <> ('configuration', 'select')";
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        assert_eq!(house.count(app, beyond).await, 0, "{app}");
    }
    let reading = "select count(*) from pg_roles r
        where r.rolname like '%\\_sidecar' and has_table_privilege(r.oid, 'configuration', 'select')";
    assert_eq!(house.count(App::Config, reading).await, 7);
    let belonging = "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member
        join pg_roles whole on whole.oid = m.roleid
        where r.rolname like '%\\_sidecar' and whole.rolname <> 'configuration_reader'";
    assert_eq!(house.count(App::Config, belonging).await, 0);
}

#[tokio::test]
async fn the_sidecars_roles_store_nothing_and_hold_nobody_up() {
    let house = house();
    let mut payment = sidecar(&house, App::Payment).await;
    for attempt in [
        "insert into configuration (key, value, version, metadata) values ('order.deadline', '6s', '9', '{}')",
        "create table mine (id int)",
        "create temporary table mine (id int)",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'anything')",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "do $$ begin lock table configuration in exclusive mode; end $$",
    ] {
        let refusal = sqlx::query(attempt).execute(&mut payment).await.unwrap_err();
        let code = refusal.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{attempt}: {refusal}");
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let house = house();
    // Another name for itself with each request does not make a client another one.
    let limited = until_limited(&house).await;
    assert_eq!(limited.headers()["retry-after"], "1");
    assert_eq!(limited.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = limited.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/rate-limited");
    // Who waits is let in again.
    let (status, _) = house.ask(Method::GET, "/v1/products", "", None).await;
    assert_eq!(status, StatusCode::OK);
}

/// Asks, twenty at a time, until the limiter turns one away.
async fn until_limited(house: &House) -> reqwest::Response {
    let url = format!("{}/v1/products?limit=1", house.instance.gateway_url());
    for round in 0..500 {
        let asked: Vec<_> = (0..20)
            .map(|number| {
                let spoofed = format!("10.0.{round}.{number}");
                tokio::spawn(house.http.get(&url).header("x-forwarded-for", spoofed).send())
            })
            .collect();
        for answer in asked {
            let answer = answer.await.unwrap().unwrap();
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::TOO_MANY_REQUESTS => return answer,
                other => panic!("neither let in nor limited: {other}"),
            }
        }
    }
    panic!("10,000 requests were all let in");
}
