//! What became of the orders with a value that is tried, and of the others.

use chrono::TimeDelta;
use contracts::configuration::{Group, Groups, hundredth};
use contracts::event::{StockRejected, StockReserved};
use contracts::{Operation, OrderId, Refusal};
use order::jobs;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, Client};

use crate::house::{House, captured, product};

const KEY: &str = "order.return_window";

/// As `config` asks.
fn config(house: &House) -> Client {
    house.client.without("authorization").with("dapr-caller-app-id", "config")
}

async fn ask(house: &House, percent: u64, version: u64) -> Answer {
    let body = json!({"key": KEY, "percent": percent, "version": version});
    config(house).ask(Operation::ReadOrderGroups, "", Some(body)).await
}

async fn groups(house: &House, percent: u64, version: u64) -> Groups {
    let answer = ask(house, percent, version).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

/// Stock and payment agree so many milliseconds after it was placed.
async fn confirm(house: &House, key: &str, milliseconds: i64) -> OrderId {
    let id = house.placed(key).await;
    house.app.clock.advance(TimeDelta::milliseconds(milliseconds));
    house.hear(StockReserved { order_id: id }.into(), 1).await;
    house.hear(captured(id, 9000), 1).await;
    id
}

async fn reject(house: &House, key: &str) -> OrderId {
    let id = house.placed(key).await;
    let refusal = Refusal::InsufficientStock { product_id: product(1), requested: 24, available: 3 };
    house.hear(StockRejected { order_id: id, refusal }.into(), 1).await;
    id
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn orders_with_their_end_are_counted_in_the_group_that_they_belong_to(db: PgPool) {
    let house = House::configured(db, &[(KEY, "14")]).await;
    confirm(&house, "before", 10).await;
    reject(&house, "before-too").await;
    assert_eq!(groups(&house, 50, 2).await, Groups::default());

    house.sidecar.set_configuration_scoped(KEY, "14", &json!([{"audience": {"percent": 50}, "value": 60}]));
    while house.app.live.version() < 2 {
        tokio::task::yield_now().await;
    }
    // What happened to each, with how long it took until it was confirmed.
    let mut ended: Vec<(OrderId, &str, Option<u64>)> = Vec::new();
    for number in 0..20_u64 {
        let milliseconds = 100 + number;
        let id = confirm(&house, &format!("confirmed-{number}"), milliseconds.try_into().unwrap()).await;
        ended.push((id, "confirmed", Some(milliseconds)));
    }
    for number in 0..10 {
        ended.push((reject(&house, &format!("rejected-{number}")).await, "rejected", None));
    }
    let cancelled = confirm(&house, "cancelled", 7).await;
    assert_eq!(house.wish(Operation::CancelOrder, cancelled, json!({})).await.status, 201);
    ended.push((cancelled, "cancelled", None));
    let mut open = Vec::new();
    for number in 0..5 {
        let id = house.placed(&format!("expired-{number}")).await;
        open.push((id, "expired", None));
    }
    house.app.clock.advance(TimeDelta::milliseconds(1));
    let late = confirm(&house, "late", 3).await;
    // What has no end yet counts nowhere, nor does what was placed after it: it would count for those that end soonest.
    assert_eq!(groups(&house, 50, 2).await, counted(&ended, 50));

    house.app.clock.advance(TimeDelta::minutes(15));
    assert_eq!(jobs::expire_overdue(&house.app).await.unwrap(), open.len());
    ended.extend(open);
    ended.push((late, "confirmed", Some(3)));
    let all = groups(&house, 50, 2).await;
    assert_eq!(all, counted(&ended, 50));
    assert_eq!((all.tried.orders + all.others.orders, all.tried.failed + all.others.failed), (37, 5));
    assert_eq!(groups(&house, 20, 2).await, counted(&ended, 20));
    let since_before = groups(&house, 50, 1).await;
    assert_eq!(since_before.tried.orders + since_before.others.orders, 39);
    assert_eq!(groups(&house, 50, 3).await, Groups::default());

    let terms = house.read(ended[0].0).await["terms"].clone();
    let tried = hundredth(KEY, ended[0].0) < 50;
    assert_eq!(terms["return_window_days"], if tried { 60 } else { 14 }, "who is tried has the value");
}

/// The same, counted from what the test did, for a half of the orders at most.
fn counted(ended: &[(OrderId, &str, Option<u64>)], percent: u8) -> Groups {
    let group = |wanted: bool| {
        let parts = if wanted { 0..percent } else { percent..2 * percent };
        let members = ended.iter().filter(move |(id, ..)| parts.contains(&hundredth(KEY, *id)));
        let of =
            |kind: &str| u32::try_from(members.clone().filter(|(_, end, _)| *end == kind).count()).unwrap();
        Group {
            orders: u32::try_from(members.clone().count()).unwrap(),
            refused: of("rejected"),
            failed: of("expired"),
            confirmed_in: members.clone().filter_map(|(_, _, time)| *time).collect(),
        }
    };
    Groups { tried: group(true), others: group(false) }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_thousand_orders_of_each_group_are_enough(db: PgPool) {
    let house = House::new(db).await;
    sqlx::query(
        "insert into orders (id, number, customer_id, payment_method_id, idempotency_key, request_hash, currency,
             total, delivery_address, placed_at, charge_by, deadline, capture, return_window_days,
             configuration_version, end_kind, ended_at)
         select gen_random_uuid(), 'N' || n, gen_random_uuid(), gen_random_uuid(), 'a', '', 'GBP', 100, '{}',
             now() + make_interval(secs => n), now() + make_interval(secs => n + 1),
             now() + make_interval(secs => n + 2), 'at_once', 30, 7,
             case when n <= 2000 then 'confirmed' else 'expired' end, now() + make_interval(secs => n + 1)
         from generate_series(1, 5000) n",
    )
    .execute(&house.app.db)
    .await
    .unwrap();
    for _ in 0..2 {
        let Groups { tried, others } = groups(&house, 50, 7).await;
        assert_eq!(tried.orders.min(others.orders), Group::MOST);
        assert!(tried.orders.max(others.orders) < 2 * Group::MOST, "{} {}", tried.orders, others.orders);
        assert!(tried.failed + others.failed < 1_000, "the first by placing are counted");
        for group in [&tried, &others] {
            assert!(group.confirmed_in.iter().all(|time| *time == 1_000));
        }
    }
    // Of small groups all are counted: a hundredth of five thousand.
    let Groups { tried, others } = groups(&house, 1, 7).await;
    assert!([&tried, &others].iter().all(|group| (1..200).contains(&group.orders)), "{tried:?} {others:?}");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn only_config_asks_and_what_makes_no_sense_is_refused(db: PgPool) {
    let house = House::new(db).await;
    let body = json!({"key": KEY, "percent": 50, "version": 1});
    for app in ["gateway", "payment"] {
        let other = house.staff().with("dapr-caller-app-id", app);
        let refused = other.ask(Operation::ReadOrderGroups, "", Some(body.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (403, "forbidden"), "{app}");
    }
    for (percent, version) in [(0, 1), (100, 1), (256, 1), (50, u64::MAX)] {
        let refused = ask(&house, percent, version).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem()),
            (422, "invalid-field"),
            "{percent} {version}"
        );
    }
    for body in [Value::Null, json!({}), json!({"key": KEY, "percent": 50})] {
        let refused = config(&house).ask(Operation::ReadOrderGroups, "", Some(body.clone())).await;
        assert_eq!(refused.problem(), "invalid-field", "{body}");
    }
}
