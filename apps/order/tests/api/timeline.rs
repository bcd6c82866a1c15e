//! The timeline: own lines, what the others tell, and who could not be asked.

use chrono::TimeDelta;
use contracts::event::StockReserved;
use contracts::permission::Role;
use contracts::{EntryKind, Operation, TimelineEntry, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, now};

fn entry(seconds: i64, kind: EntryKind, name: &str, who: &str) -> TimelineEntry {
    TimelineEntry {
        at: now() + TimeDelta::seconds(seconds),
        kind,
        name: name.into(),
        who: who.into(),
        cause: None,
        trace_id: None,
        detail: json!({}),
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_every_service_tells_is_merged_by_time(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    house.app.clock.advance(TimeDelta::seconds(2));
    house.hear(StockReserved { order_id: id }.into(), 1).await;
    let stock =
        [entry(1, EntryKind::Effect, "reserved", "product"), entry(2, EntryKind::Effect, "later", "product")];
    house.sidecar.answer(Operation::ReadStockTimeline, 200, json!({"entries": stock}));
    let money = [entry(1, EntryKind::Receipt, "charge sent", "payment")];
    house.sidecar.answer(Operation::ReadPaymentTimeline, 200, json!({"entries": money}));

    let answer = house.client.ask(Operation::ReadTimeline, &format!("order_id={id}"), None).await.body;
    assert_eq!(answer["unreachable"], json!(["notification"]));
    let names: Vec<_> =
        answer["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    // At the same time each service's own order stays, this one's first.
    assert_eq!(names, ["place_order", "reserved", "charge sent", "stock.reserved.v1", "later"]);
    let asked: Vec<Value> = house
        .sidecar
        .invocations()
        .iter()
        .filter(|call| call.operation.ends_with("_timeline"))
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert_eq!(asked, vec![json!({"order_id": id}); 3]);

    // An answer that cannot be read is no answer.
    house.sidecar.answer(Operation::ReadPaymentTimeline, 200, json!({"lines": []}));
    let answer = house.client.ask(Operation::ReadTimeline, &format!("order_id={id}"), None).await.body;
    assert_eq!(answer["unreachable"], json!(["payment", "notification"]));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn nobody_is_asked_about_somebody_elses_order(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let bob = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Customer));
    let answer = bob.ask(Operation::ReadTimeline, &format!("order_id={id}"), None).await;
    assert_eq!(answer.problem(), "not-found");
    assert!(house.sidecar.invocations().is_empty());
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn staff_writes_notes_and_customers_do_not(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    house.managed(Operation::AddNote, "", id, json!({"text": "The customer called."})).await;
    let answer = house.manage(Operation::AddNote, "", id, json!({"text": ""})).await;
    assert_eq!(answer.problem(), "invalid-field");
    let answer = house.wish(Operation::AddNote, id, json!({"text": "me too"})).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (403, "forbidden"));
    let query = format!("order_id={id}");
    let note = house.staff().ask(Operation::ReadTimeline, &query, None).await.body;
    let note = note["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&note["kind"], &note["detail"]["text"]), (&json!("note"), &json!("The customer called.")));
    assert_eq!(note["who"], json!(Uuid::from_u128(77)));
    // Nor do they read them.
    assert_eq!(house.told(id).await, ["command place_order"]);
    assert_eq!(house.said_of(id).await, ["order.placed.v1"]);
}
