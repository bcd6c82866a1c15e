//! An order's whole way: every event once, twice, said again, and in any order.

use std::collections::BTreeSet;

use contracts::event::{OrderShipped, PaymentActionRequired, PaymentRefunded};
use contracts::{
    CancellationId, Currency, Envelope, EventId, Money, OrderId, ParcelId, PaymentId, RefundCause, ReturnId,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Stage, confirmed, envelope, every_telling};

/// The same fact, said once more.
fn said_again(told: &Envelope) -> Envelope {
    let mut again = told.clone();
    again.id = EventId(Uuid::now_v7());
    again.sequence += 1;
    again
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn every_event_is_told_once_however_often_it_comes(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let tellings = every_telling(stage.ada);
    for (kind, told) in &tellings {
        for event in [told.clone(), told.clone(), said_again(told)] {
            assert_eq!(stage.client.deliver(&event).await, "SUCCESS", "{kind}");
        }
    }
    for (_, told) in tellings.iter().rev() {
        stage.client.deliver(told).await;
    }
    let mut kinds: Vec<_> =
        stage.mailbox().await.iter().map(|message| message["kind"].as_str().unwrap().to_owned()).collect();
    kinds.reverse();
    assert_eq!(kinds, tellings.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
    let handled: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(&db).await.unwrap();
    assert_eq!(handled, 22);
    let failed: i64 = sqlx::query_scalar("select count(*) from failed_event").fetch_one(&db).await.unwrap();
    assert_eq!(failed, 0);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn whatever_comes_first_the_same_is_told(db: PgPool) {
    let stage = Stage::new(db).await;
    // All of one order, and the last first.
    let order_id = OrderId(Uuid::from_u128(5));
    let mut tellings = every_telling(stage.ada);
    tellings.retain(|(kind, _)| !matches!(*kind, "order_rejected" | "order_expired"));
    let (forwards, backwards) = (1_u128, 2_u128);
    let mut told = vec![];
    for (number, way) in [(forwards, tellings.clone()), (backwards, tellings.into_iter().rev().collect())] {
        for (_, mut event) in way {
            let mut data = event.event.data();
            data["order_id"] = Uuid::from_u128(number).to_string().into();
            event.event = contracts::Event::decode(event.event.event_type(), data).unwrap();
            event.id = EventId(Uuid::now_v7());
            assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
        }
    }
    for message in stage.mailbox().await {
        told.push((message["order_id"].to_string(), message["kind"].to_string()));
    }
    let of = |number: u128| -> BTreeSet<String> {
        let order = format!("\"{}\"", Uuid::from_u128(number));
        told.iter().filter(|(id, _)| *id == order).map(|(_, kind)| kind.clone()).collect()
    };
    // What the bank wanted is worth nothing once the end is told; all else is the same.
    let mut all = of(forwards);
    assert_eq!((all.len(), of(order_id.0.as_u128()).len()), (8, 0));
    all.extend(of(backwards));
    let bank: BTreeSet<_> = ["\"payment_action_required\"".to_owned()].into();
    assert_eq!(all.difference(&of(forwards)).cloned().collect::<BTreeSet<_>>(), bank);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn each_parcel_and_each_refund_is_told_for_itself(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (order_id, customer_id) = (OrderId(Uuid::from_u128(5)), stage.ada);
    let number = || "CW-5".to_owned();
    let id = Uuid::from_u128;
    for parcel in 1..=3 {
        let (parcel_id, parts) = (ParcelId(id(parcel)), vec![]);
        let shipped = OrderShipped { order_id, number: number(), customer_id, parcel_id, parts };
        stage.client.deliver(&envelope(order_id, 3, shipped)).await;
    }
    let causes = [
        RefundCause::FinalEnd,
        RefundCause::Cancellation(CancellationId(id(1))),
        RefundCause::Return(ReturnId(id(1))),
        RefundCause::Return(ReturnId(id(2))),
    ];
    for cause in causes {
        let (payment_id, amount) = (PaymentId(id(1)), Money::new(100, Currency::Gbp).unwrap());
        let refunded = PaymentRefunded { order_id, payment_id, number: number(), customer_id, cause, amount };
        stage.client.deliver(&envelope(order_id, 4, refunded)).await;
    }
    assert_eq!(stage.mailbox().await.len(), 7);
    let told: Vec<String> =
        sqlx::query_scalar("select cause from message order by id").fetch_all(&db).await.unwrap();
    insta::assert_snapshot!(told.join("\n"), @r#"
    parcel:00000000-0000-0000-0000-000000000001
    parcel:00000000-0000-0000-0000-000000000002
    parcel:00000000-0000-0000-0000-000000000003
    refund:final_end
    refund:cancellation:00000000-0000-0000-0000-000000000001
    refund:return:00000000-0000-0000-0000-000000000001
    refund:return:00000000-0000-0000-0000-000000000002
    "#);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn nobody_is_asked_to_confirm_a_payment_after_the_end(db: PgPool) {
    let stage = Stage::new(db).await;
    let (order_id, customer_id, payment_id) =
        (OrderId(Uuid::from_u128(5)), stage.ada, PaymentId(Uuid::nil()));
    let action = PaymentActionRequired { order_id, payment_id, number: "CW-5".into(), customer_id };
    stage.client.deliver(&confirmed(5, stage.ada)).await;
    assert_eq!(stage.client.deliver(&envelope(order_id, 1, action)).await, "SUCCESS");
    let mailbox = stage.mailbox().await;
    assert_eq!(
        mailbox.iter().map(|message| message["kind"].clone()).collect::<Vec<_>>(),
        ["order_confirmed"]
    );
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_cause_that_no_one_can_name_is_refused_by_the_table(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.client.deliver(&confirmed(5, stage.ada)).await;
    let insert = "insert into message
                      (id, customer_id, order_id, kind, cause, channel, language, subject, body, created_at)
                  select gen_random_uuid(), customer_id, order_id, $1, $2, channel, language, subject, body, created_at
                  from message";
    for (kind, cause, constraint) in [
        ("order_confirmed", "end", "message_once_key"),
        ("order_celebrated", "end", "message_kind_known"),
        ("parcel_shipped", "parcel:", "message_cause_known"),
        ("parcel_shipped", "parcel:1", "message_cause_known"),
        ("payment_refunded", "refund:parcel:00000000-0000-0000-0000-000000000001", "message_cause_known"),
    ] {
        let error = sqlx::query(insert).bind(kind).bind(cause).execute(&db).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some(constraint), "{kind} {cause}");
    }
}
