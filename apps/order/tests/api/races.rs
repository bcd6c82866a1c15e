//! Two at once: the row's lock says who is first, and the second sees what the first has done.

use contracts::event::StockReserved;
use contracts::{Operation, OrderId};
use serde_json::json;
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::house::{House, captured, envelope, parts};

async fn ship(house: &House, id: OrderId, key: &str, etag: &str) -> Answer {
    let client = house.staff().with("if-match", etag).with("idempotency-key", key);
    client.ask(Operation::ShipOrder, &format!("order_id={id}"), Some(json!({"parts": parts(1, 20)}))).await
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn of_two_staff_one_ships_and_the_other_sees_the_newer_order(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let etag = house.etag(id).await;
    let (one, other) = tokio::join!(ship(&house, id, "one", &etag), ship(&house, id, "other", &etag));
    let (key, won, lost) = if one.status == 201 { ("one", one, other) } else { ("other", other, one) };
    assert_eq!((won.status.as_u16(), lost.status.as_u16()), (201, 412), "{} {}", won.body, lost.body);
    assert_eq!(lost.problem(), "precondition-failed");
    let newer = &lost.body["order"];
    assert_eq!(newer["parcels"], won.body["parcels"]);
    assert_eq!(lost.headers["etag"], won.headers["etag"]);
    assert_eq!(house.count("parcel").await, 1);
    assert!(house.told(id).await.contains(&"refused ship_order".to_owned()));

    // Whoever won is answered the same again, although what it saw is no longer true.
    let again = ship(&house, id, key, &etag).await;
    assert_eq!((again.status, &again.body), (won.status, &won.body));
    // And whoever lost may decide anew.
    let etag = lost.headers["etag"].to_str().unwrap();
    let exceeded = ship(&house, id, "third", etag).await;
    assert_eq!((exceeded.problem(), &exceeded.body["left"]), ("quantity-exceeded", &json!(4)));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn ten_cancels_at_once_with_one_key_cancel_once(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let client = house.client.with("idempotency-key", "once");
    let query = format!("order_id={id}");
    let ask = || client.ask(Operation::CancelOrder, &query, Some(json!({"parts": parts(1, 1)})));
    let answers = futures::future::join_all((0..10).map(|_| ask())).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body), (201, &answers[0].body));
    }
    assert_eq!(house.count("cancellation").await, 1);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_cancel_that_meets_the_payment_ends_the_order_one_way_or_the_other_once(db: PgPool) {
    let house = House::new(db).await;
    for round in 0..8 {
        let id = house.placed(&format!("k{round}")).await;
        house.hear(StockReserved { order_id: id }.into(), 1).await;
        let event = envelope(captured(id, 9000), 1);
        let (verdict, answer) =
            tokio::join!(house.client.deliver(&event), house.wish(Operation::CancelOrder, id, json!({})));
        // Whichever came first, the money is known and the customer has what they asked for.
        assert_eq!((verdict.as_str(), answer.status.as_u16()), ("SUCCESS", 201), "{}", answer.body);
        let order = house.read(id).await;
        assert_eq!((&order["status"], &order["payment_status"]), (&json!("cancelled"), &json!("captured")));
        let said = house.said_of(id).await;
        let ends: Vec<_> = said.iter().filter(|said| *said == "order.cancelled.v1").collect();
        assert_eq!(ends.len(), 1, "{said:?}");
        assert_eq!(said.last().unwrap(), "order.cancelled.v1");
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn cancelling_and_shipping_at_once_never_give_away_more_than_was_ordered(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let cancels = (0..6).map(|_| house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 7)})));
    let answers = futures::future::join_all(cancels).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    let exceeded = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((done, exceeded), (3, 3));
    let order = house.read(id).await;
    assert_eq!(order["lines"][0]["cancelled_quantity"], 21);
    let keys: Vec<Uuid> =
        sqlx::query_scalar("select id from cancellation").fetch_all(&house.app.db).await.unwrap();
    assert_eq!(keys.len(), 3);
}
