//! Whatever is decided is read back as it was written, and a row that nobody can read harms none but itself.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{CancellationId, CaptureMode, PaymentId, PaymentMethodId, RefundCause, Refusal, UserId};
use payment::domain::{
    Attempt, Charge, Dispute, DisputeStage, Doubt, Doubted, Due, DueReason, End, IntentId, Method, Overdue,
    Payment, Refund, RefundFailure, RefundStage, Step, Tried, Wish,
};
use payment::store::payments::{self, StoredPayment, Trail};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, pounds};

fn now() -> DateTime<Utc> {
    "2026-11-01T09:00:00Z".parse().unwrap()
}

fn intent() -> IntentId {
    IntentId("pi_1".to_owned())
}

fn attempt(step: Step) -> Attempt {
    Attempt { number: 3, generation: 2, step, at: now() + TimeDelta::milliseconds(250) }
}

fn charges() -> Vec<Charge> {
    let tried = Tried { number: 2, generation: 1 };
    let steps = [
        Step::Planned,
        Step::Sent { ticket: 4 },
        Step::Doubtful(Doubt::StoredError),
        Step::Asked { ticket: 5, doubt: Doubt::Refused },
    ];
    let (intent, amount) = (intent(), pounds(1500));
    let cancelling = |refusal, doubted| Charge::Cancelling {
        intent: intent.clone(),
        refusal,
        doubted,
        attempt: attempt(Step::Planned),
    };
    let due =
        |round, generation, reason| Charge::Due { intent: intent.clone(), amount, round, generation, reason };
    let mut charges = vec![
        Charge::Waiting,
        Charge::Creating { attempt: attempt(Step::Sent { ticket: 4 }) },
        Charge::ActionRequired {
            intent: intent.clone(),
            url: Some("https://bank.example".to_owned()),
            tried,
            attempt: attempt(Step::Planned),
        },
        cancelling(None, None),
        cancelling(Some(Refusal::PaymentDeclined { code: "lost".to_owned() }), Some(Doubted::Charge(tried))),
        cancelling(None, Some(Doubted::Capture { amount, tried })),
        Charge::Authorised { intent: intent.clone(), amount },
        due(0, 0, DueReason::Lapsed),
        due(2, 3, DueReason::Refused { code: "card_declined".to_owned() }),
        Charge::Free { intent: None },
        Charge::Free { intent: Some(intent.clone()) },
        Charge::Captured { intent: intent.clone(), amount },
        Charge::Closed { intent: None },
        Charge::Closed { intent: Some(intent.clone()) },
    ];
    for step in steps {
        charges.push(Charge::Confirming { intent: intent.clone(), attempt: attempt(step) });
        charges.push(Charge::Capturing {
            intent: intent.clone(),
            amount,
            round: 2,
            refused: Some("card_declined".to_owned()),
            attempt: attempt(step),
        });
    }
    charges
}

fn sides() -> (BTreeMap<RefundCause, Refund>, BTreeMap<String, Dispute>) {
    let stages = [
        RefundStage::Waiting,
        RefundStage::InHand { attempt: Attempt { generation: 1, ..attempt(Step::Sent { ticket: 6 }) } },
        RefundStage::Made { reference: "re_1".to_owned() },
        RefundStage::Failed { why: RefundFailure::Exceeds },
        RefundStage::Failed { why: RefundFailure::NotMade },
        RefundStage::Failed { why: RefundFailure::Returned },
        RefundStage::Settled,
        RefundStage::Moot,
    ];
    let refunds = stages.into_iter().enumerate().map(|(index, stage)| {
        let cause = RefundCause::Cancellation(CancellationId(Uuid::from_u128(index as u128)));
        let failed = vec!["re_0".to_owned(); index % 2];
        (cause, Refund { stage, failed, tried: 1, ..Refund::new(pounds(100)) })
    });
    let stages = [
        DisputeStage::Open,
        DisputeStage::Accepting { attempt: attempt(Step::Sent { ticket: 7 }) },
        DisputeStage::Won,
        DisputeStage::Lost,
    ];
    let disputes = stages
        .into_iter()
        .enumerate()
        .map(|(index, stage)| (format!("dp_{index}"), Dispute { amount: pounds(100), stage }));
    (refunds.collect(), disputes.collect())
}

