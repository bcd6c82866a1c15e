//! What an order keeps of a customer whose account was deleted.

use contracts::event::UserDeleted;
use contracts::{Envelope, Event, EventId, Operation, OrderId, UserId};
use order::jobs::forgetting::forget;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, now, order, parts};

fn deleted(user_id: UserId) -> Envelope {
    let event = Event::from(UserDeleted { user_id });
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject: user_id.0,
        sequence: 3,
        time: now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
        event,
    }
}

async fn kept(db: &PgPool, id: OrderId) -> (Value, Option<String>) {
    sqlx::query_as("select delivery_address, reference from orders where id = $1")
        .bind(id.0)
        .fetch_one(db)
        .await
        .unwrap()
}

async fn remembered(db: &PgPool, id: OrderId) -> bool {
    let (address, reference) = kept(db, id).await;
    let remembered = address["name"] == "Ada Lovelace";
    assert_eq!(reference.is_some(), remembered);
    remembered
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn orders_lose_the_address_once_nothing_is_left_to_send_and_keep_their_sums(db: PgPool) {
    let house = House::new(db.clone()).await;
    let [shipped, partly, open, cancelled] = [
        house.confirmed("a").await,
        house.confirmed("b").await,
        house.placed("c").await,
        house.placed("d").await,
    ];
    house.managed(Operation::ShipOrder, "", shipped, json!({})).await;
    house.managed(Operation::ShipOrder, "", partly, json!({"parts": parts(1, 20)})).await;
    house.wish(Operation::CancelOrder, cancelled, json!({})).await;
    let before = house.read(shipped).await;

    let event = deleted(house.ada);
    for _ in 0..2 {
        assert_eq!(house.client.deliver(&event).await, "SUCCESS");
    }
    for (id, expected) in [(shipped, false), (partly, true), (open, true), (cancelled, false)] {
        assert_eq!(remembered(&db, id).await, expected);
    }
    let after = house.read(shipped).await;
    for field in ["number", "total", "lines", "status", "customer_id", "parcels"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["delivery_address"]["country"], "GB");
    let text = after.to_string();
    assert!(
        !text.contains("Lovelace") && !text.contains("St James") && !text.contains("invoice 536370"),
        "{text}"
    );

    // What is still to be sent goes there, and then it is forgotten too.
    house.managed(Operation::ShipOrder, "", partly, json!({})).await;
    house.wish(Operation::CancelOrder, open, json!({})).await;
    assert_eq!(forget(&house.app).await.unwrap(), 2);
    assert!(!remembered(&db, partly).await && !remembered(&db, open).await);
    assert_eq!(forget(&house.app).await.unwrap(), 0);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_line_that_is_cancelled_is_not_left_to_send(db: PgPool) {
    let house = House::new(db.clone()).await;
    let id = house.confirmed("a").await;
    house.managed(Operation::ShipOrder, "", id, json!({"parts": parts(1, 20)})).await;
    house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 4)})).await;
    house.client.deliver(&deleted(house.ada)).await;
    assert!(!remembered(&db, id).await);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn stored_answers_go_and_other_customers_keep_theirs(db: PgPool) {
    let house = House::new(db.clone()).await;
    let eve = UserId(Uuid::now_v7());
    let token = house.signer.token(eve, contracts::permission::Role::Customer);
    let hers = house.client.bearer(&token).with("idempotency-key", "e");
    let answer = hers.ask(Operation::PlaceOrder, "", Some(order())).await;
    let hers: OrderId = answer.body["id"].as_str().unwrap().parse().unwrap();
    let his = house.placed("a").await;
    house.wish(Operation::CancelOrder, his, json!({})).await;
    house.client.deliver(&deleted(house.ada)).await;
    assert!(remembered(&db, hers).await && !remembered(&db, his).await);
    let callers: Vec<Uuid> =
        sqlx::query_scalar("select distinct caller from idempotency").fetch_all(&db).await.unwrap();
    assert_eq!(callers, [eve.0]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_was_on_its_way_while_the_account_was_deleted_is_forgotten_too(db: PgPool) {
    let house = House::new(db.clone()).await;
    house.client.deliver(&deleted(house.ada)).await;
    let late = house.placed("a").await;
    house.wish(Operation::CancelOrder, late, json!({})).await;
    assert_eq!(forget(&house.app).await.unwrap(), 1);
    assert!(!remembered(&db, late).await);
    house.app.clock.advance(chrono::TimeDelta::hours(2));
    forget(&house.app).await.unwrap();
    let open: i64 = sqlx::query_scalar("select count(*) from forgotten_customer where done_at is null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(open, 0);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_the_customer_wrote_goes_and_so_does_what_staff_were_answered(db: PgPool) {
    let house = House::new(db.clone()).await;
    let (hers, sent) = (house.placed("a").await, house.confirmed("b").await);
    house.wish(Operation::CancelOrder, hers, json!({"reason": "my husband Charles bought one"})).await;
    house.managed(Operation::ShipOrder, "", sent, json!({})).await;
    // Refused, and noted all the same.
    house.wish(Operation::CancelOrder, sent, json!({"reason": "Charles again"})).await;
    let noted = house.manage(Operation::AddNote, "", sent, json!({"text": "the parcel may wait"})).await;
    assert!(noted.status.is_success(), "{}", noted.body);
    let all = async || -> String {
        sqlx::query_scalar(
            "select coalesce(string_agg(row, ' '), '') from (
                 select to_jsonb(e)::text from timeline_entry e union all select body from idempotency
             ) as everything (row)",
        )
        .fetch_one(&db)
        .await
        .unwrap()
    };
    let before = all().await;
    assert!(before.contains("my husband") && before.contains("Charles again") && before.contains("St James"));
    house.client.deliver(&deleted(house.ada)).await;
    let after = all().await;
    assert!(!after.contains("Charles") && !after.contains("St James"), "{after}");
    assert!(after.contains("the parcel may wait"), "what staff wrote stays");
}
