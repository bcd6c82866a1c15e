//! Books, receipts, timelines and failed events.

use contracts::OrderId;
use contracts::receipt::{self, ReceiptChain, ReceiptLine, START};
use desk::failed::{Act, Kind, Service};
use desk::{Errand, verify};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{Gateway, run};

fn report(violated: u64, unreachable: &[&str], next_cursor: Option<&str>) -> Value {
    let violation = json!({
        "statement": "stock", "what": "on hand is not the sum of the movements", "order_id": null,
        "product_id": Uuid::from_u128(5), "event_ids": [], "row": null, "expected": "7", "found": "8",
    });
    let violations = if violated > 0 { vec![violation] } else { Vec::new() };
    json!({
        "scope": "all", "green": violated == 0 && unreachable.is_empty(), "began_at": "2026-11-01T08:45:00Z",
        "ended_at": "2026-11-01T08:45:01Z", "unreachable": unreachable, "next_cursor": next_cursor,
        "statements": [{"number": 1, "statement": "stock", "says": "Stock holds.", "violated": violated, "violations": violations}],
        "checked": {"orders": 100, "left_out": 1, "products": 20},
        "oldest_left_out": {"order_id": Uuid::from_u128(9), "since": "2026-11-01T08:40:00Z"},
        "sums": [{
            "currency": "GBP", "captured": 1_250, "to_capture": 0, "due": 0, "refunded": 250, "refund_owed": 5,
            "refund_failed": 0,
        }],
    })
}

#[tokio::test]
async fn everything_is_asked_for_page_by_page_and_told_as_one() {
    let pages =
        json!({"POST /v1/books/checks": [report(0, &["payment"], Some("products")), report(0, &[], None)]});
    let (gateway, session) = Gateway::start(pages).await;
    let said = run(&session, Errand::Books { all: true }).await;
    assert!(!said.well, "a service was away on one of the pages: {}", said.text);
    for told in [
        "✓  1  holds        Stock holds.",
        "200 orders and 40 products looked at; 2 orders are still on their way",
        "the oldest is 00000000-0000-0000-0000-000000000009 since 2026-11-01 08:40:00",
        "GBP 25.00 captured, GBP 5.00 refunded, refunds owed GBP 0.10",
        "✗ payment could not be asked",
        "✗ the books do not agree",
    ] {
        assert!(said.text.contains(told), "{told}: {}", said.text);
    }
    let bodies: Vec<Value> = gateway.asked().into_iter().map(|(_, body)| body).collect();
    assert_eq!(
        bodies,
        [json!({"scope": "all", "cursor": null}), json!({"scope": "all", "cursor": "products"})]
    );
}

#[tokio::test]
async fn a_violation_names_its_rows() {
    let (_, session) = Gateway::start(json!({"POST /v1/books/checks": [report(3, &[], None)]})).await;
    let said = run(&session, Errand::Books { all: false }).await;
    assert!(!said.well);
    for told in [
        "✗  1  3 violated",
        "product 00000000-0000-0000-0000-000000000005: on hand is not the sum of the movements",
        "expected 7",
        "found    8",
        "and 2 more",
    ] {
        assert!(said.text.contains(told), "{told}: {}", said.text);
    }
}

#[tokio::test]
async fn green_books_are_said_to_agree() {
    let (_, session) = Gateway::start(json!({"POST /v1/books/checks": [report(0, &[], None)]})).await;
    let said = run(&session, Errand::Books { all: false }).await;
    assert!(said.well && said.text.contains("✓ the books agree"), "{}", said.text);
}

fn chain() -> ReceiptChain {
    let order_id = OrderId(Uuid::from_u128(7));
    let mut previous = START;
    let receipts = (1..=3).map(|sequence| {
        let mut line = ReceiptLine {
            sequence,
            kind: "charge".into(),
            key: "key".into(),
            state: "sent".into(),
            provider_reference: None,
            attempt: 1,
            at: "2026-11-01T08:45:00Z".parse().unwrap(),
            request_hash: START,
            previous_hash: previous,
            hash: START,
        };
        line.hash = receipt::hash(order_id, &line, previous);
        previous = line.hash;
        line
    });
    ReceiptChain { order_id, receipts: receipts.collect(), broken_at: None }
}

