//! An order of four pieces with which everything is as it should be: one piece was cancelled, two were sent, one of
//! them came back and was refunded; and what is left of an order that ended otherwise.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::facts::{
    Deltas, LevelFacts, PaymentFacts, ProviderFacts, PublishedEvent, RefundFacts, ReservationFacts,
    ReservedLine,
};
use contracts::{App, Currency, EventId, OrderId, ProductId};
use uuid::Uuid;

use crate::domain::books::facts::*;

pub type Seed = fn(&mut Case);

pub fn id(last: u128) -> Uuid {
    Uuid::from_u128(last)
}

pub fn order_id() -> OrderId {
    OrderId(id(7))
}

pub fn product(last: u128) -> ProductId {
    ProductId(id(last))
}

pub fn event_id(last: u128) -> EventId {
    EventId(id(last))
}

pub fn placed_at() -> DateTime<Utc> {
    "2026-11-01T08:45:00Z".parse().unwrap()
}

pub fn long_after() -> DateTime<Utc> {
    placed_at() + TimeDelta::days(1)
}

pub fn awake() -> Vec<Awake> {
    vec![Awake { from: placed_at() - TimeDelta::days(1), until: long_after() }]
}

pub fn reservation(case: &mut Case) -> &mut ReservationFacts {
    match &mut case.stock {
        Told::Facts(facts) => facts,
        Told::Unreached | Told::Nothing => unreachable!("stock was told"),
    }
}

pub fn payment(case: &mut Case) -> &mut PaymentFacts {
    match &mut case.payment {
        Told::Facts(facts) => facts,
        Told::Unreached | Told::Nothing => unreachable!("the payment was told"),
    }
}

pub fn level() -> LevelFacts {
    let level = Deltas { on_hand: 10, reserved: 2, allocated: 3 };
    LevelFacts {
        product_id: product(1),
        version: 3,
        level,
        moved: level,
        held: Deltas { on_hand: 0, ..level },
    }
}

pub fn refund(cause: &str, amount: i64, state: &str) -> RefundFacts {
    RefundFacts { cause: cause.into(), amount, state: state.into() }
}

/// Confirmed: 4 × 10.00 and postage for 5.00, without stock.
pub fn case() -> Case {
    let (cancellation, parcel, given) = (id(20), id(21), id(22));
    let pieces = |quantity| Pieces::from([(product(1), quantity)]);
    let cause = |id: Uuid| Some(id.to_string());
    let refund_cause = format!("return:{given}");
    let own = [
        own_event(1, "order.placed.v1", None),
        own_event(2, "order.confirmed.v1", None),
        own_event(3, "order.lines_cancelled.v1", cause(cancellation)),
        own_event(4, "order.shipped.v1", cause(parcel)),
        own_event(5, "order.delivered.v1", cause(parcel)),
        own_event(6, "order.return_requested.v1", cause(given)),
        own_event(7, "order.return_received.v1", cause(given)),
        own_event(8, "order.refund_requested.v1", Some(refund_cause.clone())),
    ];
    let order = OrderFacts {
        cancellations: vec![CancellationFacts {
            id: cancellation,
            at: at(3),
            amount: 1_000,
            parts: pieces(1),
        }],
        parcels: vec![ParcelFacts { id: parcel, stage: ParcelStage::Delivered, parts: pieces(2) }],
        returns: vec![ReturnFacts {
            id: given,
            requested: pieces(1),
            received: Some(Received { restocked: pieces(1), unusable: Pieces::new() }),
        }],
        refunds: vec![RefundAsked { cause: refund_cause.clone(), amount: 1_000 }],
        to_capture: Some(3_500),
        ..order(Ended::Confirmed, own.into())
    };
    let line = ReservedLine {
        product_id: product(1),
        claimed: 4,
        released: 1,
        shipped: 2,
        restocked: 1,
        moved: Deltas { on_hand: -1, reserved: 0, allocated: 1 },
    };
    whole(order, "allocated", line, money(3_500, refund(&refund_cause, 1_000, "made")))
}

