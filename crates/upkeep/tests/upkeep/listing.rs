//! What operators see: every failed event, whatever it is made of, and what was done about it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::operation::owned_by;
use contracts::{App, Envelope, Operation};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::stage::{Service, envelope, ids};

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_cannot_be_read_is_listed_and_shown_as_it_came(db: PgPool) {
    let service = Service::new(&db);
    for rubbish in ["rubbish", "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"order.placed.v9\"}"] {
        assert_eq!(service.client().deliver_raw("/events/order", rubbish.to_owned()).await, "DROP");
    }
    let listed = service.listed("topic=order&reason=refused&state=open").await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    // The newest first.
    assert_eq!((&items[0]["type"], &items[1]["type"]), (&json!("order.placed.v9"), &json!(null)));
    assert!(items[1]["error"].as_str().unwrap().starts_with("not a JSON CloudEvent"));

    let rubbish = service.read(items[1]["id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(rubbish["payload_base64"], STANDARD.encode("rubbish"));
    assert_eq!((&rubbish["payload"], &rubbish["order_id"]), (&json!(null), &json!(null)));
    let json = service.read(items[0]["id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(
        (&json["payload"]["type"], &json["payload_base64"]),
        (&json!("order.placed.v9"), &json!(null))
    );
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_failed_event_tells_its_order_its_error_and_what_was_done(db: PgPool) {
    let service = Service::new(&db);
    let order = Uuid::now_v7();
    let event = envelope(order, 3);
    let client = service.client().with("__partition", "4").with("__offset", "17");
    service.set_mood(&event, crate::stage::Mood::Refuses);
    assert_eq!(client.deliver(&event).await, "DROP");
    let id = service.failed_id(&event).await;
    assert_eq!(service.redrive("a", ids(&[id])).await.status, 200);

    let read = service.read(id).await;
    assert_eq!(read["order_id"], json!(order));
    assert_eq!(read["payload"], event.to_json());
    assert_eq!(read["error"], "an order of nothing");
    assert_eq!(
        (&read["attempts"], &read["state"], &read["reason"]),
        (&2.into(), &"open".into(), &"refused".into())
    );
    assert_eq!((&read["partition"], &read["offset"], &read["sequence"]), (&4.into(), &17.into(), &3.into()));
    let act = &read["acts"][0];
    assert_eq!((&act["act"], &act["reason"]), (&"redrive".into(), &"mended".into()));
    assert_eq!((&act["actor"], &act["permission"]), (&json!(service.operator), &"events:redrive".into()));
    let unknown = format!("failed_event_id={}", Uuid::now_v7());
    let answer = service.client().ask(Operation::ReadFailedPayment, &unknown, None).await;
    assert_eq!(answer.problem(), "not-found");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn the_list_has_pages_filters_and_counts(db: PgPool) {
    let service = Service::new(&db);
    let events: Vec<Envelope> = (1..=5).map(|sequence| envelope(Uuid::now_v7(), sequence)).collect();
    service.refuse(&events[..4]).await;
    let dead = events[4].to_json().to_string();
    assert_eq!(service.client().deliver_raw("/dead/order", dead).await, "SUCCESS");
    let handled = service.failed_id(&events[0]).await;
    assert_eq!(service.redrive("a", ids(&[handled])).await.body["handled"], 1);
    let given_up = service.failed_id(&events[1]).await;
    assert_eq!(service.discard("b", json!({"ids": [given_up], "reason": "a test"})).await.status, 200);

    let mut found = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = service.listed(&query).await;
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["event_id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    let newest_first: Vec<_> = events.iter().rev().map(|event| json!(event.id)).collect();
    assert_eq!(found, newest_first);

    let count = async |query: &str| service.listed(query).await["items"].as_array().unwrap().len();
    assert_eq!(count("state=open").await, 3);
    assert_eq!(count("state=handled").await, 1);
    assert_eq!(count("state=discarded").await, 1);
    assert_eq!(count("reason=undelivered").await, 1);
    assert_eq!(count("type=order.expired.v1&reason=refused").await, 4);
    assert_eq!(count("topic=product").await, 0);
    let counts = &service.listed("state=open").await["counts"];
    assert_eq!(
        *counts,
        json!([
            {"topic": "order", "type": "order.expired.v1", "reason": "refused", "open": 2, "handled": 1, "discarded": 1},
            {"topic": "order", "type": "order.expired.v1", "reason": "undelivered", "open": 1, "handled": 0, "discarded": 0},
        ])
    );
    for wrong in ["state=gone", "reason=why", "limit=0", "colour=red"] {
        let answer = service.client().ask(Operation::ListFailedPayment, wrong, None).await;
        assert_eq!(answer.problem(), "invalid-parameter", "{wrong}");
    }
    let answer = service.client().ask(Operation::ListFailedPayment, "cursor=x", None).await;
    assert_eq!(answer.problem(), "invalid-cursor");
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn only_who_may_sees_or_touches_them(db: PgPool) {
    let service = Service::new(&db);
    let reader = service.signer.sign(&service.signer.claims(service.operator, "events:read"));
    let reader = service.client().bearer(&reader).with("idempotency-key", "a");
    assert_eq!(reader.ask(Operation::ListFailedPayment, "", None).await.status, 200);
    for operation in [Operation::RedriveFailedPayment, Operation::DiscardFailedPayment] {
        let body = json!({"ids": [Uuid::nil()], "reason": "mine"});
        assert_eq!(reader.ask(operation, "", Some(body)).await.problem(), "forbidden");
    }
    let stranger = service.client().with("dapr-caller-app-id", "product");
    for row in owned_by(App::Payment).filter(|row| row.name.contains("_failed_")) {
        assert_eq!(stranger.ask(row.operation, "", None).await.problem(), "forbidden", "{}", row.name);
    }
    assert_eq!(service.audited().await, 0);
}
