//! What nobody may find outside the service that owns it: an order is placed with marker values, and every event,
//! every line of every log (with the fields of its span) and what is told of the order are searched for them.

use std::fs;
use std::path::{Path, PathBuf};

use contracts::App;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::house::{House, house};

/// A card that no other test pays with.
const CARD: &str = "pm_card_amex";

/// Who may keep what: service, table, and which columns are read. All else of these tables is searched.
const SEARCHED: &[(&str, &str)] = &[
    ("outbox", "data::text || coalesce(causation_id, '')"),
    ("failed_event", "encode(payload, 'escape') || error"),
];

#[tokio::test]
async fn no_event_and_no_log_holds_what_is_personal() {
    let house = house();
    let mark = Uuid::new_v4().simple().to_string();
    let email = format!("ada-{mark}@example.com");
    let password = format!("password-{mark}");
    let (name, street, reference) =
        (format!("Ada {mark}"), format!("12 Street {mark}"), format!("basket {mark}"));
    let body = json!({"email": email, "password": password, "name": name});
    let (status, answer) = house.ask(Method::POST, "/v1/users", "", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let body = json!({"email": email, "password": password});
    let (status, answer) = house.ask(Method::POST, "/v1/sessions", "", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let (status, answer) =
        house.ask(Method::POST, "/v1/payment-methods", &token, Some(json!({"provider_token": CARD}))).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");

    let product = house.product(5).await;
    let body = json!({
        "lines": [{"product_id": product, "quantity": 1}],
        "payment_method_id": answer["id"],
        "delivery_address": {"name": name, "line1": street, "city": "London", "postcode": "N1", "country": "GB"},
        "reference": reference,
    });
    let (status, order) = house.ask(Method::POST, "/v1/orders", &token, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    house
        .until("the order ends", async || {
            let (_, order) = house.ask(Method::GET, &path, &token, None).await;
            (order["status"] == "confirmed").then_some(())
        })
        .await;
    house.settled().await;

    let markers = [mark.as_str(), CARD, token.as_str()];
    assert_eq!(found_in_events(&house, &markers).await, Vec::<String>::new());
    assert_eq!(found_in_logs(&house, &markers), Vec::<String>::new());
    let (status, timeline) = house.ask(Method::GET, &format!("{path}/timeline"), &token, None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(markers.iter().all(|marker| !timeline.to_string().contains(marker)), "{timeline}");
}

async fn found_in_events(house: &House, markers: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        for (table, columns) in SEARCHED {
            for marker in markers {
                let statement = format!("select count(*) from {table} where strpos({columns}, $1) > 0");
                let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
                    .bind(marker)
                    .fetch_one(&mut house.database(app).await)
                    .await
                    .unwrap();
                if count > 0 {
                    found.push(format!("{app}: {count} rows of {table} hold {marker}"));
                }
            }
        }
    }
    found
}

fn found_in_logs(house: &House, markers: &[&str]) -> Vec<String> {
    let logs = files(&house.instance.logs());
    assert!(logs.len() > 10, "there is a log for each part");
    logs.iter()
        .flat_map(|log| {
            let text = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
            markers
                .iter()
                .filter_map(|marker| {
                    let line = text.lines().find(|line| line.contains(marker))?;
                    Some(format!("{}: {}", log.display(), line.chars().take(300).collect::<String>()))
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