/// Ended otherwise after it was captured: everything went back.
pub fn undone(end: Ended) -> Case {
    let own = vec![own_event(1, "order.placed.v1", None), own_event(2, end.event_type().name(), None)];
    let mut order = order(end, own);
    if end == Ended::Cancelled {
        let parts = Pieces::from([(product(1), 4), (product(2), 1)]);
        order.cancellations = vec![CancellationFacts { id: id(20), at: at(2), amount: 4_500, parts }];
    }
    let line = ReservedLine {
        product_id: product(1),
        claimed: 4,
        released: 0,
        shipped: 0,
        restocked: 0,
        moved: Deltas::default(),
    };
    whole(order, "ended", line, money(4_500, refund("final_end", 4_500, "made")))
}

fn at(second: i64) -> DateTime<Utc> {
    placed_at() + TimeDelta::seconds(second)
}

fn order(end: Ended, events: Vec<OwnEvent>) -> OrderFacts {
    let line = |last, quantity, unit_price, stock_controlled| LineFacts {
        product_id: product(last),
        quantity,
        unit_price,
        stock_controlled: Some(stock_controlled),
    };
    let decided = events.iter().map(|event| Decided {
        at: event.published.time,
        event_type: event.published.event_type.clone(),
        event_id: Some(event.published.id),
    });
    let heard = |last, name: &str| Heard { at: at(1), event_type: name.into(), event_id: event_id(last) };
    OrderFacts {
        order_id: order_id(),
        placed_at: placed_at(),
        deadline: at(900),
        currency: Some(Currency::Gbp),
        total: 4_500,
        end: Some(end),
        ended_at: Some(at(2)),
        changed_at: at(8),
        twins: 0,
        answer: Some(StoredAnswer { order_id: Some(order_id().0), same_request: true }),
        lines: vec![line(1, 4, 1_000, true), line(2, 1, 500, false)],
        cancellations: Vec::new(),
        parcels: Vec::new(),
        returns: Vec::new(),
        refunds: Vec::new(),
        to_capture: None,
        decided: decided.collect(),
        heard: vec![
            heard(11, "stock.reserved.v1"),
            heard(12, "payment.captured.v1"),
            heard(13, "payment.refunded.v1"),
        ],
        head: i64::try_from(events.len()).unwrap(),
        events,
    }
}

fn money(captured: i64, refund: RefundFacts) -> PaymentFacts {
    let refunded = refund.amount;
    PaymentFacts {
        order_id: order_id(),
        stage: "captured".into(),
        currency: Some(Currency::Gbp),
        unknown: false,
        authorised_open: false,
        due: false,
        dispute_open: false,
        captures: 1,
        captured,
        refunded,
        refunds: vec![refund],
        ledger_captured: captured,
        ledger_refunded: refunded,
        unbalanced: Vec::new(),
        provider: Some(ProviderFacts { charges: 1, captured, refunded, compared_at: at(9) }),
        broken_receipt: None,
        changed_at: at(9),
    }
}

fn whole(order: OrderFacts, state: &str, line: ReservedLine, payment: PaymentFacts) -> Case {
    let own = Said {
        publisher: App::Order,
        events: order.events.iter().map(|event| event.published.clone()).collect(),
        head: order.head,
    };
    let product = Said { publisher: App::Product, events: vec![event(11, 1, "stock.reserved.v1")], head: 1 };
    let paid = vec![event(12, 1, "payment.captured.v1"), event(13, 2, "payment.refunded.v1")];
    let paid = Said { publisher: App::Payment, events: paid, head: 2 };
    let said = vec![own, product, paid];
    let known: HashSet<EventId> = said.iter().flat_map(|said| &said.events).map(|event| event.id).collect();
    let handling = [App::Product, App::Payment, App::Notification, App::Order]
        .map(|subscriber| Handling { subscriber, known: known.clone() });
    let ends = order.end.map(|end| end.name().to_owned()).into_iter().collect();
    Case {
        stock: Told::Facts(ReservationFacts {
            order_id: order_id(),
            state: state.into(),
            lines: vec![line],
            changed_at: at(8),
        }),
        payment: Told::Facts(payment),
        messages: Told::Facts(Messages { repeated: Vec::new(), ends }),
        said,
        handling: handling.into(),
        order,
    }
}

fn own_event(number: i64, name: &str, cause: Option<String>) -> OwnEvent {
    OwnEvent { published: event(u128::try_from(number).unwrap(), number, name), cause }
}

fn event(last: u128, sequence: i64, name: &str) -> PublishedEvent {
    PublishedEvent {
        id: event_id(last),
        event_type: name.into(),
        subject: order_id().0,
        sequence,
        time: at(sequence),
        published_at: Some(at(sequence)),
    }
}
