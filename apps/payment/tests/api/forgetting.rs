//! What is kept of a customer whose account was deleted: the payments, and no way to pay.

use contracts::event::UserDeleted;
use contracts::{Envelope, Event, EventId, UserId};
use payment::jobs::forgetting::forget;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, reserved};

fn deleted(house: &House, user_id: UserId) -> Envelope {
    let event = Event::from(UserDeleted { user_id });
    Envelope {
        id: EventId(Uuid::now_v7()),
        source: event.event_type().row().publisher,
        subject: user_id.0,
        sequence: 3,
        time: house.now(),
        traceparent: None,
        correlation_id: None,
        causation_id: None,
        event,
    }
}

async fn tokens(db: &PgPool) -> Vec<(String, Option<String>)> {
    sqlx::query_as("select provider_token, brand from payment_method order by id")
        .fetch_all(db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_way_to_pay_goes_once_nothing_is_charged_with_it_any_more(db: PgPool) {
    let house = House::new(db.clone()).await;
    let paid = house.charge("pm_card_visa").await;
    let open = house.order("pm_card_amex").await;
    house.hear(open.clone()).await;
    let event = deleted(&house, house.ada);
    for _ in 0..2 {
        assert_eq!(house.client.deliver(&event).await, "SUCCESS");
    }
    let gone = || ("forgotten".to_owned(), None);
    let kept = tokens(&db).await;
    assert_eq!((kept[0].clone(), kept[1].0.as_str()), (gone(), "pm_card_amex"));

    // What was ordered before is charged; then that one goes too, and the books have both.
    house.hear(reserved(&open)).await;
    house.work_through().await;
    assert_eq!(forget(&house.app).await.unwrap(), 1);
    assert_eq!(tokens(&db).await, [gone(), gone()]);
    for order in [&paid, &open] {
        assert_eq!(house.status(order).await, "captured");
    }
    assert_eq!(house.count("idempotency").await, 0);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn nothing_can_be_paid_with_a_forgotten_method_and_others_keep_theirs(db: PgPool) {
    let house = House::new(db.clone()).await;
    let method = house.method("pm_card_visa").await;
    house.client.deliver(&deleted(&house, UserId(Uuid::now_v7()))).await;
    assert_eq!(tokens(&db).await[0].0, "pm_card_visa");
    house.client.deliver(&deleted(&house, house.ada)).await;
    assert_eq!(tokens(&db).await[0].0, "forgotten");
    let late = house.order_by(method);
    house.hear(late.clone()).await;
    house.hear(reserved(&late)).await;
    house.work_through().await;
    assert_eq!(house.said_names(&late).await, ["payment.declined.v1"]);
    assert_eq!(house.counts(&late).await, [0, 0, 0]);
    house.clock.advance(chrono::TimeDelta::hours(2));
    forget(&house.app).await.unwrap();
    let open: i64 = sqlx::query_scalar("select count(*) from forgotten_customer where done_at is null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(open, 0);
}