fn due() -> Due {
    Due {
        number: "A-1".to_owned(),
        customer_id: UserId(Uuid::from_u128(7)),
        method: Method::Own(PaymentMethodId(Uuid::from_u128(8))),
        total: pounds(1999),
        charge_by: now(),
        deadline: now(),
        capture: CaptureMode::BeforeShipping,
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn every_state_is_read_back_as_it_was_written(db: PgPool) {
    let mut tx = db.begin().await.unwrap();
    let ends = [
        None,
        Some(End::Confirmed),
        Some(End::Rejected),
        Some(End::Cancelled { refunds_requested: pounds(7) }),
        Some(End::Expired),
    ];
    for (index, charge) in charges().into_iter().enumerate() {
        let id = Uuid::now_v7();
        let unheard = Payment::unheard(PaymentId(id), contracts::OrderId(id));
        payments::insert_payment(&mut tx, unheard.id, unheard.order_id, now()).await.unwrap();
        let (refunds, disputes) = if index % 2 == 0 { sides() } else { Default::default() };
        let end = ends[index % ends.len()];
        let payment = Payment {
            due: (charge != Charge::Waiting).then(due),
            stock_reserved: true,
            wish: Some(Wish { amount: pounds(1500), round: 2 }),
            end,
            charge,
            refunds,
            disputes,
            overdue: end.is_none().then(|| Overdue { at: now(), reports: 2 }),
            calls: 9,
            ..unheard
        };
        let cause = Trail { causation_id: Some("c".to_owned()), traceparent: None };
        payments::update_payment(&mut tx, &payment, &cause, now()).await.unwrap();
        let expected = StoredPayment { payment: payment.clone(), cause };
        let locked = payments::lock_payment(&mut tx, payment.order_id).await.unwrap();
        assert_eq!(locked.as_ref(), Some(&expected));
        assert_eq!(payments::find_payment(&mut tx, payment.order_id).await.unwrap(), locked);
        let next: Option<DateTime<Utc>> =
            sqlx::query_scalar("select next_at from payment where order_id = $1")
                .bind(id)
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        assert_eq!(next, payment.work_at(), "{payment:?}");
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn rows_of_the_release_before_this_one_are_read_as_what_they_stand_for(db: PgPool) {
    let house = House::new(db).await;
    for (stage, refunds) in [("refunding", "1999 in_hand"), ("refunded", "1999 made")] {
        let order = house.charge("pm_card_visa").await;
        let in_hand = stage == "refunding";
        sqlx::query(
            "update payment set stage = $2, end_kind = 'rejected', order_number = null, overdue_at = null,
                 attempt_number = case when $3 then 1 end, key_generation = case when $3 then 1 end,
                 step = case when $3 then 'sent' end, act_at = case when $3 then $4 end
             where order_id = $1",
        )
        .bind(order.order_id.0)
        .bind(stage)
        .bind(in_hand)
        .bind(house.now())
        .execute(&house.app.db)
        .await
        .unwrap();
        assert_eq!(house.refunds(&order).await["final_end"], refunds);
        house.work_through().await;
        assert_eq!(house.refunds(&order).await["final_end"], "1999 made");
        assert_eq!(house.counts(&order).await, [1, 1, i64::from(in_hand)]);
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_row_that_cannot_be_read_keeps_no_other_waiting(db: PgPool) {
    let house = House::new(db).await;
    let broken = house.begin("pm_card_visa").await;
    let spoil =
        "update payment set step = 'planned', attempt_number = 1, currency = 'XXX' where order_id = $1";
    sqlx::query(spoil).bind(broken.order_id.0).execute(&house.app.db).await.unwrap();
    let order = house.begin("pm_card_visa").await;
    house.work().await;
    assert_eq!(house.status(&order).await, "captured");
    assert_eq!(house.counts(&broken).await, [0, 0, 0]);
    let mend = "update payment set currency = 'GBP' where order_id = $1";
    sqlx::query(mend).bind(broken.order_id.0).execute(&house.app.db).await.unwrap();
    house.pass(299).await;
    assert_eq!(house.counts(&broken).await, [0, 0, 0], "it waits its turn");
    house.pass(1).await;
    assert_eq!(house.status(&broken).await, "captured", "once it was mended it goes on");
}
