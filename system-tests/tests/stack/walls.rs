//! What must not be possible: invoking what the operation table does not grant, another's secrets, a bad event's harm.

use std::time::Duration;

use contracts::App;
use contracts::operation::OPERATIONS;
use reqwest::{Method, StatusCode};
use serde_json::json;

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
            assert_eq!(
                refused,
                !row.callers.contains(&caller),
                "{caller} → {target}: {status} {body}"
            );
        }
    }
    for path in [
        "events/payment",
        "//events/payment",
        "place_order/../events/payment",
        "dead/payment",
        "dapr/subscribe",
    ] {
        let (status, body) = invoke(
            &house,
            App::Gateway,
            Method::POST,
            &format!("order/method/{path}"),
        )
        .await;
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
            .get(format!(
                "http://127.0.0.1:{port}/v1.0/invoke/product/method/find_products"
            ))
            .header("dapr-api-token", token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn no_service_can_open_anothers_database() {
    let house = house();
    let refused = "select count(*) from pg_roles r cross join pg_database d
        where r.rolcanlogin and not r.rolsuper and d.datname = any($1)
          and has_database_privilege(r.rolname, d.datname, 'connect')
          and r.rolname not in (d.datname || '_a', d.datname || '_b', 'configuration_reader')";
    let databases: Vec<String> = App::ALL
        .into_iter()
        .filter(|app| app.has_database())
        .map(|app| app.name().to_owned())
        .collect();
    let strangers: i64 = sqlx::query_scalar(refused)
        .bind(&databases)
        .fetch_one(&mut house.database(App::Order).await)
        .await
        .unwrap();
    assert_eq!(strangers, 0);
    let reader = "select count(*) from information_schema.role_table_grants
        where grantee = 'configuration_reader' and (table_name, privilege_type) <> ('configuration', 'SELECT')";
    assert_eq!(
        house.count(App::Config, reader).await,
        0,
        "the sidecars' reader reads one table"
    );
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_told_when_to_come_back() {
    let house = house();
    let url = format!("{}/v1/products", house.instance.gateway_url());
    let answers = futures_all((0..200).map(|_| house.http.get(&url).send())).await;
    let limited: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
        .collect();
    assert!(!limited.is_empty(), "200 requests at once were all let through");
    for answer in limited {
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    // Spoofing does not help, and a second later all is well again.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let spoofed = futures_all((0..200).map(|number| {
        house
            .http
            .get(&url)
            .header("x-forwarded-for", format!("10.0.0.{number}"))
            .send()
    }))
    .await;
    assert!(
        spoofed
            .iter()
            .any(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
    );
    assert!(spoofed.iter().any(|answer| answer.status() == StatusCode::OK));
}

async fn futures_all<T: Send + 'static>(
    requests: impl Iterator<Item = impl Future<Output = reqwest::Result<T>> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = requests.map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap().unwrap());
    }
    answers
}
