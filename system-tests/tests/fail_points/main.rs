//! kill -9 at named points of the real stack: before and after a commit, a publish, an acknowledgement, a call to the
//! card processor. Each point is walked by an order of its own, which ends as if nothing had happened.
//!
//! `./taskw test` walks a handful; with `CARTWRIGHT_TEST=full`, as `./taskw test:full` sets it, all of them; with
//! `FAIL_POINT=<part of a name>`, those.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod drive;
#[path = "../stack/house.rs"]
#[expect(dead_code, reason = "the tests of the stack use the rest of it")]
mod house;
mod points;

use std::path::PathBuf;
use std::time::Instant;

use contracts::App;
use reqwest::Method;
use serde_json::{Value, json};
use stack::part::Record;
use stack::process::Id;

use drive::{Drive, End};
use house::{House, house};
use points::{POINTS, Point, Walk};

#[tokio::test]
async fn a_service_killed_at_any_point_leaves_the_order_right() {
    let house = house();
    let whole = std::env::var("CARTWRIGHT_TEST").is_ok_and(|value| value == "full");
    let wanted = std::env::var("FAIL_POINT").ok();
    let is_wanted = |point: &&Point| match &wanted {
        Some(part) => point.name.contains(part),
        None => whole || point.walk == Walk::Always,
    };
    let known = sidecar::fail_points::names();
    let mut walked = 0;
    for point in POINTS.iter().filter(is_wanted) {
        assert!(known.iter().any(|name| name == point.name), "there is no fail point {}", point.name);
        walk(&house, point).await;
        walked += 1;
    }
    assert!(walked > 0, "no fail point is named like that");
    books_are_green(&house).await;
    println!("{walked} fail points, each with its order right and its books green");
}

/// Arms the point, drives an order past it, and looks at what is left.
async fn walk(house: &House, point: &Point) {
    let began = Instant::now();
    let scene = drive::Scene::set(house, point.drive).await;
    let part = point.name.split('.').next().unwrap();
    let before = process(house, part).await;
    let file = arm(house, point.name);

    let end = scene.drive(house).await;
    // A call that nobody answers is given up only after a while.
    house.until(&format!("{}: somebody comes by", point.name), async || (!file.exists()).then_some(())).await;
    let after = house
        .until(&format!("{part} runs again"), async || child(house, part).filter(|id| *id != before))
        .await;
    assert_ne!(before, after);
    house.settled().await;
    stock_is_right(house, point, &scene, &end).await;
    money_is_right(house, point, &end).await;
    println!(
        "{:<48} {part} killed and started again; order {} after {:?}: {}",
        point.name, end.order, point.drive, end.status
    );
    println!("{:<48} took {} ms", "", began.elapsed().as_millis());
}

fn arm(house: &House, name: &str) -> PathBuf {
    let folder = house.instance.trial.fail_points.clone().unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, "").unwrap();
    file
}

/// The service's process; it may be starting.
async fn process(house: &House, part: &str) -> Id {
    house.until(&format!("{part} runs"), async || child(house, part)).await
}

fn child(house: &House, part: &str) -> Option<Id> {
    let record = Record::read(&house.instance, part).unwrap()?;
    record.child.filter(|id| id.find().is_some())
}

async fn stock_is_right(house: &House, point: &Point, scene: &drive::Scene, end: &End) {
    let found: (i64, i64, i64) =
        sqlx::query_as("select on_hand, reserved, allocated from stock where product_id = $1::uuid")
            .bind(&scene.product)
            .fetch_one(&mut house.database(App::Product).await)
            .await
            .unwrap();
    assert_eq!(found, (end.on_hand, 0, end.allocated), "{}: order {}", point.name, end.order);
}

/// By the card processor's own log; a refund that was asked for may still be on its way.
async fn money_is_right(house: &House, point: &Point, end: &End) {
    let url = format!("http://127.0.0.1:{}/_sandbox/summary", house.instance.ports.card_sandbox());
    house
        .until(&format!("{}: the shop keeps {} of order {}", point.name, end.kept, end.order), async || {
            let summary: Value = house.http.get(&url).send().await.ok()?.json().await.ok()?;
            let tally = &summary["orders"][&end.order];
            let charges = tally["effective_charges"].as_i64().unwrap_or(0);
            assert!(charges <= 1, "{}: order {} was charged twice: {tally}", point.name, end.order);
            let sum = |name: &str| tally[name]["gbp"].as_i64().unwrap_or(0);
            (sum("captured") - sum("refunded") == end.kept).then_some(())
        })
        .await;
}

async fn books_are_green(house: &House) {
    let token = house.administrator().await;
    house
        .until("the books are green and nothing is left out", async || {
            let mut cursor = Value::Null;
            loop {
                let body = json!({"scope": "all", "cursor": cursor});
                let (status, report) = house.ask(Method::POST, "/v1/books/checks", &token, Some(body)).await;
                assert_eq!(status, 200, "{report}");
                if report["green"] != true || !report["oldest_left_out"].is_null() {
                    println!("not yet green: {report}");
                    return None;
                }
                cursor = report["next_cursor"].clone();
                if cursor.is_null() {
                    return Some(());
                }
            }
        })
        .await;
}

#[test]
fn every_kind_of_point_and_every_way_of_an_order_is_walked() {
    assert!(POINTS.len() >= 40);
    assert!((1..=6).contains(&POINTS.iter().filter(|point| point.walk == Walk::Always).count()));
    for drive in Drive::ALL {
        assert!(POINTS.iter().any(|point| point.drive == drive), "{drive:?}");
    }
    let places = [
        "before_commit",
        "after_commit",
        "before_ack",
        "before_publish",
        "after_publish",
        "after_mark",
        "before_sent",
        "after_sent",
        "before_answer",
        "after_answer",
    ];
    for place in places {
        assert!(POINTS.iter().any(|point| point.name.ends_with(place)), "{place}");
    }
}
