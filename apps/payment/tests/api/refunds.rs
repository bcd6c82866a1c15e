//! Refunds in parts, and those that come to nothing.

use std::collections::BTreeMap;

use contracts::{Event, RefundCause};
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;

use crate::courses::{cancellation, cancelled, refund_requested};
use crate::house::{House, pounds, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn parts_add_up_each_once_and_never_to_more_than_was_captured(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_card_visa").await;
    let (first, second, third) = (cancellation(), cancellation(), cancellation());
    for (cause, amount) in [(first, 500), (second, 1000), (first, 500)] {
        house.refund(&order, cause, amount).await;
    }
    assert_eq!(house.status(&order).await, "partly_refunded");
    house.refund(&order, third, 500).await;
    assert_eq!(house.tally(&order).await["refunded"], json!({"gbp": 1500}));
    let expected = [(first, "500 made"), (second, "1000 made"), (third, "500 failed exceeds_captured")];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(cause, words)| (cause.to_string(), words.to_owned())).collect();
    assert_eq!(house.refunds(&order).await, expected);
    assert_eq!(house.issues(&order).await, ["refund_failed"]);
    let said = house.said(&order).await;
    let [_, Event::PaymentRefunded(one), Event::PaymentRefunded(two), Event::PaymentRefundFailed(three)] =
        &said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!((one.cause, one.amount, one.number.as_str()), (first, pounds(500), "A-1"));
    assert_eq!((two.cause, two.amount), (second, pounds(1000)));
    assert_eq!((three.cause, three.amount), (third, pounds(500)));
    assert_eq!(house.receipts(&order).await.len(), 9, "what exceeds is never sent");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_end_of_all_gives_back_what_parts_have_left(db: PgPool) {
    let house = House::new(db).await;
    for end_first in [false, true] {
        let order = house.confirmed("pm_card_visa").await;
        let part = refund_requested(&order, cancellation(), 500);
        if end_first {
            house.hear(cancelled(&order, 500)).await;
            house.work_through().await;
            house.hear(part).await;
        } else {
            house.hear(part).await;
            house.hear(cancelled(&order, 500)).await;
        }
        house.work_through().await;
        assert_eq!(house.tally(&order).await["refunded"], json!({"gbp": 1999}));
        let rest = &house.refunds(&order).await[&RefundCause::FinalEnd.to_string()];
        assert_eq!(rest, "1499 made");
        assert_eq!(house.status(&order).await, "refunded");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_that_is_asked_for_before_the_capture_waits_for_it(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    let cause = cancellation();
    house.hear(refund_requested(&order, cause, 500)).await;
    house.hear(order.clone()).await;
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 waiting");
    house.hear(reserved(&order)).await;
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 made");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn several_refunds_may_be_on_their_way_at_once(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.confirmed("pm_refund_hang_once").await;
    let causes = [cancellation(), cancellation()];
    for cause in causes {
        house.hear(refund_requested(&order, cause, 500)).await;
    }
    house.work_through().await;
    for cause in causes {
        assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 made");
    }
    assert_eq!(house.tally(&order).await["refunded"], json!({"gbp": 1000}));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refused_refund_waits_for_staff_who_try_again_under_a_new_key(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_refund_refused_once").await;
    let cause = cancellation();
    house.refund(&order, cause, 500).await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 failed not_made");
    assert_eq!(house.status(&order).await, "refund_failed");
    let body = json!({"action": "retry_refund", "cause": cause, "reason": "the balance is there now"});
    assert_eq!(house.resolve(&order, body).await.status, 201);
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 made");
    assert_eq!(
        house.said_names(&order).await,
        ["payment.captured.v1", "payment.refund_failed.v1", "payment.refunded.v1"]
    );
    assert_eq!(house.counts(&order).await, [1, 1, 1]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_of_unknown_outcome_that_staff_try_again_is_looked_for_first(db: PgPool) {
    let house = House::impatient(db).await;
    let order = house.confirmed("pm_refund_no_answer").await;
    let cause = cancellation();
    house.hear(refund_requested(&order, cause, 500)).await;
    house.work().await;
    assert_eq!(house.status(&order).await, "unknown");
    for action in ["not_refunded", "retry_refund"] {
        let body = json!({"action": action, "cause": cause, "reason": "the bank says so"});
        assert_eq!(house.resolve(&order, body).await.status, 201, "{action}");
    }
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 made");
    assert_eq!(house.counts(&order).await, [1, 1, 1], "it had been made before");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_that_comes_back_is_found_and_settled_otherwise(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_card_visa").await;
    let cause = cancellation();
    house.refund(&order, cause, 500).await;
    let refunds = house.at_processor(Method::GET, "/v1/refunds?limit=1", &[]).await;
    let id = refunds["data"][0]["id"].as_str().unwrap().to_owned();
    house.at_processor(Method::POST, &format!("/_sandbox/refunds/{id}/fail"), &[]).await;
    house.see_refund_failed(&order, cause, &id).await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 failed returned");
    let body = json!({"action": "settle_refund", "cause": cause, "reason": "paid by bank transfer"});
    assert_eq!(house.resolve(&order, body).await.status, 201);
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 settled");
    let kinds: Vec<String> = sqlx::query_scalar("select kind from ledger_entry order by at, id")
        .fetch_all(&house.app.db)
        .await
        .unwrap();
    assert_eq!(kinds, ["capture", "refund", "refund_returned", "settlement"]);
    let payment = house.payment(&order).await;
    assert_eq!(payment["refunded"]["amount"], json!(0), "nothing went back through the processor");
    assert_eq!(
        house.said_names(&order).await[1..],
        ["payment.refunded.v1", "payment.refund_failed.v1", "payment.refunded.v1"]
    );
}
