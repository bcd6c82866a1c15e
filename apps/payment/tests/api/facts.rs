//! What `order` is told for the books and for its timeline, and receipts that somebody has touched.

use contracts::receipt::{self, ReceiptChain};
use contracts::{Operation, OrderId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::courses::{cancellation, capture_requested, refund_requested};
use crate::house::{House, rejected};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_facts_are_sums_over_what_is_written(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_card_visa").await;
    let cause = cancellation();
    house.refund(&order, cause, 500).await;
    house.pass(60).await;
    let mut facts = house.facts(&order).await;
    assert_eq!(facts["refunds"], json!([{"cause": cause, "amount": 500, "state": "made"}]));
    facts["order_id"] = json!("…");
    facts["refunds"] = json!("…");
    insta::assert_json_snapshot!(facts, @r#"
    {
      "authorised_open": false,
      "broken_receipt": null,
      "captured": 1999,
      "captures": 1,
      "changed_at": "2026-11-01T09:00:00Z",
      "currency": "GBP",
      "dispute_open": false,
      "due": false,
      "ledger_captured": 1999,
      "ledger_refunded": 500,
      "order_id": "…",
      "provider": null,
      "refunded": 500,
      "refunds": "…",
      "stage": "captured",
      "unbalanced": [],
      "unknown": false
    }
    "#);
    let held = house.held("pm_card_visa").await;
    let facts = house.facts(&held).await;
    assert_eq!((&facts["stage"], &facts["authorised_open"]), (&json!("authorised"), &json!(true)));
    house.hear(rejected(&held)).await;
    assert_eq!(house.facts(&held).await["authorised_open"], json!(true), "it is being let go");
    house.work_through().await;
    let facts = house.facts(&held).await;
    assert_eq!((&facts["stage"], &facts["authorised_open"]), (&json!("closed"), &json!(false)));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_waits_for_staff_and_what_is_unknown_is_told(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.held("pm_capture_declined_always").await;
    house.hear(capture_requested(&order, 1999, 1)).await;
    house.work_through().await;
    let facts = house.facts(&order).await;
    assert_eq!((&facts["due"], &facts["captured"]), (&json!(true), &json!(0)));
    let refund = house.charge("pm_refund_hang_once").await;
    house.hear(rejected(&refund)).await;
    house.work().await;
    let facts = house.facts(&refund).await;
    assert_eq!((&facts["unknown"], &facts["refunds"][0]["state"]), (&json!(false), &json!("in_hand")));
    let unknown = house.begin("tok_hang").await;
    house.work().await;
    assert_eq!(house.facts(&unknown).await["unknown"], json!(true));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn payments_are_told_by_order_and_page_by_page(db: PgPool) {
    let house = House::new(db).await;
    let mut orders = Vec::new();
    for token in ["pm_card_visa", "pm_card_insufficientFunds", "pm_card_visa"] {
        orders.push(house.charge(token).await.order_id);
    }
    let ids = |told: &Value| -> Vec<OrderId> {
        let payments = told["payments"].as_array().unwrap().iter();
        payments.map(|payment| payment["order_id"].as_str().unwrap().parse().unwrap()).collect()
    };
    let ask = async |query| house.told(Operation::ReadPaymentFacts, query).await;
    let unheard = Uuid::now_v7();
    assert_eq!(ids(&ask(json!({"orders": [orders[2], unheard, orders[0]]})).await), [orders[0], orders[2]]);
    let open = [orders[0], orders[2]];
    assert_eq!(ids(&ask(json!({"after": null})).await), open, "nothing moved for what was declined");
    assert_eq!(ids(&ask(json!({"after": orders[0]})).await), [orders[2]]);
    assert_eq!(ids(&ask(json!({"after": orders[2]})).await), []);
    let many: Vec<Uuid> = (0..501).map(|_| Uuid::now_v7()).collect();
    let order = house.client.with("dapr-caller-app-id", "order");
    let answer = order.ask(Operation::ReadPaymentFacts, "", Some(json!({"orders": many}))).await;
    assert_eq!(answer.problem(), "invalid-field");
    let other = house.client.ask(Operation::ReadPaymentFacts, "", Some(json!({"orders": []}))).await;
    assert_eq!(other.status, 403, "only order may ask");
}

async fn chain(house: &House, id: OrderId) -> ReceiptChain {
    let answer = house.staff().ask(Operation::VerifyReceipts, &format!("order_id={id}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_receipt_that_was_touched_is_found_at_its_line(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    house.hear(rejected(&order)).await;
    house.work_through().await;
    let whole = chain(&house, order.order_id).await;
    assert_eq!((whole.receipts.len(), whole.broken_at), (6, None));
    assert_eq!(receipt::verify(order.order_id, &whole.receipts), None, "whoever reads it can check it too");
    for (statement, broken) in [
        ("update receipt set state = 'failed' where sequence = 3", Some(3)),
        ("update receipt set state = 'confirmed' where sequence = 3", None),
        ("update receipt set at = at + interval '1 second' where sequence = 5", Some(5)),
        ("update receipt set at = at - interval '1 second' where sequence = 5", None),
        ("delete from receipt where sequence = 2", Some(3)),
    ] {
        sqlx::query(statement).execute(&house.app.db).await.unwrap();
        assert_eq!(chain(&house, order.order_id).await.broken_at, broken, "{statement}");
        assert_eq!(house.facts(&order).await["broken_receipt"], json!(broken), "{statement}");
    }
    let query = format!("order_id={}", Uuid::now_v7());
    let unknown = house.staff().ask(Operation::VerifyReceipts, &query, None).await;
    assert_eq!(unknown.problem(), "not-found");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_timeline_tells_what_was_done_by_whom_and_why(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_refund_refused_once").await;
    let cause = cancellation();
    let asked = house.hear(refund_requested(&order, cause, 500)).await;
    house.work_through().await;
    house.pass(60).await;
    let body = json!({"action": "settle_refund", "cause": cause, "reason": "paid by bank transfer"});
    assert_eq!(house.resolve(&order, body).await.status, 201);
    let told = house.told(Operation::ReadPaymentTimeline, json!({"order_id": order.order_id})).await;
    let entries = told["entries"].as_array().unwrap();
    let names: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["kind"].as_str().unwrap(), entry["name"].as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            "receipt charge_planned",
            "receipt charge_sent",
            "receipt charge_confirmed",
            "receipt refund_planned",
            "receipt refund_sent",
            "receipt refund_failed",
            "effect payment.captured.v1",
            "receipt refund_failed",
            "decided payment.refund_failed.v1",
            "command resolve_payment",
            "effect payment.refunded.v1",
        ]
    );
    let failed = entries.iter().find(|entry| entry["name"] == "payment.refund_failed.v1").unwrap();
    assert_eq!(failed["cause"], json!(asked.id.to_string()));
    assert_eq!(failed["detail"]["refund"], json!(cause));
    let decided = entries.iter().find(|entry| entry["kind"] == "command").unwrap();
    assert_eq!(decided["who"], json!(Uuid::from_u128(77)));
    assert_eq!(decided["detail"]["reason"], "paid by bank transfer");
    assert!(!told.to_string().contains("pm_"), "{told}");
    let nothing = house.told(Operation::ReadPaymentTimeline, json!({"order_id": Uuid::now_v7()})).await;
    assert_eq!(nothing, json!({"entries": []}));
}
