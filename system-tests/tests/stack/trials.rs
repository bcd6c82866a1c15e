//! A value that is tried on a part of the orders goes back by itself when more orders are refused by it.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::house::{Customer, House, house};

/// A deadline that no customer keeps who has to prove who they are first.
const SHORT: &str = "6s";
/// Customers of each kind, and orders that each of them places.
const SLOW: (usize, usize) = (8, 18);
const POOR: (usize, usize) = (4, 12);
const GOOD: (usize, usize) = (8, 45);

/// An order, and whose it is.
struct Placed<'a> {
    customer: &'a Customer,
    id: String,
}

#[tokio::test]
async fn a_canary_that_doubles_refusals_goes_back_by_itself() {
    let house = house();
    let admin = house.administrator().await;
    let before = deadline(&house, &admin).await;
    assert_eq!((&before["value"], &before["scopes"]), (&json!("15m"), &json!([])));
    let product = house.product(2_000).await;
    let slow = customers(&house, "pm_card_authenticationRequired", SLOW.0).await;
    let poor = customers(&house, "pm_card_chargeDeclined", POOR.0).await;
    let good = customers(&house, "pm_card_visa", GOOD.0).await;
    let trial = started(&house, &admin, &good[0], &product).await;

    // Nothing is judged before each group has two hundred orders: by then these have come to their ends.
    let asked = place(&house, &slow, &product, SLOW.1).await;
    let (mut tried, mut others) = (Vec::new(), Vec::new());
    for order in asked {
        let shown = read(&house, &order).await;
        if time(&shown) < TimeDelta::minutes(1) { tried.push(order) } else { others.push(order) }
    }
    assert!(tried.len().min(others.len()) > SLOW.0 * SLOW.1 / 4, "{} and {}", tried.len(), others.len());
    // Their customers take longer than six seconds to prove who they are; by the old deadline that is no matter.
    for order in &tried {
        let ended = house.ended(order.customer, &order.id).await;
        assert!(ended["status"] == "rejected" || ended["status"] == "expired", "{ended}");
    }
    // Whither the bank would send them back is no matter here.
    let bank = Client::builder().redirect(Policy::none()).build().unwrap();
    join_all(others.iter().map(|order| approve(&house, &bank, order))).await;
    for order in &others {
        assert_eq!(house.ended(order.customer, &order.id).await["status"], "confirmed");
    }
    let running = read_trial(&house, &admin, trial).await;
    assert_eq!(running["end"], Value::Null, "too few orders yet: {running}");

    // Cards that are declined are declined in both groups.
    place(&house, &poor, &product, POOR.1).await;
    place(&house, &good, &product, GOOD.1).await;
    let ended = house
        .until("the trial has ended", async || {
            let trial = read_trial(&house, &admin, trial).await;
            (!trial["end"].is_null()).then_some(trial)
        })
        .await;
    let end = &ended["end"];
    assert_eq!((&end["outcome"], &end["ended_by"]), (&json!("taken_back"), &Value::Null), "{ended}");
    let reason = end["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("trial {trial} taken back by itself: ")), "{reason}");
    let numbers = |group: &str, name: &str| ended["findings"][group][name].as_u64().unwrap();
    let lost = |group: &str| numbers(group, "refused") + numbers(group, "failed");
    for group in ["tried", "others"] {
        assert!(numbers(group, "orders") >= 200, "{ended}");
    }
    assert!(
        lost("tried") * numbers("others", "orders") > 2 * lost("others") * numbers("tried", "orders"),
        "{ended}"
    );
    let worse = ended["findings"]["guards"].as_array().unwrap().iter().find(|guard| guard["worse"] == true);
    assert!(worse.is_some() && reason.contains(" tried (") && reason.contains(" over 2.33"), "{reason}");
    eprintln!("{reason}");
    went_back(&house, &admin, trial, end, &good[0], &product).await;
}

/// Key and history say so, and new orders have the old deadline again.
async fn went_back(house: &House, admin: &str, trial: i64, end: &Value, customer: &Customer, product: &str) {
    let after = deadline(house, admin).await;
    assert_eq!(
        (&after["value"], &after["scopes"], &after["trial"]),
        (&json!("15m"), &json!([]), &Value::Null)
    );
    assert_eq!((&after["version"], &after["reason"]), (&end["version"], &end["reason"]));
    let path = "/v1/config/changes?key=order.deadline&limit=2";
    let (_, history) = house.ask(Method::GET, path, admin, None).await;
    let part = |step: &str, by_itself: bool| json!({"version": trial, "step": step, "by_itself": by_itself});
    assert_eq!(history["items"][0]["trial"], part("taken_back", true));
    assert_eq!(history["items"][1]["trial"], part("started", false));

    let version = end["version"].as_u64().unwrap();
    for _ in 0..10 {
        let placed = in_force(house, version, customer, product).await;
        assert_eq!(time(&placed), TimeDelta::minutes(15), "{placed}");
    }
}

/// Begins the trial, and waits until `order` places by it.
async fn started(house: &House, admin: &str, customer: &Customer, product: &str) -> i64 {
    let body = json!({"key": "order.deadline", "value": SHORT, "percent": 50, "for": "20m", "reason": "a system test"});
    let (status, trial) = house.ask(Method::POST, "/v1/config/trials", admin, Some(body)).await;
    assert_eq!(status, 201, "{trial}");
    in_force(house, trial["version"].as_u64().unwrap(), customer, product).await;
    trial["version"].as_i64().unwrap()
}

/// Places orders until one is placed under this version, and gives that.
async fn in_force(house: &House, version: u64, customer: &Customer, product: &str) -> Value {
    house
        .until("the version is in force", async || {
            let id = house.place(customer, product, 1).await;
            let order = read(house, &Placed { customer, id }).await;
            (order["terms"]["configuration_version"].as_u64()? >= version).then_some(order)
        })
        .await
}

async fn customers(house: &House, card: &str, count: usize) -> Vec<Customer> {
    join_all((0..count).map(|_| house.customer(card))).await
}

/// Each customer places so many orders, one after another.
async fn place<'a>(house: &House, customers: &'a [Customer], product: &str, count: usize) -> Vec<Placed<'a>> {
    let placed = customers.iter().map(|customer| async move {
        let mut placed = Vec::new();
        for _ in 0..count {
            placed.push(Placed { customer, id: house.place(customer, product, 1).await });
        }
        placed
    });
    join_all(placed).await.into_iter().flatten().collect()
}

