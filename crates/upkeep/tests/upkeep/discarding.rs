//! Giving failed events up: with a reason, all or none, and for good.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::stage::{Service, envelope, ids};

#[sqlx::test(migrations = "../../migrations/order")]
async fn what_is_given_up_is_kept_with_who_and_why(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1);
    service.refuse(std::slice::from_ref(&event)).await;
    let id = service.failed_id(&event).await;
    let body = json!({"ids": [id, id], "reason": "sent by a test"});
    let first = service.discard("a", body.clone()).await;
    assert_eq!((first.status.as_u16(), &first.body), (200, &json!({"discarded": 1})));
    assert_eq!(service.discard("a", body).await.body, first.body);

    let read = service.read(id).await;
    assert_eq!(read["state"], "discarded");
    let act = &read["acts"][0];
    assert_eq!((&act["act"], &act["reason"]), (&"discard".into(), &"sent by a test".into()));
    assert_eq!((&act["actor"], read["acts"].as_array().unwrap().len()), (&json!(service.operator), 1));
    assert_eq!(service.redrive("b", ids(&[id])).await.problem(), "already-handled");
    let again = service.discard("c", json!({"ids": [id], "reason": "again"})).await;
    assert_eq!(again.problem(), "already-handled");
    assert_eq!((service.seen(), service.audited().await), (Vec::new(), 1));
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn all_are_given_up_or_none(db: PgPool) {
    let service = Service::new(&db);
    let events = [envelope(Uuid::now_v7(), 1), envelope(Uuid::now_v7(), 1)];
    service.refuse(&events).await;
    let (open, handled) = (service.failed_id(&events[0]).await, service.failed_id(&events[1]).await);
    assert_eq!(service.redrive("a", ids(&[handled])).await.body["handled"], 1);
    let cases = [
        (json!({"ids": [open, handled], "reason": "x"}), "already-handled"),
        (json!({"ids": [open, Uuid::now_v7()], "reason": "x"}), "not-found"),
        (json!({"ids": [open], "reason": ""}), "invalid-field"),
        (json!({"ids": [], "reason": "x"}), "invalid-field"),
    ];
    for (body, problem) in cases {
        assert_eq!(service.discard("b", body.clone()).await.problem(), problem, "{body}");
    }
    assert_eq!(service.read(open).await["state"], "open");
    assert_eq!(service.audited().await, 1);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn a_dead_letter_of_what_was_given_up_brings_nothing_back(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1);
    service.refuse(std::slice::from_ref(&event)).await;
    let id = service.failed_id(&event).await;
    assert_eq!(service.discard("a", json!({"ids": [id], "reason": "x"})).await.status, 200);
    assert_eq!(service.client().deliver_raw("/dead/order", event.to_json().to_string()).await, "SUCCESS");
    assert_eq!(service.listed("").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(service.read(id).await["state"], "discarded");
}
