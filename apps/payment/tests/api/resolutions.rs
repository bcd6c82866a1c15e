//! What staff decide: for each state what it is for, with a reason, once, and on the record.

use chrono::TimeDelta;
use contracts::{Operation, UserId};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, rejected};

const NEVER: &str = "tok_hang";

fn say(action: &str) -> Value {
    json!({"action": action, "reason": "the processor's support told us"})
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_unknown_charge_is_what_staff_say_it_is(db: PgPool) {
    let house = House::impatient(db).await;
    for (action, status, event) in
        [("charged", "captured", "payment.captured.v1"), ("not_charged", "declined", "payment.declined.v1")]
    {
        let order = house.begin(NEVER).await;
        house.work().await;
        assert_eq!(house.status(&order).await, "unknown");
        assert!(house.issues(&order).await.is_empty(), "it is still being asked for");
        house.clock.advance(TimeDelta::seconds(60));
        assert_eq!(house.issues(&order).await, ["unknown"]);
        let since = house.payment(&order).await["unknown_since"].clone();
        assert_eq!(since, json!(house.now() - TimeDelta::seconds(60)));
        let answer = house.resolve(&order, say(action)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.body["payment"]["status"], status);
        assert_eq!(answer.body["resolved_by"], json!(UserId(Uuid::from_u128(77))));
        assert_eq!(house.said_names(&order).await, [event]);
        assert_eq!(house.payment(&order).await["unknown_since"], json!(null));
        assert_eq!(house.resolve(&order, say(action)).await.problem(), "invalid-transition");
    }
    assert_eq!(house.count("payment_resolution").await, 2);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_processors_later_word_stands_against_that_of_staff(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.begin("pm_charge_hang_up").await;
    house.work().await;
    let claimed_late = house.intents(&order).await.remove(0);
    assert_eq!(claimed_late["status"], "succeeded");
    assert_eq!(house.resolve(&order, say("not_charged")).await.status, 201);
    house.hear(rejected(&order)).await;
    house.see_intent(&order).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "refunded", "what was taken after all goes back");
    assert_eq!(house.counts(&order).await, [1, 1, 1]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_unknown_refund_is_what_staff_say_it_is(db: PgPool) {
    let house = House::impatient(db).await;
    for (action, words) in [("refunded", "1999 made"), ("not_refunded", "1999 failed not_made")] {
        let order = house.charge("pm_refund_hang_once").await;
        house.hear(rejected(&order)).await;
        house.work().await;
        assert_eq!(house.status(&order).await, "unknown");
        let body = json!({"action": action, "cause": "final_end", "reason": "seen on the dashboard"});
        assert_eq!(house.resolve(&order, body.clone()).await.status, 201);
        assert_eq!(house.refunds(&order).await["final_end"], words);
        assert_eq!(house.resolve(&order, body).await.problem(), "invalid-transition");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn nothing_is_resolved_that_is_not_open(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let bodies = [
        say("charged"),
        say("not_charged"),
        json!({"action": "refunded", "cause": "final_end", "reason": "r"}),
        json!({"action": "not_refunded", "cause": "final_end", "reason": "r"}),
        json!({"action": "retry_refund", "cause": "final_end", "reason": "r"}),
        json!({"action": "settle_refund", "cause": "final_end", "reason": "r"}),
        json!({"action": "accept_dispute", "dispute_id": "dp_1", "reason": "r"}),
    ];
    for body in bodies {
        let answer = house.resolve(&order, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "invalid-transition"), "{body}");
    }
    assert_eq!(house.count("payment_resolution").await, 0);
    assert_eq!(house.status(&order).await, "captured");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_reason_a_known_order_and_the_permission_are_needed(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    for body in [
        json!({"action": "charged"}),
        json!({"action": "charged", "reason": "  "}),
        json!({"action": "charged", "reason": "x".repeat(201)}),
        json!({"action": "retry_refund", "reason": "r"}),
        json!({"action": "retry_refund", "cause": "whim", "reason": "r"}),
        json!({"action": "give_it_away", "reason": "r"}),
    ] {
        let answer = house.resolve(&order, body.clone()).await;
        assert_eq!(answer.problem(), "invalid-field", "{body}");
    }
    let query = format!("order_id={}", Uuid::now_v7());
    let staff = house.staff().with("idempotency-key", "k");
    let unknown = staff.ask(Operation::ResolvePayment, &query, Some(say("charged"))).await;
    assert_eq!(unknown.problem(), "not-found");
    let own = house.client.with("idempotency-key", "k");
    let query = format!("order_id={}", order.order_id);
    let own = own.ask(Operation::ResolvePayment, &query, Some(say("charged"))).await;
    assert_eq!(own.problem(), "forbidden");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_same_key_resolves_once_and_gives_the_same_answer(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.begin(NEVER).await;
    house.work().await;
    let query = format!("order_id={}", order.order_id);
    let staff = house.staff().with("idempotency-key", "k");
    let first = staff.ask(Operation::ResolvePayment, &query, Some(say("not_charged"))).await;
    let second = staff.ask(Operation::ResolvePayment, &query, Some(say("not_charged"))).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    let other = staff.ask(Operation::ResolvePayment, &query, Some(say("charged"))).await;
    assert_eq!(other.problem(), "idempotency-key-reused");
    assert_eq!(house.count("payment_resolution").await, 1);
}