async fn read(house: &House, order: &Placed<'_>) -> Value {
    let path = format!("/v1/orders/{}", order.id);
    let (status, shown) = house.ask(Method::GET, &path, &order.customer.token, None).await;
    assert_eq!(status, 200, "{shown}");
    shown
}

/// How long an order may take.
fn time(order: &Value) -> TimeDelta {
    let at = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    at(&order["terms"]["deadline"]) - at(&order["placed_at"])
}

/// The customer proves who they are, as soon as they are asked.
async fn approve(house: &House, bank: &Client, order: &Placed<'_>) {
    let path = format!("/v1/orders/{}/payments", order.id);
    let url = house
        .until("the customer is asked", async || {
            let (_, payments) = house.ask(Method::GET, &path, &order.customer.token, None).await;
            payments["items"][0]["action"]["url"].as_str().map(str::to_owned)
        })
        .await;
    let answer = bank.post(url).form(&[("outcome", "approved")]).send().await.unwrap();
    assert!(answer.status().is_success() || answer.status().is_redirection(), "{}", answer.status());
}

async fn read_trial(house: &House, admin: &str, version: i64) -> Value {
    let path = format!("/v1/config/trials/{version}");
    let (status, trial) = house.ask(Method::GET, &path, admin, None).await;
    assert_eq!(status, 200, "{trial}");
    trial
}

async fn deadline(house: &House, admin: &str) -> Value {
    let (status, key) = house.ask(Method::GET, "/v1/config/order.deadline", admin, None).await;
    assert_eq!(status, 200, "{key}");
    key
}
