//! What `order` is told for the books and for timelines.

use contracts::Operation;
use contracts::event::OrderPlaced;
use contracts::facts::{MOST, StockFacts, StockQuery};
use contracts::timeline::{TimelinePart, TimelineQuery};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::{Shop, cancelled, confirmed, expired, lines_cancelled, returned, shipped};

async fn ask(shop: &Shop, operation: Operation, body: &impl Serialize) -> Answer {
    let order = shop.anybody.with("dapr-caller-app-id", "order");
    order.ask(operation, "", Some(serde_json::to_value(body).unwrap())).await
}

async fn facts(shop: &Shop, query: StockQuery) -> StockFacts {
    let answer = ask(shop, Operation::ReadStockFacts, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

async fn timeline(shop: &Shop, order: &OrderPlaced) -> Vec<String> {
    let query = TimelineQuery { order_id: order.order_id };
    let answer = ask(shop, Operation::ReadStockTimeline, &query).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let part: TimelinePart = serde_json::from_value(answer.body).unwrap();
    let line = |entry: contracts::timeline::TimelineEntry| {
        assert_eq!(entry.who, "product");
        let cause = if entry.cause.is_some() { "caused" } else { "-" };
        format!("{} {} {} {cause} {}", entry.at.format("%T"), entry.kind.name(), entry.name, entry.detail)
    };
    part.entries.into_iter().map(line).collect()
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_orders_facts_are_its_rows_and_its_movements_side_by_side(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let (clock, other) = (shop.stock("22728", Some(10)).await, shop.stock("other", Some(4)).await);
    let (order, waiting) = (shop.order(&[(clock, 5), (other, 1)]), shop.order(&[(clock, 2)]));
    shop.hear_event(order.clone()).await;
    shop.hear_event(lines_cancelled(&order, 1, &[(clock, 1)])).await;
    shop.hear_event(shipped(&order, 2, &[(clock, 3)])).await;
    shop.hear_event(returned(&order, 3, &[(clock, 2)])).await;
    shop.hear_event(waiting.clone()).await;

    let unheard = shop.order(&[]);
    let asked = [&order, &waiting, &unheard].map(|order| order.order_id);
    let told = facts(&shop, StockQuery::Orders(asked.into())).await;
    let named = json!(told)
        .to_string()
        .replace(&order.order_id.to_string(), "[order]")
        .replace(&waiting.order_id.to_string(), "[waiting]")
        .replace(&clock.to_string(), "[clock]")
        .replace(&other.to_string(), "[other]");
    let named: serde_json::Value = serde_json::from_str(&named).unwrap();
    let lines = |name: &str| {
        let rows = named[name].as_array().unwrap();
        rows.iter().map(|row| row.to_string()).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(lines("reservations"), @r#"
    {"changed_at":"2026-11-01T09:00:00Z","lines":[{"claimed":5,"moved":{"allocated":1,"on_hand":-1,"reserved":0},"product_id":"[clock]","released":1,"restocked":2,"shipped":3},{"claimed":1,"moved":{"allocated":1,"on_hand":0,"reserved":0},"product_id":"[other]","released":0,"restocked":0,"shipped":0}],"order_id":"[order]","state":"allocated"}
    {"changed_at":"2026-11-01T09:00:00Z","lines":[{"claimed":2,"moved":{"allocated":0,"on_hand":0,"reserved":2},"product_id":"[clock]","released":0,"restocked":0,"shipped":0}],"order_id":"[waiting]","state":"reserved"}
    "#);
    insta::assert_snapshot!(lines("levels"), @r#"
    {"held":{"allocated":1,"on_hand":0,"reserved":2},"level":{"allocated":1,"on_hand":9,"reserved":2},"moved":{"allocated":1,"on_hand":9,"reserved":2},"product_id":"[clock]","version":1}
    {"held":{"allocated":1,"on_hand":0,"reserved":0},"level":{"allocated":1,"on_hand":4,"reserved":0},"moved":{"allocated":1,"on_hand":4,"reserved":0},"product_id":"[other]","version":1}
    "#);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_movement_without_its_line_is_told_as_it_is(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    shop.hear_event(order.clone()).await;
    sqlx::query("delete from reservation_line").execute(&db).await.unwrap();
    let told = facts(&shop, StockQuery::Orders(vec![order.order_id])).await;
    let line = &told.reservations[0].lines[0];
    assert_eq!((line.claimed, line.moved.reserved), (0, 2));
    let level = &told.levels[0];
    assert_eq!((level.level.reserved, level.moved.reserved, level.held.reserved), (2, 2, 0));
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn pages_follow_each_other_until_an_empty_one(db: PgPool) {
    let shop = Shop::open(db).await;
    let mut products = vec![];
    for sku in ["a", "b", "c"] {
        products.push(shop.stock(sku, Some(9)).await);
    }
    let mut orders = vec![];
    for _ in 0..3 {
        let order = shop.order(&[(products[0], 1)]);
        shop.hear_event(order.clone()).await;
        orders.push(order);
    }
    shop.hear_event(expired(&orders[1])).await;

    let levels = async |after| facts(&shop, StockQuery::ProductsAfter(after)).await.levels;
    let ids = levels(None).await.into_iter().map(|level| level.product_id).collect::<Vec<_>>();
    assert_eq!(ids, products);
    assert_eq!(levels(Some(products[1])).await.len(), 1);
    assert_eq!(levels(Some(products[2])).await, []);

    let held = async |after| facts(&shop, StockQuery::ReservationsAfter(after)).await;
    let all = held(None).await;
    let ids: Vec<_> = all.reservations.iter().map(|facts| facts.order_id).collect();
    // What has ended holds nothing.
    assert_eq!((ids, all.levels.len()), (vec![orders[0].order_id, orders[2].order_id], 0));
    assert_eq!(held(Some(orders[0].order_id)).await.reservations.len(), 1);
    assert_eq!(held(Some(orders[2].order_id)).await.reservations.len(), 0);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn as_many_orders_as_a_question_holds_and_no_more(db: PgPool) {
    let shop = Shop::open(db).await;
    let ids = |count| (0..count).map(|_| Uuid::now_v7().into()).collect();
    assert_eq!(facts(&shop, StockQuery::Orders(ids(MOST))).await, StockFacts::default());
    let refused = ask(&shop, Operation::ReadStockFacts, &StockQuery::Orders(ids(MOST + 1))).await;
    assert_eq!(refused.problem(), "invalid-field");
    let unknown = ask(&shop, Operation::ReadStockFacts, &json!({"everything": true})).await;
    assert_eq!(unknown.status, 422);
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_report_that_an_end_is_overdue_is_no_change(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(9)).await;
    let order = shop.order(&[(clock, 1)]);
    shop.hear_event(order.clone()).await;
    let changed =
        async || facts(&shop, StockQuery::Orders(vec![order.order_id])).await.reservations[0].changed_at;
    let before = changed().await;
    shop.clock.advance(chrono::TimeDelta::seconds(600));
    assert_eq!(product::jobs::report_overdue(&shop.app).await.unwrap(), 1);
    shop.hear_event(order.clone()).await;
    assert_eq!(changed().await, before);
    shop.hear_event(confirmed(&order)).await;
    assert_eq!(changed().await, shop.now());
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn the_timeline_tells_what_was_done_and_said(db: PgPool) {
    let shop = Shop::open(db).await;
    let (clock, other) = (shop.stock("22728", Some(10)).await, shop.stock("other", Some(4)).await);
    let order = shop.order(&[(clock, 5), (other, 1)]);
    let second = || shop.clock.advance(chrono::TimeDelta::seconds(1));
    for event in [
        contracts::Event::from(order.clone()),
        confirmed(&order).into(),
        lines_cancelled(&order, 1, &[(clock, 1)]).into(),
        shipped(&order, 2, &[(clock, 3), (other, 1)]).into(),
        returned(&order, 3, &[(clock, 2)]).into(),
    ] {
        shop.hear_event(event).await;
        second();
    }
    let named = |line: String| {
        line.replace(&clock.to_string(), "[clock]")
            .replace(&other.to_string(), "[other]")
            .replace("00000000-0000-0000-0000-00000000000", "")
    };
    let lines: Vec<_> = timeline(&shop, &order).await.into_iter().map(named).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    09:00:00 effect stock_reserved caused {"lines":[{"pieces":5,"product_id":"[clock]"},{"pieces":1,"product_id":"[other]"}]}
    09:00:00 decided stock.reserved.v1 caused {}
    09:00:01 effect stock_allocated caused {"lines":[{"pieces":5,"product_id":"[clock]"},{"pieces":1,"product_id":"[other]"}]}
    09:00:02 effect stock_released caused {"cancellation_id":"1","lines":[{"pieces":1,"product_id":"[clock]"}]}
    09:00:03 effect stock_shipped caused {"lines":[{"pieces":3,"product_id":"[clock]"},{"pieces":1,"product_id":"[other]"}],"parcel_id":"2"}
    09:00:04 effect stock_returned caused {"lines":[{"pieces":2,"product_id":"[clock]"}],"return_id":"3"}
    "#);

    let short = shop.order(&[(other, 9)]);
    shop.hear_event(short.clone()).await;
    shop.hear_event(cancelled(&short)).await;
    let lines: Vec<_> = timeline(&shop, &short).await.into_iter().map(named).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"09:00:05 decided stock.rejected.v1 caused {"refusal":{"available":3,"product_id":"[other]","requested":9,"type":"insufficient-stock"}}"#);

    let late = shop.order(&[(clock, 1)]);
    shop.hear_event(late.clone()).await;
    shop.clock.advance(chrono::TimeDelta::seconds(600));
    product::jobs::report_overdue(&shop.app).await.unwrap();
    let lines: Vec<_> = timeline(&shop, &late).await.into_iter().map(named).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    09:00:05 effect stock_reserved caused {"lines":[{"pieces":1,"product_id":"[clock]"}]}
    09:00:05 decided stock.reserved.v1 caused {}
    09:10:05 decided reservation.overdue.v1 - {}
    "#);
    let lost = shop.order(&[(clock, 1)]);
    shop.hear_event(expired(&lost)).await;
    assert_eq!(shop.anybody.deliver(&crate::envelope(shipped(&lost, 1, &[(clock, 1)]))).await, "DROP");
    let lines = timeline(&shop, &lost).await;
    assert!(lines[0].contains("refused order.shipped.v1 caused") && lines[0].contains("nothing is held"));
    assert_eq!((lines.len(), timeline(&shop, &shop.order(&[])).await.len()), (1, 0));
    shop.close().await;
}
