//! What it hears becomes one message each, whatever is delivered how often.

use contracts::event::OrderRefundRequested;
use contracts::{CancellationId, Currency, EventId, Money, OrderId, RefundCause};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Stage, confirmed, envelope, rejected};

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_confirmed_order_is_told_once(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let event = confirmed(5, stage.ada);
    assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
    assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
    let mut messages = stage.mailbox().await;
    messages[0]["id"] = "[id]".into();
    insta::assert_json_snapshot!(messages, @r#"
    [
      {
        "body": "Thank you for your order CW-5.\nEverything you ordered is set aside for you, and the payment of GBP 19.99 went through.\n",
        "created_at": "2026-11-22T10:00:00Z",
        "id": "[id]",
        "kind": "order_confirmed",
        "order_id": "00000000-0000-0000-0000-000000000005",
        "subject": "Your order CW-5 is confirmed"
      }
    ]
    "#);
    assert_eq!(failed(&db).await, Vec::<(String, String)>::new());
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_rejected_order_is_told_once_with_its_reason(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let event = rejected(5, stage.ada);
    assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
    assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
    let mut messages = stage.mailbox().await;
    messages[0]["id"] = "[id]".into();
    insta::assert_json_snapshot!(messages, @r#"
    [
      {
        "body": "We are sorry: we could not take your order CW-5, and you pay nothing for it.\nYour card was declined.\nYou can order again with another card, or ask your bank why.\n",
        "created_at": "2026-11-22T10:00:00Z",
        "id": "[id]",
        "kind": "order_rejected",
        "order_id": "00000000-0000-0000-0000-000000000005",
        "subject": "Your order CW-5 could not be taken"
      }
    ]
    "#);
    assert_eq!(failed(&db).await, Vec::<(String, String)>::new());
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn deliveries_at_the_same_time_are_told_once(db: PgPool) {
    let stage = Stage::new(db).await;
    let event = confirmed(5, stage.ada);
    let verdicts = tokio::join!(
        stage.client.deliver(&event),
        stage.client.deliver(&event),
        stage.client.deliver(&event)
    );
    assert_eq!(verdicts, ("SUCCESS".into(), "SUCCESS".into(), "SUCCESS".into()));
    assert_eq!(stage.mailbox().await.len(), 1);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn an_end_that_is_said_again_is_not_told_again(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for event in [confirmed(5, stage.ada), rejected(6, stage.ada)] {
        let mut again = event.clone();
        again.id = EventId(Uuid::now_v7());
        again.sequence += 1;
        assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
        assert_eq!(stage.client.deliver(&again).await, "SUCCESS");
    }
    assert_eq!(stage.mailbox().await.len(), 2);
    let handled: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(&db).await.unwrap();
    assert_eq!(handled, 4);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_late_end_takes_nothing_back(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.client.deliver(&confirmed(5, stage.ada)).await;
    stage.client.deliver(&rejected(5, stage.ada)).await;
    let kinds: Vec<_> = stage.mailbox().await.iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(kinds, ["order_rejected", "order_confirmed"]);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn events_for_others_are_passed_over(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let order_id = OrderId(Uuid::from_u128(5));
    let cause = RefundCause::Cancellation(CancellationId(order_id.0));
    let amount = Money::new(100, Currency::Gbp).unwrap();
    let refund_requested = envelope(order_id, 2, OrderRefundRequested { order_id, cause, amount });
    assert_eq!(stage.client.deliver(&refund_requested).await, "SUCCESS");
    assert_eq!(stage.mailbox().await.len(), 0);
    assert_eq!(failed(&db).await, Vec::<(String, String)>::new());
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn what_cannot_be_read_is_dropped_with_its_reason(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let changed = |event: Value, path: &str, value: Value| {
        let mut event = event;
        *event.pointer_mut(path).unwrap() = value;
        event.to_string()
    };
    let without = |event: Value, field: &str| {
        let mut event = event;
        event["data"].as_object_mut().unwrap().remove(field);
        event.to_string()
    };
    let confirmed = || {
        let event = confirmed(5, stage.ada);
        (event.id, event.to_json())
    };
    for body in [
        "not json".to_owned(),
        "{}".to_owned(),
        changed(confirmed().1, "/type", json!("order.confirmed.v9")),
        changed(confirmed().1, "/type", json!("order.celebrated.v1")),
        changed(confirmed().1, "/source", json!("payment")),
        changed(confirmed().1, "/subject", json!("five")),
        changed(confirmed().1, "/data/total", json!({"amount": -1, "currency": "GBP"})),
        without(confirmed().1, "customer_id"),
        without(rejected(5, stage.ada).to_json(), "refusal"),
    ] {
        assert_eq!(stage.client.deliver_raw("/events/order", body.clone()).await, "DROP", "{body}");
    }
    assert_eq!(stage.mailbox().await.len(), 0);
    let failed = failed(&db).await;
    assert_eq!(failed.len(), 9);
    assert!(failed.iter().all(|(reason, error)| reason == "refused" && !error.is_empty()), "{failed:?}");
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_dead_letter_is_recorded_as_undelivered(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let event = confirmed(5, stage.ada).to_json().to_string();
    assert_eq!(stage.client.deliver_raw("/dead/order", event).await, "SUCCESS");
    let failed = failed(&db).await;
    assert_eq!((failed.len(), failed[0].0.as_str()), (1, "undelivered"));
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn nobody_delivers_an_event_by_invocation(db: PgPool) {
    let stage = Stage::new(db).await;
    let event = confirmed(5, stage.ada).to_json().to_string();
    for path in ["/events/order", "/dead/order"] {
        let refused = stage.client.send("POST", path, Some(event.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (403, "forbidden"));
        let stranger = stage.client.without("dapr-caller-app-id").without("dapr-api-token");
        assert_eq!(stranger.send("POST", path, Some(event.clone())).await.status, 401);
    }
    assert_eq!(stage.mailbox().await.len(), 0);
}

async fn failed(db: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("select reason, error from failed_event").fetch_all(db).await.unwrap()
}
