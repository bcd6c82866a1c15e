//! Charges that go as they should, and those that are refused.

use chrono::TimeDelta;
use contracts::event::{OrderPlaced, PaymentAuthorised, PaymentCaptured, PaymentDeclined};
use contracts::{CaptureMode, Event, PaymentId, PaymentMethodId, Refusal, UserId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, confirmed, pounds, rejected, reserved};

fn declined(order: &OrderPlaced, payment_id: PaymentId, refusal: Refusal) -> Event {
    PaymentDeclined { order_id: order.order_id, payment_id, refusal }.into()
}

async fn payment_id(house: &House, order: &OrderPlaced) -> PaymentId {
    house.payment(order).await["id"].as_str().unwrap().parse().unwrap()
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_order_that_is_placed_and_reserved_is_charged_once(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    house.hear(order.clone()).await;
    house.work().await;
    assert_eq!(house.counts(&order).await, [0, 0, 0], "nothing is charged before its stock is reserved");
    house.hear(reserved(&order)).await;
    house.work().await;

    let payment_id = payment_id(&house, &order).await;
    let captured = PaymentCaptured { order_id: order.order_id, payment_id, amount: order.total };
    assert_eq!(house.said(&order).await, [captured.into()]);
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
    house.hear(confirmed(&order)).await;
    house.work().await;
    let mut payment = house.payment(&order).await;
    payment["id"] = json!("…");
    payment["order_id"] = json!("…");
    insta::assert_json_snapshot!(payment, @r#"
    {
      "action": null,
      "authorised": {
        "amount": 0,
        "currency": "GBP"
      },
      "capture_due": null,
      "captured": {
        "amount": 1999,
        "currency": "GBP"
      },
      "disputes": [],
      "due": {
        "amount": 1999,
        "currency": "GBP"
      },
      "end_requested": false,
      "id": "…",
      "order_id": "…",
      "receipts": [
        {
          "at": "2026-11-01T09:00:00Z",
          "attempt": 1,
          "kind": "charge",
          "sequence": 1,
          "state": "planned"
        },
        {
          "at": "2026-11-01T09:00:00Z",
          "attempt": 1,
          "kind": "charge",
          "sequence": 2,
          "state": "sent"
        },
        {
          "at": "2026-11-01T09:00:00Z",
          "attempt": 1,
          "kind": "charge",
          "sequence": 3,
          "state": "confirmed"
        }
      ],
      "refunded": {
        "amount": 0,
        "currency": "GBP"
      },
      "refunds": [],
      "refusal": null,
      "status": "captured",
      "unknown_since": null
    }
    "#);
    let tally = house.tally(&order).await;
    assert_eq!(tally["captured"], json!({"gbp": 1999}));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_comes_first_does_not_matter(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    house.hear(reserved(&order)).await;
    house.hear(order.clone()).await;
    house.work().await;
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_declined_charge_is_cancelled_before_it_is_told(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_insufficientFunds").await;
    let payment_id = payment_id(&house, &order).await;
    let refusal = Refusal::PaymentDeclined { code: "insufficient_funds".into() };
    assert_eq!(house.said(&order).await, [declined(&order, payment_id, refusal)]);
    assert_eq!(house.status(&order).await, "declined");
    let tally = house.tally(&order).await;
    assert_eq!((&tally["canceled"], &tally["effective_charges"]), (&json!(1), &json!(0)));
    assert_eq!(
        house.receipts(&order).await,
        [
            "charge planned 1",
            "charge sent 1",
            "charge failed 1",
            "void planned 1",
            "void sent 1",
            "void confirmed 1"
        ]
    );
    house.hear(rejected(&order)).await;
    house.work().await;
    assert_eq!(house.said_names(&order).await, ["payment.declined.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_foreign_or_unknown_method_is_declined_and_nothing_is_sent(db: PgPool) {
    let house = House::new(db).await;
    let foreign = OrderPlaced { customer_id: UserId(Uuid::now_v7()), ..house.order("pm_card_visa").await };
    let unknown = house.order_by(PaymentMethodId(Uuid::now_v7()));
    for order in [foreign, unknown] {
        house.hear(order.clone()).await;
        house.hear(reserved(&order)).await;
        house.work().await;
        let said = house.said(&order).await;
        let [Event::PaymentDeclined(said)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(said.refusal, Refusal::PaymentMethodUnknown);
        assert_eq!(house.counts(&order).await, [0, 0, 0]);
    }
    assert_eq!(house.count("receipt").await, 0);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn nothing_to_pay_needs_no_provider(db: PgPool) {
    let house = House::new(db).await;
    let order = OrderPlaced { total: pounds(0), ..house.order("tok_hang").await };
    house.hear(order.clone()).await;
    assert!(house.said(&order).await.is_empty(), "what is free waits for its stock like anything else");
    house.hear(reserved(&order)).await;
    house.work().await;
    let payment_id = payment_id(&house, &order).await;
    let captured = PaymentCaptured { order_id: order.order_id, payment_id, amount: pounds(0) };
    assert_eq!(house.said(&order).await, [captured.into()]);
    assert_eq!(house.counts(&order).await, [0, 0, 0]);
    assert_eq!(house.count("ledger_entry").await, 0);
    house.hear(rejected(&order)).await;
    house.work().await;
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn after_charge_by_no_charge_begins(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    house.hear(order.clone()).await;
    house.clock.advance(TimeDelta::seconds(600));
    house.hear(reserved(&order)).await;
    house.work().await;
    let payment_id = payment_id(&house, &order).await;
    assert_eq!(house.said(&order).await, [declined(&order, payment_id, Refusal::TooLate)]);
    assert_eq!(house.counts(&order).await, [0, 0, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_was_planned_in_time_is_not_sent_too_late(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    house.clock.advance(TimeDelta::seconds(600));
    house.work_through().await;
    assert_eq!(house.said_names(&order).await, ["payment.declined.v1"]);
    assert_eq!(house.counts(&order).await, [0, 0, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn before_shipping_the_money_is_only_held(db: PgPool) {
    let house = House::new(db).await;
    let mut order = house.order("pm_card_visa").await;
    order.terms.capture = CaptureMode::BeforeShipping;
    house.hear(order.clone()).await;
    house.hear(reserved(&order)).await;
    house.work().await;
    let payment_id = payment_id(&house, &order).await;
    let authorised = PaymentAuthorised { order_id: order.order_id, payment_id, amount: order.total };
    assert_eq!(house.said(&order).await, [authorised.into()]);
    house.hear(confirmed(&order)).await;
    house.work().await;
    let tally = house.tally(&order).await;
    assert_eq!((&tally["open_authorizations"], &tally["effective_charges"]), (&json!(1), &json!(0)));
    assert_eq!(house.count("ledger_entry").await, 0);
    assert_eq!(house.payment(&order).await["authorised"]["amount"], json!(1999));

    house.hear(rejected(&order)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "cancelled");
    assert_eq!(house.tally(&order).await["open_authorizations"], json!(0));
    assert_eq!(house.payment(&order).await["authorised"]["amount"], json!(0));
}
