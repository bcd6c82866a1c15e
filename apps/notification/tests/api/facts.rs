//! What `order` is told for the books and for timelines.

use contracts::facts::{MOST, MessageFacts, OrdersQuery, ToldEnd};
use contracts::timeline::{TimelinePart, TimelineQuery};
use contracts::{Operation, OrderId};
use serde::Serialize;
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::{Stage, every_telling};

async fn ask(stage: &Stage, operation: Operation, body: &impl Serialize) -> Answer {
    let order = stage.client.with("dapr-caller-app-id", "order");
    order.ask(operation, "", Some(serde_json::to_value(body).unwrap())).await
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

async fn facts(stage: &Stage, order_ids: Vec<OrderId>) -> MessageFacts {
    let answer = ask(stage, Operation::ReadMessageFacts, &OrdersQuery { order_ids }).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn the_ends_that_were_told_are_named(db: PgPool) {
    let stage = Stage::new(db).await;
    for (_, told) in every_telling(stage.ada) {
        stage.client.deliver(&told).await;
    }
    let told = facts(&stage, (1..=12).map(order).collect()).await;
    let end = |number, end: &str| ToldEnd { order_id: order(number), end: end.to_owned() };
    let ends = [end(1, "confirmed"), end(2, "rejected"), end(3, "cancelled"), end(4, "expired")];
    assert_eq!((told.ends.as_slice(), told.repeated.len()), (ends.as_slice(), 0));
    assert_eq!(facts(&stage, vec![order(2)]).await.ends, [end(2, "rejected")]);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn what_was_told_twice_would_be_found(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for (_, told) in every_telling(stage.ada) {
        stage.client.deliver(&told).await;
    }
    sqlx::query("alter table message drop constraint message_once_key").execute(&db).await.unwrap();
    sqlx::query(
        "insert into message
             (id, customer_id, order_id, kind, cause, channel, language, subject, body, created_at)
         select gen_random_uuid(), customer_id, order_id, kind, cause, channel, language, subject, body, created_at
         from message where kind = 'parcel_shipped'",
    )
    .execute(&db)
    .await
    .unwrap();
    let told = facts(&stage, (1..=12).map(order).collect()).await;
    let repeated = &told.repeated[0];
    assert_eq!((told.repeated.len(), repeated.order_id, repeated.count), (1, order(6), 2));
    assert_eq!((repeated.kind.as_str(), repeated.channel.as_str()), ("parcel_shipped", "mailbox"));
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn the_timeline_says_that_it_was_told_and_never_in_which_words(db: PgPool) {
    let stage = Stage::new(db).await;
    let tellings = every_telling(stage.ada);
    for (_, told) in &tellings {
        stage.client.deliver(told).await;
    }
    let answer = ask(&stage, Operation::ReadMessageTimeline, &TimelineQuery { order_id: order(10) }).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut body = answer.body.clone();
    assert_eq!(body["entries"][0]["cause"], tellings[9].1.id.to_string());
    body["entries"][0]["cause"] = "[event]".into();
    insta::assert_json_snapshot!(body, @r#"
    {
      "entries": [
        {
          "at": "2026-11-22T10:00:00Z",
          "cause": "[event]",
          "detail": {
            "about": "refund:return:00000000-0000-0000-0000-00000000004d",
            "channel": "mailbox",
            "kind": "payment_refunded"
          },
          "kind": "effect",
          "name": "message_written",
          "trace_id": null,
          "who": "notification"
        }
      ]
    }
    "#);
    let nothing: TimelinePart = serde_json::from_value(
        ask(&stage, Operation::ReadMessageTimeline, &TimelineQuery { order_id: order(99) }).await.body,
    )
    .unwrap();
    assert_eq!(nothing.entries, []);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn only_order_may_ask_and_only_for_so_many(db: PgPool) {
    let stage = Stage::new(db).await;
    let ids = |count| OrdersQuery { order_ids: (0..count).map(|_| OrderId(Uuid::now_v7())).collect() };
    assert_eq!(ask(&stage, Operation::ReadMessageFacts, &ids(MOST)).await.status, 200);
    let refused = ask(&stage, Operation::ReadMessageFacts, &ids(MOST + 1)).await;
    assert_eq!(refused.problem(), "invalid-field");
    for operation in [Operation::ReadMessageFacts, Operation::ReadMessageTimeline] {
        for stranger in ["gateway", "payment", "product"] {
            let stranger = stage.client.with("dapr-caller-app-id", stranger);
            let refused = stranger.ask(operation, "", Some(serde_json::json!({}))).await;
            assert_eq!(refused.problem(), "forbidden", "{}", operation.name());
        }
    }
}
