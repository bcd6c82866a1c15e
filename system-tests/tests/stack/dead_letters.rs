//! What whoever operates this does with events that failed: look, give up, have them handled again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::App;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use stack::process::Signal;
use uuid::Uuid;

use crate::house::{House, house};
use crate::unreadable::publish_raw;

async fn asked(house: &House, method: Method, path: &str, token: &str, body: Option<Value>) -> Value {
    let (status, answer) = house.ask(method, path, token, body).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

/// Waits until a failed event of these (`topic=…&type=…`) that holds the words waits for a person, and opens it.
async fn opened(house: &House, app: App, token: &str, of: &str, words: &str) -> Value {
    house
        .until(&format!("{app} lists what holds {words}"), async || {
            let path = format!("/v1/failed-events/{app}?state=open&reason=refused&limit=200&{of}");
            let listed = asked(house, Method::GET, &path, token, None).await;
            for item in listed["items"].as_array().unwrap() {
                let path = format!("/v1/failed-events/{app}/{}", item["id"].as_str().unwrap());
                let event = asked(house, Method::GET, &path, token, None).await;
                let raw = STANDARD.decode(event["payload_base64"].as_str().unwrap_or_default()).unwrap();
                if event["payload"].to_string().contains(words)
                    || String::from_utf8_lossy(&raw).contains(words)
                {
                    return Some(event);
                }
            }
            None
        })
        .await
}

#[tokio::test]
async fn what_nobody_can_read_is_opened_and_given_up_with_a_reason() {
    let house = house();
    let token = house.administrator().await;
    let words = format!("no event {}", Uuid::now_v7());
    publish_raw(&house, &words).await;
    for app in [App::Product, App::Payment, App::Notification] {
        let event = opened(&house, app, &token, "topic=order", &words).await;
        assert_eq!((&event["topic"], &event["state"]), (&"order".into(), &"open".into()));
        assert!(event["error"].as_str().is_some_and(|error| !error.is_empty()), "{event}");

        let body = json!({"ids": [event["id"]], "reason": "written by a test"});
        let path = format!("/v1/failed-events/{app}/discards");
        let discarded = asked(&house, Method::POST, &path, &token, Some(body.clone())).await;
        assert_eq!(discarded["discarded"], 1);
        let path = format!("/v1/failed-events/{app}/{}", event["id"].as_str().unwrap());
        let event = asked(&house, Method::GET, &path, &token, None).await;
        assert_eq!(event["state"], "discarded");
        let act = &event["acts"][0];
        assert_eq!((&act["act"], &act["reason"]), (&"discard".into(), &"written by a test".into()));

        let path = format!("/v1/failed-events/{app}/redrives");
        let (status, problem) = house.ask(Method::POST, &path, &token, Some(body)).await;
        assert_eq!((status.as_u16(), &problem["type"]), (409, &"/problems/already-handled".into()));
    }
}

#[tokio::test]
async fn no_customer_sees_or_touches_them_and_no_service_rewrites_their_audit() {
    let house = house();
    let customer = house.customer("pm_card_visa").await;
    for (method, path) in [(Method::GET, ""), (Method::POST, "/redrives"), (Method::POST, "/discards")] {
        let path = format!("/v1/failed-events/order{path}");
        let body = (method == Method::POST).then(|| json!({"ids": [Uuid::now_v7()], "reason": "mine"}));
        let (status, _) = house.ask(method, &path, &customer.token, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    for app in [App::Product, App::Order, App::Payment, App::Notification] {
        let mut database = house.database(app).await;
        database.execute(sqlx::AssertSqlSafe(format!("set role {app}_app"))).await.unwrap();
        for statement in ["update audit set reason = 'another'", "delete from audit", "truncate audit"] {
            let refused = database.execute(statement).await.unwrap_err();
            assert!(refused.to_string().contains("permission denied"), "{app}: {refused}");
        }
        database.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_refused_for_a_reason_that_is_over_is_handled_when_it_is_sent_again() {
    let house = house();
    let token = house.administrator().await;
    let product = house.product(5).await;
    let customer = house.customer("pm_card_visa").await;
    house.settled().await;

    // order cannot see its orders for a while, and so refuses what product and payment say of one.
    house.instance.signal("product-daprd", Signal::STOP).unwrap();
    let order = house.place(&customer, &product, 2).await;
    let mut database = house.database(App::Order).await;
    database.execute("alter table orders enable row level security").await.unwrap();
    house.instance.signal("product-daprd", Signal::CONT).unwrap();
    let event = opened(&house, App::Order, &token, "type=stock.reserved.v1", &order).await;
    database.execute("alter table orders disable row level security").await.unwrap();
    assert_eq!((&event["order_id"], &event["type"]), (&json!(order), &"stock.reserved.v1".into()));
    assert!(event["error"].as_str().unwrap().contains("there is no order"), "{event}");

    for topic in ["product", "payment"] {
        let body = json!({"filter": {"topic": topic, "reason": "refused"}, "reason": "the rows are back", "rounds": 2});
        let redriven =
            asked(&house, Method::POST, "/v1/failed-events/order/redrives", &token, Some(body)).await;
        assert_eq!((&redriven["refused"], &redriven["postponed"]), (&0.into(), &0.into()), "{redriven}");
    }
    assert_eq!(house.ended(&customer, &order).await["status"], "confirmed");
    house.settled().await;
    let path = format!("/v1/failed-events/order/{}", event["id"].as_str().unwrap());
    let event = asked(&house, Method::GET, &path, &token, None).await;
    assert_eq!(
        (&event["state"], &event["acts"][0]["act"]),
        (&"handled".into(), &"redrive".into()),
        "{event}"
    );
}
