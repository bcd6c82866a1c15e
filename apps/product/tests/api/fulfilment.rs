//! What follows from order's events after it was confirmed: once, twice, late, in any order, and when they cannot be.

use contracts::event::{OrderPlaced, StockReserved};
use contracts::{Envelope, Event, Operation, ProductId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Shop, cancelled, confirmed, envelope, expired, lines_cancelled, rejected, returned, shipped};

/// Everything that can happen to an order of five pieces and postage that is not cancelled as a whole.
fn history(order: &OrderPlaced, clock: ProductId, postage: ProductId) -> Vec<Event> {
    vec![
        order.clone().into(),
        confirmed(order).into(),
        lines_cancelled(order, 1, &[(clock, 1)]).into(),
        shipped(order, 2, &[(clock, 3), (postage, 1)]).into(),
        returned(order, 3, &[(clock, 1)]).into(),
    ]
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn each_part_moves_the_stock_once_however_often_it_is_told(db: PgPool) {
    let shop = Shop::open(db).await;
    let (clock, postage) = (shop.stock("22728", Some(10)).await, shop.stock("POST", None).await);
    let order = shop.order(&[(clock, 5), (postage, 1)]);
    let mut events: Vec<Envelope> = history(&order, clock, postage).into_iter().map(envelope).collect();
    events.push(envelope(shipped(&order, 4, &[(clock, 1)])));
    let levels = [[10, 5, 0, 5], [10, 0, 5, 5], [10, 0, 4, 6], [7, 0, 1, 6], [8, 0, 1, 7], [7, 0, 0, 7]];
    for (event, level) in events.iter().zip(levels) {
        // The same delivery again, and the same fact under another id.
        shop.hear(event).await;
        shop.hear(event).await;
        shop.hear(&envelope(event.event.clone())).await;
        assert_eq!(shop.level(clock).await, level, "{}", event.event.event_type().name());
    }
    for event in &events {
        shop.hear(event).await;
        shop.hear(&envelope(event.event.clone())).await;
    }
    assert_eq!(shop.level(clock).await, [7, 0, 0, 7]);
    assert_eq!(shop.said(order.order_id).await, [StockReserved { order_id: order.order_id }.into()]);

    let ledger = shop.admin.ask(Operation::ListMovements, &format!("product_id={clock}"), None).await;
    let lines: Vec<_> = ledger.body["items"].as_array().unwrap().iter().rev().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    received 10 0 0 -
    reserved 0 5 0 -
    allocated 0 -5 5 -
    released 0 0 -1 1
    shipped -3 0 -3 2
    returned 1 0 0 3
    shipped -1 0 -1 4
    "#);
    shop.close().await;
}

fn line(movement: &Value) -> String {
    let delta = |name: &str| movement[name].as_i64().unwrap();
    let cause = movement["cause_id"]
        .as_str()
        .map_or("-".to_owned(), |id| id.parse::<Uuid>().unwrap().as_u128().to_string());
    let (on_hand, reserved) = (delta("on_hand_delta"), delta("reserved_delta"));
    let kind = movement["kind"].as_str().unwrap();
    format!("{kind} {on_hand} {reserved} {} {cause}", delta("allocated_delta"))
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn every_order_of_arrival_ends_the_same(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let (clock, postage) = (shop.stock("22728", Some(1_000)).await, shop.stock("POST", None).await);
    let mut orders = 0;
    for arrival in permutations(5) {
        let order = shop.order(&[(clock, 5), (postage, 1)]);
        let events: Vec<_> = history(&order, clock, postage).into_iter().map(envelope).collect();
        for index in &arrival {
            shop.hear(&events[*index]).await;
        }
        orders += 1;
        let outcome: (String, i64, i64, i64, i64) = sqlx::query_as(
            "select state, quantity, released, shipped, restocked
             from reservation join reservation_line using (order_id) where order_id = $1",
        )
        .bind(order.order_id.0)
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(outcome, ("allocated".into(), 5, 1, 3, 1), "{arrival:?}");
    }
    assert_eq!(shop.level(clock).await, [1_000 - 2 * orders, 0, orders, 1_000 - 3 * orders]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_cancelled_order_holds_nothing_whatever_came_first(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    for arrival in permutations(4) {
        let order = shop.order(&[(clock, 4)]);
        let events = [
            Event::from(order.clone()),
            confirmed(&order).into(),
            lines_cancelled(&order, 1, &[(clock, 1)]).into(),
            cancelled(&order).into(),
        ];
        for index in &arrival {
            shop.hear_event(events[*index].clone()).await;
        }
        assert_eq!(shop.state(order.order_id).await, "ended");
        assert_eq!(shop.level(clock).await, [10, 0, 0, 10], "{arrival:?}");
    }
    shop.close().await;
}

/// Every order in which so many events can arrive.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![vec![]], |shorter, next| {
        let insert = |order: &Vec<usize>, at| {
            let mut longer = order.clone();
            longer.insert(at, next);
            longer
        };
        shorter.iter().flat_map(|order| (0..=order.len()).map(move |at| insert(order, at))).collect()
    })
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_cannot_be_sold_again_moves_nothing(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    for event in [order.clone().into(), Event::from(shipped(&order, 1, &[(clock, 2)]))] {
        shop.hear_event(event).await;
    }
    shop.hear_event(returned(&order, 2, &[])).await;
    assert_eq!(shop.level(clock).await, [8, 0, 0, 8]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_has_no_stock_comes_and_goes_without_movements(db: PgPool) {
    let shop = Shop::open(db).await;
    let postage = shop.stock("POST", None).await;
    let order = shop.order(&[(postage, 3)]);
    for event in [
        Event::from(order.clone()),
        confirmed(&order).into(),
        lines_cancelled(&order, 1, &[(postage, 1)]).into(),
        shipped(&order, 2, &[(postage, 2)]).into(),
        returned(&order, 3, &[(postage, 1)]).into(),
    ] {
        shop.hear_event(event).await;
    }
    assert_eq!(shop.state(order.order_id).await, "allocated");
    let movements: i64 =
        sqlx::query_scalar("select count(*) from movement").fetch_one(&shop.app.db).await.unwrap();
    assert_eq!(movements, 0);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_cannot_be_is_refused_by_name_and_changes_nothing(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let clock = shop.stock("22728", Some(20)).await;
    let order = shop.order(&[(clock, 5)]);
    let (gone, refused) = (shop.order(&[(clock, 1)]), shop.order(&[(clock, 100)]));
    for event in [
        Event::from(order.clone()),
        shipped(&order, 1, &[(clock, 3)]).into(),
        gone.clone().into(),
        cancelled(&gone).into(),
        refused.clone().into(),
    ] {
        shop.hear_event(event).await;
    }
    let level = shop.level(clock).await;
    for (event, reason) in [
        (shipped(&order, 2, &[(clock, 3)]).into(), "names 3 pieces"),
        // Its parts are summed.
        (shipped(&order, 3, &[(clock, 1), (clock, 2)]).into(), "names 3 pieces"),
        (Event::from(lines_cancelled(&order, 4, &[(clock, 3)])), "of which 2 are left"),
        (returned(&order, 5, &[(clock, 6)]).into(), "of which 5 are left"),
        (cancelled(&order).into(), "has ended as cancelled"),
        (rejected(&order).into(), "has ended as rejected"),
        (expired(&order).into(), "has ended as expired"),
        (shipped(&gone, 6, &[(clock, 1)]).into(), "nothing is held"),
        (returned(&gone, 7, &[(clock, 1)]).into(), "nothing is held"),
        (shipped(&refused, 8, &[(clock, 1)]).into(), "nothing is held"),
    ] {
        let told = envelope(event);
        assert_eq!(shop.anybody.deliver(&told).await, "DROP", "{reason}");
        let error: String = sqlx::query_scalar("select error from failed_event where event_id = $1")
            .bind(told.id.0)
            .fetch_one(&db)
            .await
            .unwrap();
        assert!(error.contains(reason), "{error}");
        assert_eq!(shop.level(clock).await, level, "{error}");
    }
    // What is refused is not taken for handled: it can be sent again once it fits.
    let handled: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(&db).await.unwrap();
    assert_eq!(handled, 5);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn parts_that_were_told_before_the_order_must_fit_it(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    shop.hear_event(shipped(&order, 1, &[(clock, 3)])).await;
    assert_eq!(shop.anybody.deliver(&envelope(order.clone())).await, "DROP");
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    assert_eq!(shop.said(order.order_id).await, []);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_came_back_is_sold_again(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(1)).await;
    let (first, second) = (shop.order(&[(clock, 1)]), shop.order(&[(clock, 1)]));
    shop.hear_event(first.clone()).await;
    shop.hear_event(shipped(&first, 1, &[(clock, 1)])).await;
    shop.hear_event(returned(&first, 2, &[(clock, 1)])).await;
    shop.hear_event(second.clone()).await;
    assert_eq!(shop.said(second.order_id).await, [StockReserved { order_id: second.order_id }.into()]);
    assert_eq!(shop.level(clock).await, [1, 1, 0, 0]);
    assert_eq!(json!(shop.state(first.order_id).await), json!("allocated"));
    shop.close().await;
}
