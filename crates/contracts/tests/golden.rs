//! One golden JSON for each event: a change of the wire shows here first.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

use chrono::{DateTime, Utc};
use contracts::event::{
    EVENTS, OrderConfirmed, OrderExpired, OrderLine, OrderPlaced, OrderRejected, PaymentAuthorised,
    PaymentCaptured, PaymentDeclined, PaymentOverdue, PaymentRefunded, ProductChanged, ReservationOverdue,
    StockRejected, StockReserved,
};
use contracts::{
    CaptureMode, Currency, Envelope, Event, EventId, EventType, Money, OrderId, PaymentId, PaymentMethodId,
    ProductId, Quantity, Refusal, Terms, UserId,
};
use uuid::Uuid;

const fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + last)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn example(event_type: EventType) -> Event {
    let (order_id, payment_id) = (OrderId(id(1)), PaymentId(id(2)));
    let (product_id, customer_id) = (ProductId(id(3)), UserId(id(4)));
    let number = "7K3M-9QXT".to_owned();
    let refusal = Refusal::PriceChanged { product_id, expected: pounds(375), actual: pounds(395) };
    match event_type {
        EventType::ProductChanged => ProductChanged {
            product_id,
            sku: "22728".into(),
            name: "ALARM CLOCK BAKELIKE PINK".into(),
            price: pounds(375),
            stock_controlled: true,
            archived: false,
        }
        .into(),
        EventType::StockReserved => StockReserved { order_id }.into(),
        EventType::StockRejected => StockRejected { order_id, refusal }.into(),
        EventType::ReservationOverdue => ReservationOverdue { order_id }.into(),
        EventType::OrderPlaced => OrderPlaced {
            order_id,
            number,
            customer_id,
            payment_method_id: PaymentMethodId(id(5)),
            lines: vec![OrderLine {
                product_id,
                quantity: Quantity::new(24).unwrap(),
                unit_price: pounds(375),
            }],
            total: pounds(9000),
            terms: Terms {
                charge_by: at("2026-11-01T08:55:00Z"),
                deadline: at("2026-11-01T09:00:00Z"),
                capture: CaptureMode::AtOnce,
                return_window_days: 30,
                configuration_version: 3,
            },
        }
        .into(),
        EventType::OrderConfirmed => {
            OrderConfirmed { order_id, number, customer_id, total: pounds(9000) }.into()
        }
        EventType::OrderRejected => OrderRejected { order_id, number, customer_id, refusal }.into(),
        EventType::OrderExpired => OrderExpired { order_id, number, customer_id }.into(),
        EventType::PaymentAuthorised => {
            PaymentAuthorised { order_id, payment_id, amount: pounds(9000) }.into()
        }
        EventType::PaymentCaptured => PaymentCaptured { order_id, payment_id, amount: pounds(9000) }.into(),
        EventType::PaymentDeclined => PaymentDeclined {
            order_id,
            payment_id,
            refusal: Refusal::PaymentDeclined { code: "insufficient_funds".into() },
        }
        .into(),
        EventType::PaymentRefunded => PaymentRefunded { order_id, payment_id, amount: pounds(9000) }.into(),
        EventType::PaymentOverdue => PaymentOverdue { order_id }.into(),
    }
}

fn envelope(event: Event) -> Envelope {
    Envelope {
        id: EventId(id(9)),
        source: event.event_type().row().publisher,
        subject: id(1),
        sequence: 1,
        time: at("2026-11-01T08:45:00.000001Z"),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        correlation_id: Some(id(1)),
        causation_id: Some("request-1".into()),
        event,
    }
}

#[test]
fn each_event_has_its_golden_json_and_reads_back() {
    for row in EVENTS {
        let envelope = envelope(example(row.event_type));
        let json = envelope.to_json();
        insta::assert_json_snapshot!(row.name, json);
        assert_eq!(Envelope::from_slice(json.to_string().as_bytes()).unwrap(), envelope);
    }
}

#[test]
fn a_new_field_is_ignored_and_a_missing_one_is_named() {
    let mut json = envelope(example(EventType::StockReserved)).to_json();
    json["data"]["warehouse"] = "north".into();
    json["newextension"] = 1.into();
    assert!(Envelope::from_slice(json.to_string().as_bytes()).is_ok());

    json["data"].as_object_mut().unwrap().remove("order_id");
    let error = Envelope::from_slice(json.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "stock.reserved.v1 has unreadable data");
}

#[test]
fn what_is_not_an_event_of_ours_is_refused_by_name() {
    let good = envelope(example(EventType::StockReserved)).to_json();
    let with = |field: &str, value: &str| {
        let mut json = good.clone();
        json[field] = value.into();
        Envelope::from_slice(json.to_string().as_bytes()).unwrap_err().to_string()
    };
    assert_eq!(with("type", "stock.reserved.v9"), "unknown event type \"stock.reserved.v9\"");
    assert_eq!(with("source", "mallory"), "unknown source \"mallory\"");
    assert_eq!(with("source", "order"), "stock.reserved.v1 is published by product, not by order");
    assert_eq!(Envelope::from_slice(b"{").unwrap_err().to_string(), "not a JSON CloudEvent");
}
