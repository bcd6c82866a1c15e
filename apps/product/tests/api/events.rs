//! What follows from order's events: once, twice, late, malformed, in any order.

use chrono::TimeDelta;
use contracts::event::{OrderLine, ReservationOverdue, StockRejected, StockReserved};
use contracts::{Event, Operation, ProductId, Refusal};
use product::jobs;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Shop, cancelled, confirmed, envelope, expired, pounds, rejected};

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_order_is_reserved_then_allocated(db: PgPool) {
    let shop = Shop::open(db).await;
    let (clock, postage) = (shop.stock("22728", Some(10)).await, shop.stock("POST", None).await);
    let order = shop.order(&[(clock, 3), (postage, 1)]);
    shop.hear_event(order.clone()).await;
    assert_eq!(shop.level(clock).await, [10, 3, 0, 7]);
    assert_eq!(shop.said(order.order_id).await, [StockReserved { order_id: order.order_id }.into()]);

    shop.hear_event(confirmed(&order)).await;
    assert_eq!(shop.level(clock).await, [10, 0, 3, 7]);
    let ledger = shop.admin.ask(Operation::ListMovements, &format!("product_id={clock}"), None).await;
    let kinds: Vec<_> =
        ledger.body["items"].as_array().unwrap().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds, ["allocated", "reserved", "received"]);
    assert_eq!(ledger.body["items"][0]["order_id"], json!(order.order_id));
    assert_eq!(shop.said(order.order_id).await.len(), 1);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_final_end_gives_back_what_was_promised(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    for end in [
        |order: &_| Event::from(rejected(order)),
        |order: &_| Event::from(expired(order)),
        |order: &_| Event::from(cancelled(order)),
    ] {
        for confirmed_first in [false, true] {
            let order = shop.order(&[(clock, 4)]);
            shop.hear_event(order.clone()).await;
            if confirmed_first {
                shop.hear_event(confirmed(&order)).await;
            }
            assert_eq!(shop.level(clock).await[3], 6);
            shop.hear_event(end(&order)).await;
            assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
            assert_eq!(shop.state(order.order_id).await, "ended");
        }
    }
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_cannot_be_served_is_refused_by_name_and_holds_nothing(db: PgPool) {
    let shop = Shop::open(db).await;
    let (clock, few) = (shop.stock("22728", Some(10)).await, shop.stock("few", Some(2)).await);
    let (gone, unknown) = (shop.stock("gone", Some(2)).await, ProductId(Uuid::now_v7()));
    let archive = shop.admin.with("if-match", "\"1\"");
    archive.ask(Operation::ArchiveProduct, &format!("product_id={gone}"), None).await;

    let mut dearer = shop.order(&[(clock, 1)]);
    dearer.lines[0].unit_price = pounds(99);
    let cases = [
        (
            shop.order(&[(clock, 1), (few, 3)]),
            Refusal::InsufficientStock { product_id: few, requested: 3, available: 2 },
        ),
        // The same product on two lines: their sum counts.
        (
            shop.order(&[(few, 1), (few, 2)]),
            Refusal::InsufficientStock { product_id: few, requested: 3, available: 2 },
        ),
        (shop.order(&[(clock, 1), (gone, 1), (unknown, 1)]), Refusal::ProductArchived { product_id: gone }),
        (shop.order(&[(unknown, 1), (gone, 1)]), Refusal::UnknownProduct { product_id: unknown }),
        (dearer, Refusal::PriceChanged { product_id: clock, expected: pounds(99), actual: pounds(100) }),
    ];
    for (order, refusal) in cases {
        let order_id = order.order_id;
        shop.hear_event(order.clone()).await;
        assert_eq!(shop.said(order_id).await, [StockRejected { order_id, refusal }.into()]);
        assert_eq!(shop.state(order_id).await, "refused");
        shop.hear_event(rejected(&order)).await;
        assert_eq!(shop.state(order_id).await, "ended");
    }
    assert_eq!((shop.level(clock).await, shop.level(few).await), ([10, 0, 0, 10], [2, 0, 0, 2]));
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn lines_of_one_product_are_summed(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 1), (clock, 9)]);
    shop.hear_event(order.clone()).await;
    assert_eq!(shop.level(clock).await, [10, 10, 0, 0]);
    shop.hear_event(expired(&order)).await;
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_order_that_comes_too_late_is_refused(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 1)]);
    shop.clock.advance(TimeDelta::seconds(60));
    shop.hear_event(order.clone()).await;
    let refused = StockRejected { order_id: order.order_id, refusal: Refusal::TooLate };
    assert_eq!(shop.said(order.order_id).await, [refused.into()]);
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn each_event_twice_has_its_effect_once(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    let events = [envelope(order.clone()), envelope(confirmed(&order)), envelope(expired(&order))];
    for (event, level) in events.iter().zip([[10, 2, 0, 8], [10, 0, 2, 8], [10, 0, 0, 10]]) {
        // The same delivery again, and the same fact under another id.
        shop.hear(event).await;
        shop.hear(event).await;
        shop.hear(&envelope(event.event.clone())).await;
        assert_eq!(shop.level(clock).await, level);
    }
    for event in &events {
        shop.hear(event).await;
        shop.hear(&envelope(event.event.clone())).await;
    }
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    assert_eq!(shop.said(order.order_id).await.len(), 1);
    let movements: i64 = sqlx::query_scalar("select count(*) from movement where order_id is not null")
        .fetch_one(&shop.app.db)
        .await
        .unwrap();
    assert_eq!(movements, 3);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_final_end_is_a_tombstone_for_what_comes_later(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    shop.hear_event(expired(&order)).await;
    shop.hear_event(order.clone()).await;
    shop.hear_event(confirmed(&order)).await;
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    assert_eq!(shop.said(order.order_id).await, []);
    assert_eq!(shop.state(order.order_id).await, "ended");
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn confirmed_before_placed_ends_the_same(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let order = shop.order(&[(clock, 2)]);
    shop.hear_event(confirmed(&order)).await;
    assert_eq!(shop.state(order.order_id).await, "awaited");
    shop.hear_event(order.clone()).await;
    assert_eq!(shop.state(order.order_id).await, "allocated");
    assert_eq!(shop.level(clock).await, [10, 0, 2, 8]);
    assert_eq!(shop.said(order.order_id).await, [StockReserved { order_id: order.order_id }.into()]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_heard_of_no_end_is_reported_once_a_minute(db: PgPool) {
    let shop = Shop::open(db).await;
    let clock = shop.stock("22728", Some(10)).await;
    let (order, served) = (shop.order(&[(clock, 2)]), shop.order(&[(clock, 1)]));
    for event in [order.clone().into(), served.clone().into(), Event::from(confirmed(&served))] {
        shop.hear_event(event).await;
    }
    let reminders = async || {
        jobs::report_overdue(&shop.app).await.unwrap();
        let overdue = Event::from(ReservationOverdue { order_id: order.order_id });
        let told = shop.told().await;
        assert!(!told.iter().any(|said| said.subject == served.order_id.0 && said.sequence > 1));
        told.iter().filter(|said| said.event == overdue).count()
    };
    let mut seen = Vec::new();
    for seconds in [0, 149, 1, 59, 1] {
        shop.clock.advance(TimeDelta::seconds(seconds));
        seen.push(reminders().await);
    }
    assert_eq!(seen, [0, 0, 1, 1, 2]);
    shop.hear_event(expired(&order)).await;
    shop.clock.advance(TimeDelta::seconds(600));
    assert_eq!(reminders().await, 2);
    assert_eq!(shop.level(clock).await, [10, 0, 1, 9]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn what_is_no_event_of_ours_is_dropped_with_its_reason(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let clock = shop.stock("22728", Some(10)).await;
    let good = envelope(shop.order(&[(clock, 1)])).to_json();
    let with = |change: fn(&mut serde_json::Value)| {
        let mut json = good.clone();
        json["id"] = json!(Uuid::now_v7());
        change(&mut json);
        json.to_string()
    };
    let malformed = [
        "not json".to_owned(),
        with(|json| json["type"] = "order.placed.v9".into()),
        with(|json| json["type"] = "order.vanished.v1".into()),
        with(|json| json["source"] = "payment".into()),
        with(|json| drop(json["data"].as_object_mut().unwrap().remove("lines"))),
        with(|json| json["data"]["lines"][0]["quantity"] = 0.into()),
    ];
    for body in &malformed {
        assert_eq!(shop.anybody.deliver_raw("/events/order", body.clone()).await, "DROP", "{body}");
    }
    let refused: i64 =
        sqlx::query_scalar("select count(*) from failed_event where reason = 'refused' and error <> ''")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(refused, 6);
    let invoked = shop.anybody.send("POST", "/events/order", Some(good.to_string())).await;
    assert_eq!(invoked.problem(), "forbidden");
    assert_eq!(shop.level(clock).await, [10, 0, 0, 10]);
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn a_large_order_is_reserved_and_given_back_whole(db: PgPool) {
    let shop = Shop::open(db).await;
    let rows: Vec<_> = (0..500)
        .map(|number| {
            json!({"sku": format!("sku-{number}"), "name": "X", "price": pounds(100), "stock_controlled": true,
                "received": 7})
        })
        .collect();
    let admin = crate::keyed(&shop.admin);
    let imported = admin.ask(Operation::ImportProducts, "", Some(json!({"rows": rows}))).await;
    let ids = imported.body["rows"].as_array().unwrap().iter().map(|row| row["product_id"].as_str().unwrap());
    let lines: Vec<OrderLine> = shop.order(&ids.map(|id| (id.parse().unwrap(), 7)).collect::<Vec<_>>()).lines;
    let mut order = shop.order(&[]);
    order.lines = lines.into_iter().rev().collect();

    let levels = async || -> (i64, i64, i64) {
        sqlx::query_as(
            "select sum(on_hand)::bigint, sum(reserved)::bigint, sum(allocated)::bigint from stock",
        )
        .fetch_one(&shop.app.db)
        .await
        .unwrap()
    };
    for (event, expected) in [
        (Event::from(order.clone()), (3500, 3500, 0)),
        (confirmed(&order).into(), (3500, 0, 3500)),
        (expired(&order).into(), (3500, 0, 0)),
    ] {
        let (name, started) = (event.event_type().name(), std::time::Instant::now());
        shop.hear_event(event).await;
        println!("{name} of 500 lines took {:?}", started.elapsed());
        assert_eq!(levels().await, expected);
    }
    shop.close().await;
}
