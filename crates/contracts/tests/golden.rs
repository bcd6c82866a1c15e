//! One golden JSON for each event: a change of the wire shows here first.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

use chrono::{DateTime, Utc};
use contracts::event::{
    DisputeStatus, EVENTS, OrderCancelled, OrderCaptureRequested, OrderConfirmed, OrderDelivered,
    OrderExpired, OrderLine, OrderLinesCancelled, OrderPlaced, OrderRefundRequested, OrderRejected,
    OrderReturnReceived, OrderReturnRequested, OrderShipped, Part, PaymentActionRequired, PaymentAuthorised,
    PaymentCaptured, PaymentDeclined, PaymentDisputed, PaymentDue, PaymentOverdue, PaymentRefundFailed,
    PaymentRefunded, PaymentVoided, ProductChanged, ReservationOverdue, StockRejected, StockReserved,
    UserDeleted, UserPasswordChanged, UserResetRequested, UserTokenReused, UserVerificationRequested,
};
use contracts::{
    CancellationId, CaptureMode, Currency, Envelope, Event, EventId, EventType, MailId, Money, OrderId,
    ParcelId, PasswordChangeId, PaymentId, PaymentMethodId, ProductId, Quantity, RefundCause, Refusal,
    ReturnId, SessionId, Terms, UserId,
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
    let order_id = OrderId(id(1));
    let product_id = ProductId(id(3));
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
        EventType::OrderPlaced
        | EventType::OrderConfirmed
        | EventType::OrderRejected
        | EventType::OrderExpired
        | EventType::OrderCancelled => example_of_saga(event_type, refusal),
        EventType::OrderLinesCancelled
        | EventType::OrderCaptureRequested
        | EventType::OrderRefundRequested
        | EventType::OrderShipped
        | EventType::OrderDelivered
        | EventType::OrderReturnRequested
        | EventType::OrderReturnReceived => example_of_fulfilment(event_type),
        EventType::PaymentActionRequired
        | EventType::PaymentAuthorised
        | EventType::PaymentCaptured
        | EventType::PaymentDeclined
        | EventType::PaymentVoided
        | EventType::PaymentDue
        | EventType::PaymentRefunded
        | EventType::PaymentRefundFailed
        | EventType::PaymentDisputed
        | EventType::PaymentOverdue => example_of_payment(event_type),
        EventType::UserVerificationRequested
        | EventType::UserResetRequested
        | EventType::UserPasswordChanged
        | EventType::UserTokenReused
        | EventType::UserDeleted => example_of_user(event_type),
    }
}

fn example_of_user(event_type: EventType) -> Event {
    let (user_id, mail_id) = (UserId(id(4)), MailId(id(10)));
    match event_type {
        EventType::UserVerificationRequested => UserVerificationRequested { user_id, mail_id }.into(),
        EventType::UserResetRequested => UserResetRequested { user_id, mail_id }.into(),
        EventType::UserPasswordChanged => {
            UserPasswordChanged { user_id, change_id: PasswordChangeId(id(11)) }.into()
        }
        EventType::UserTokenReused => UserTokenReused { user_id, session_id: SessionId(id(12)) }.into(),
        EventType::UserDeleted => UserDeleted { user_id }.into(),
        other => panic!("user does not publish {}", other.name()),
    }
}

fn example_of_saga(event_type: EventType, refusal: Refusal) -> Event {
    let (order_id, customer_id, number) = (OrderId(id(1)), UserId(id(4)), "7K3M-9QXT".to_owned());
    match event_type {
        EventType::OrderPlaced => OrderPlaced {
            order_id,
            number,
            customer_id,
            payment_method_id: PaymentMethodId(id(5)),
            lines: vec![OrderLine {
                product_id: ProductId(id(3)),
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
        EventType::OrderCancelled => {
            OrderCancelled { order_id, number, customer_id, refunds_requested: pounds(375) }.into()
        }
        other => panic!("{} is no end", other.name()),
    }
}

fn example_of_fulfilment(event_type: EventType) -> Event {
    let (order_id, customer_id, number) = (OrderId(id(1)), UserId(id(4)), "7K3M-9QXT".to_owned());
    let parts = vec![Part { product_id: ProductId(id(3)), quantity: Quantity::new(2).unwrap() }];
    let (parcel_id, return_id, cancellation_id) = (ParcelId(id(6)), ReturnId(id(7)), CancellationId(id(8)));
    match event_type {
        EventType::OrderLinesCancelled => {
            OrderLinesCancelled { order_id, number, customer_id, cancellation_id, parts, amount: pounds(750) }
                .into()
        }
        EventType::OrderCaptureRequested => {
            OrderCaptureRequested { order_id, amount: pounds(8250), round: 1 }.into()
        }
        EventType::OrderRefundRequested => {
            OrderRefundRequested { order_id, cause: RefundCause::Return(return_id), amount: pounds(750) }
                .into()
        }
        EventType::OrderShipped => OrderShipped { order_id, number, customer_id, parcel_id, parts }.into(),
        EventType::OrderDelivered => OrderDelivered { order_id, number, customer_id, parcel_id }.into(),
        EventType::OrderReturnRequested => {
            OrderReturnRequested { order_id, number, customer_id, return_id, parts }.into()
        }
        EventType::OrderReturnReceived => OrderReturnReceived {
            order_id,
            number,
            customer_id,
            return_id,
            restocked: parts.clone(),
            unusable: parts,
        }
        .into(),
        other => panic!("{} is no step of fulfilment", other.name()),
    }
}

fn example_of_payment(event_type: EventType) -> Event {
    let (order_id, payment_id, customer_id) = (OrderId(id(1)), PaymentId(id(2)), UserId(id(4)));
    let (number, amount) = ("7K3M-9QXT".to_owned(), pounds(9000));
    match event_type {
        EventType::PaymentActionRequired => {
            PaymentActionRequired { order_id, payment_id, number, customer_id }.into()
        }
        EventType::PaymentAuthorised => PaymentAuthorised { order_id, payment_id, amount }.into(),
        EventType::PaymentCaptured => PaymentCaptured { order_id, payment_id, amount }.into(),
        EventType::PaymentDeclined => PaymentDeclined {
            order_id,
            payment_id,
            refusal: Refusal::PaymentDeclined { code: "insufficient_funds".into() },
        }
        .into(),
        EventType::PaymentVoided => PaymentVoided { order_id, payment_id }.into(),
        EventType::PaymentDue => {
            let reason = "authorisation_lapsed".to_owned();
            PaymentDue { order_id, payment_id, amount, round: 1, reason }.into()
        }
        EventType::PaymentRefunded => {
            let cause = RefundCause::FinalEnd;
            PaymentRefunded { order_id, payment_id, number, customer_id, cause, amount }.into()
        }
        EventType::PaymentRefundFailed => {
            PaymentRefundFailed { order_id, payment_id, cause: RefundCause::FinalEnd, amount }.into()
        }
        EventType::PaymentDisputed => {
            let (dispute_id, status) = ("dp_1".to_owned(), DisputeStatus::Open);
            PaymentDisputed { order_id, payment_id, dispute_id, amount, status }.into()
        }
        EventType::PaymentOverdue => PaymentOverdue { order_id }.into(),
        other => panic!("payment does not publish {}", other.name()),
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
