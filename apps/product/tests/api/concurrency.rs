//! Many at once: nothing is sold twice, and nobody waits for each other for ever.

use contracts::{Event, Operation, Refusal};
use futures::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::{Shop, confirmed, envelope, expired, lines_cancelled, pounds, returned, shipped};

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn two_hundred_buyers_of_ten_pieces_get_exactly_ten_and_all_of_them(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let orders: Vec<_> = (0..200).map(|_| shop.order(&[(clock, 1)])).collect();
    join_all(orders.iter().map(|order| shop.hear_event(order.clone()))).await;
    assert_eq!(shop.level(clock).await, [10, 10, 0, 0]);

    let told = shop.told().await;
    let (mut sold, mut short) = (vec![], 0);
    for order in &orders {
        let mut said = told.iter().filter(|envelope| envelope.subject == order.order_id.0);
        let (Some(answer), None) = (said.next(), said.next()) else { panic!("one answer for each order") };
        match &answer.event {
            Event::StockReserved(_) => sold.push(order),
            Event::StockRejected(said) => {
                let (requested, available) = (1, 0);
                let expected = Refusal::InsufficientStock { product_id: clock, requested, available };
                assert_eq!(said.refusal, expected);
                short += 1;
            }
            other => panic!("{}", other.event_type().name()),
        }
    }
    assert_eq!((sold.len(), short), (10, 190));

    // Nobody who was promised a piece goes without it.
    let parcels = sold.iter().zip(1..).map(|(order, id)| shop.hear_event(shipped(order, id, &[(clock, 1)])));
    join_all(parcels).await;
    assert_eq!(shop.level(clock).await, [0, 0, 0, 0]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn buyers_of_several_pieces_each_get_exactly_what_there_is(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let orders: Vec<_> = (0..200).map(|number| shop.order(&[(clock, number % 3 + 1)])).collect();
    join_all(orders.iter().map(|order| shop.hear_event(order.clone()))).await;
    assert_eq!(shop.level(clock).await, [10, 10, 0, 0]);

    let told = shop.told().await;
    let reserved = |order: &contracts::event::OrderPlaced| {
        let mut said = told.iter().filter(|envelope| envelope.subject == order.order_id.0);
        let (Some(answer), None) = (said.next(), said.next()) else { panic!("one answer for each order") };
        matches!(answer.event, Event::StockReserved(_))
    };
    let pieces: u32 =
        orders.iter().filter(|order| reserved(order)).map(|order| order.lines[0].quantity.get()).sum();
    assert_eq!(pieces, 10);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn orders_that_cross_wait_for_each_other(db: PgPool) {
    let shop = Shop::open(db).await;
    let (a, b) = (shop.stock("a", Some(60)).await, shop.stock("b", Some(60)).await);
    let orders: Vec<_> = (0..100)
        .map(
            |number| {
                if number % 2 == 0 { shop.order(&[(a, 1), (b, 1)]) } else { shop.order(&[(b, 1), (a, 1)]) }
            },
        )
        .collect();
    let change = async |version: i64| {
        let admin = shop.admin.with("if-match", &format!("\"{version}\""));
        let body = json!({"name": format!("name {version}")});
        let changed = admin.ask(Operation::ChangeProduct, &format!("product_id={b}"), Some(body)).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    };
    let changes = async {
        for version in 1..10 {
            change(version).await;
        }
    };
    tokio::join!(join_all(orders.iter().map(|order| shop.hear_event(order.clone()))), changes);
    assert_eq!((shop.level(a).await, shop.level(b).await), ([60, 60, 0, 0], [60, 60, 0, 0]));

    // Ends cross as well; the refused ones have nothing to give back.
    let ends = orders.iter().enumerate().map(|(number, order)| match number % 2 {
        0 => Event::from(confirmed(order)),
        _ => Event::from(expired(order)),
    });
    join_all(ends.map(|end| shop.hear_event(end))).await;
    let ([on_hand, reserved, allocated, _], level_of_b) = (shop.level(a).await, shop.level(b).await);
    assert_eq!((on_hand, reserved, level_of_b), (60, 0, shop.level(a).await));
    assert!(allocated <= 60);

    // So do parcels, returns and cancellations that name the products the other way round.
    let confirmed = orders.iter().step_by(2);
    let mut events = vec![];
    for order in confirmed {
        if shop.state(order.order_id).await == "allocated" {
            events.push(Event::from(shipped(order, 1, &[(b, 1), (a, 1)])));
            events.push(returned(order, 2, &[(a, 1), (b, 1)]).into());
        }
    }
    join_all(events.into_iter().map(|event| shop.hear_event(event))).await;
    assert_eq!((shop.level(a).await, shop.level(b).await), ([60, 0, 0, 60], [60, 0, 0, 60]));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn all_that_happens_to_one_order_at_once_happens_once(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(100)).await;
    for _ in 0..10 {
        let order = shop.order(&[(clock, 5)]);
        let events = [
            envelope(order.clone()),
            envelope(confirmed(&order)),
            envelope(lines_cancelled(&order, 1, &[(clock, 1)])),
            envelope(shipped(&order, 2, &[(clock, 3)])),
            envelope(returned(&order, 3, &[(clock, 1)])),
        ];
        let again: Vec<_> = events.iter().map(|told| envelope(told.event.clone())).collect();
        join_all(events.iter().chain(&again).chain(&events).map(|told| shop.hear(told))).await;
        assert_eq!(shop.said(order.order_id).await.len(), 1);
    }
    assert_eq!(shop.level(clock).await, [80, 0, 10, 70]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn one_order_heard_by_many_at_once_is_reserved_once(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(100)).await;
    for _ in 0..10 {
        let order = shop.order(&[(clock, 2)]);
        let (placed, end) = (envelope(order.clone()), envelope(confirmed(&order)));
        let deliveries = [&placed, &end, &placed, &end, &placed].map(|envelope| shop.hear(envelope));
        join_all(deliveries).await;
        assert_eq!(shop.state(order.order_id).await, "allocated");
        assert_eq!(shop.said(order.order_id).await.len(), 1);
    }
    assert_eq!(shop.level(clock).await, [100, 0, 20, 80]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_price_that_changes_meanwhile_holds_or_refuses_the_whole_order(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(100)).await;
    let orders: Vec<_> = (0..40).map(|_| shop.order(&[(clock, 1)])).collect();
    let admin = shop.admin.with("if-match", "\"1\"");
    let body = json!({"price": pounds(101)});
    let query = format!("product_id={clock}");
    let change = admin.ask(Operation::ChangeProduct, &query, Some(body));
    let (_, changed) =
        tokio::join!(join_all(orders.iter().map(|order| shop.hear_event(order.clone()))), change);
    assert_eq!(changed.status, 200);
    let told = shop.told().await;
    let reserved = told.iter().filter(|said| matches!(said.event, Event::StockReserved(_))).count();
    let rejected = told.iter().filter(|said| matches!(said.event, Event::StockRejected(_))).count();
    assert_eq!(reserved + rejected, 40);
    assert_eq!(shop.level(clock).await[1], i64::try_from(reserved).unwrap());
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn one_key_used_by_many_at_once_creates_one_product(db: PgPool) {
    let shop = Shop::open(db).await;
    let admin = crate::keyed(&shop.admin);
    let body = json!({"sku": "22728", "name": "CLOCK", "price": pounds(1), "stock_controlled": true});
    let asked = (0..10).map(|_| admin.ask(Operation::CreateProduct, "", Some(body.clone())));
    let answers = join_all(asked).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body), (201, &answers[0].body));
    }
    assert_eq!(shop.told().await.len(), 1);
    shop.close().await;
}