#[test]
fn the_chain_is_computed_here_whatever_the_service_says() {
    let whole = chain();
    let said = verify::tell(whole.order_id, &whole).unwrap();
    assert!(said.well && said.text.contains("✓ 3 receipts, a whole chain"), "{}", said.text);

    let mut altered = chain();
    altered.receipts[1].state = "confirmed".into();
    let said = verify::tell(altered.order_id, &altered).unwrap();
    assert!(!said.well, "{}", said.text);
    assert!(said.text.contains("✗ the chain breaks at receipt 2"), "{}", said.text);
    assert!(said.text.contains("✗ the service itself calls it whole"), "{}", said.text);
}

#[tokio::test]
async fn an_order_is_found_by_its_number() {
    let id = Uuid::from_u128(7);
    let answers = json!({
        "GET /v1/orders?number=7K3M-9QXT": [{"items": [{"id": id}]}],
        format!("GET /v1/orders/{id}/timeline"): [{"items": [{
            "at": "2026-11-01T08:45:00Z", "kind": "decided", "name": "order.confirmed.v1", "who": "order",
            "cause": null, "trace_id": null, "detail": {"event_id": "x"},
        }], "unreachable": ["payment"]}],
        "GET /v1/orders?number=0000-0000": [{"items": []}],
    });
    let (_, session) = Gateway::start(answers).await;
    let said = run(&session, Errand::Timeline { order: "7K3M-9QXT".into() }).await;
    assert!(!said.well && said.text.contains("payment could not be asked"), "{}", said.text);
    assert!(
        said.text.contains(r#"decided  order        order.confirmed.v1  {"event_id":"x"}"#),
        "{}",
        said.text
    );
    let unknown = desk::run(&session, Errand::Verify { order: "0000-0000".into() }).await.unwrap_err();
    assert!(unknown.to_string().contains("there is no order 0000-0000"), "{unknown}");
}

#[tokio::test]
async fn failed_events_are_listed_of_every_service_and_sent_again_by_name() {
    let none = json!([{"items": [], "counts": []}]);
    let event = json!({
        "id": Uuid::from_u128(3), "topic": "order", "event_id": null, "type": "order.placed.v1",
        "subject": Uuid::from_u128(7), "sequence": 1, "reason": "refused", "error": "no such order", "attempts": 2,
        "state": "open", "last_at": "2026-11-01T08:45:00Z",
    });
    let redriven = json!({"handled": 0, "already_handled": 0, "refused": 1, "postponed": 0, "left": 0,
        "events": [{"id": Uuid::from_u128(3), "outcome": "refused"}]});
    let (gateway, session) = Gateway::start(json!({
        "GET /v1/failed-events/product?limit=200&state=open": [{"items": [event], "counts": []}],
        "GET /v1/failed-events/order?limit=200&state=open": none,
        "GET /v1/failed-events/payment?limit=200&state=open": none,
        "GET /v1/failed-events/notification?limit=200&state=open": none,
        "POST /v1/failed-events/product/redrives": [redriven],
        "POST /v1/failed-events/order/discards": [{"discarded": 1}],
    }))
    .await;
    let list = Act::List { service: None, kind: Kind::default(), state: "open".into() };
    let said = run(&session, Errand::Failed { act: list }).await;
    assert!(said.text.contains("product ← order  order.placed.v1 of") && said.text.contains("no such order"));

    let redrive = Act::Redrive {
        service: Service::Product,
        ids: Vec::new(),
        kind: Kind { why: Some("refused".into()), ..Kind::default() },
        rate: Some(5),
        rounds: None,
        reason: "mended".into(),
        key: None,
    };
    let said = run(&session, Errand::Failed { act: redrive }).await;
    assert!(!said.well && said.text.contains("1 refused again"), "{}", said.text);
    let ids = vec![Uuid::from_u128(3)];
    let discard = Act::Discard { service: Service::Order, ids, reason: "a test".into(), key: None };
    assert_eq!(run(&session, Errand::Failed { act: discard }).await.text, "1 given up");
    let asked = gateway.asked();
    assert_eq!(asked[4].1, json!({"reason": "mended", "filter": {"reason": "refused"}, "rate": 5}));
    assert_eq!(asked[5].1, json!({"ids": [Uuid::from_u128(3)], "reason": "a test"}));
}
