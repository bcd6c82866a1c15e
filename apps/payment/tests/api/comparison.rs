//! The processor's own list against ours: what was missed is made up for, and what does not agree is shown.

use chrono::TimeDelta;
use contracts::event::OrderPlaced;
use contracts::permission::Role;
use contracts::{CaptureMode, Operation};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::Answer;

use crate::house::{House, expired, reserved};

async fn ask(house: &House) -> Answer {
    let staff = house.client.bearer(&house.signer.token(house.ada, Role::Admin));
    staff.ask(Operation::ComparePayments, "", None).await
}

/// Compares, and gives the counts of what was healed and of what is open.
async fn compare(house: &House) -> (u64, u64, Vec<Value>) {
    let answer = ask(house).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let count = |name: &str| answer.body[name].as_u64().unwrap();
    (count("healed"), count("open"), answer.body["discrepancies"].as_array().unwrap().clone())
}

fn kinds(discrepancies: &[Value]) -> Vec<&str> {
    discrepancies.iter().map(|it| it["kind"].as_str().unwrap()).collect()
}

/// An order whose money is held until it is shipped.
async fn authorised(house: &House) -> (OrderPlaced, String) {
    let mut order = house.order("pm_card_visa").await;
    order.terms.capture = CaptureMode::BeforeShipping;
    house.hear(order.clone()).await;
    house.hear(reserved(&order)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "authorised");
    let id = house.intents(&order).await[0]["id"].as_str().unwrap().to_owned();
    (order, id)
}

/// An intent that nobody here has made.
async fn make_intent(house: &House, order: Option<&OrderPlaced>) -> String {
    let order_id = order.map(|order| order.order_id.to_string());
    let mut form = vec![("amount", "500"), ("currency", "gbp"), ("payment_method", "pm_card_visa")];
    form.extend(order_id.as_deref().map(|id| ("metadata[order_id]", id)));
    let made = house.at_processor(Method::POST, "/v1/payment_intents", &form).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn act(house: &House, path: String, form: &[(&str, &str)]) -> Value {
    house.at_processor(Method::POST, &path, form).await
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn lists_that_agree_leave_nothing_to_say(db: PgPool) {
    let house = House::new(db).await;
    let charged = house.charge("pm_card_visa").await;
    house.charge("pm_card_chargeDeclined").await;
    let refunded = house.charge("pm_card_visa").await;
    house.hear(expired(&refunded)).await;
    house.work_through().await;
    authorised(&house).await;
    for _ in 0..2 {
        assert_eq!(compare(&house).await, (0, 0, Vec::new()));
    }
    let listed: (i64, i64) =
        sqlx::query_as("select captured, refunded from provider_charge where order_id = $1")
            .bind(refunded.order_id.0)
            .fetch_one(&house.app.db)
            .await
            .unwrap();
    assert_eq!(listed, (1999, 1999));
    assert_eq!(house.count("provider_charge").await, 4);
    assert_eq!(house.said_names(&charged).await, ["payment.captured.v1"]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_no_webhook_told_is_made_up_for(db: PgPool) {
    let house = House::new(db).await;
    let (lapsed, intent) = authorised(&house).await;
    act(&house, format!("/_sandbox/payment_intents/{intent}/lapse"), &[]).await;
    let (captured, intent) = authorised(&house).await;
    act(&house, format!("/v1/payment_intents/{intent}/capture"), &[]).await;
    let disputed = house.charge("pm_card_visa").await;
    let intent = house.intents(&disputed).await[0]["id"].as_str().unwrap().to_owned();
    act(&house, format!("/_sandbox/payment_intents/{intent}/dispute"), &[]).await;
    assert_eq!(compare(&house).await, (3, 0, Vec::new()));
    assert_eq!(house.status(&captured).await, "captured");
    assert_eq!(house.status(&lapsed).await, "due");
    assert_eq!(house.said_names(&disputed).await, ["payment.captured.v1", "payment.disputed.v1"]);
    assert_eq!(compare(&house).await.0, 0, "once is enough");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_that_failed_long_after_it_was_made_is_seen(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    house.hear(expired(&order)).await;
    house.work_through().await;
    compare(&house).await;
    house.clock.advance(TimeDelta::days(30));
    compare(&house).await;
    let refunds = house.at_processor(Method::GET, "/v1/refunds", &[]).await;
    let refund = refunds["data"][0]["id"].as_str().unwrap();
    act(&house, format!("/_sandbox/refunds/{refund}/fail"), &[]).await;
    assert_eq!(compare(&house).await, (1, 0, Vec::new()));
    assert_eq!(house.status(&order).await, "refund_failed");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn charges_that_are_not_ours_or_are_second_ones_are_shown_until_they_are_gone(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let unknown = make_intent(&house, None).await;
    let second = make_intent(&house, Some(&order)).await;
    for intent in [&unknown, &second] {
        act(&house, format!("/v1/payment_intents/{intent}/confirm"), &[]).await;
    }
    for _ in 0..2 {
        let (healed, open, discrepancies) = compare(&house).await;
        assert_eq!((healed, open), (0, 2));
        let mut found = kinds(&discrepancies);
        found.sort_unstable();
        assert_eq!(found, ["second_charge", "unknown_charge"]);
    }
    let staff = house.client.bearer(&house.signer.token(house.ada, Role::Admin));
    let issues = staff.ask(Operation::ListPaymentIssues, "", None).await.body;
    assert_eq!(issues["items"].as_array().unwrap().len(), 2);
    assert!(issues["items"].as_array().unwrap().iter().any(|issue| issue["subject"] == json!(second)));
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"], "nothing follows from them");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_intent_that_was_never_used_is_cancelled_after_an_hour(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let stray = make_intent(&house, Some(&order)).await;
    let foreign = make_intent(&house, None).await;
    let status = async |intent: &str| {
        house.at_processor(Method::GET, &format!("/v1/payment_intents/{intent}"), &[]).await["status"].clone()
    };
    assert_eq!(compare(&house).await, (0, 0, Vec::new()), "its call may still be on its way");
    assert_eq!(status(&stray).await, "requires_confirmation");
    // The processor's clock is the real one, which is ahead of this test's.
    let made = house.intents(&order).await[0]["created"].as_i64().unwrap();
    house.clock.advance(TimeDelta::seconds(made - house.now().timestamp()) + TimeDelta::minutes(61));
    sqlx::query("update comparison set compared_at = null").execute(&house.app.db).await.unwrap();
    let answer = ask(&house).await;
    assert_eq!((&answer.body["cancelled"], &answer.body["open"]), (&json!(1), &json!(0)));
    assert_eq!(status(&stray).await, "canceled");
    assert_eq!(status(&foreign).await, "requires_confirmation", "what is not ours is left alone");
    let receipts = house.receipts(&order).await;
    assert_eq!(receipts[3..], ["void planned 1", "void sent 1", "void confirmed 1"]);
    assert_eq!(house.status(&order).await, "captured");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn other_amounts_other_refunds_and_what_is_missing_are_shown(db: PgPool) {
    let house = House::new(db).await;
    let (short, intent) = authorised(&house).await;
    act(&house, format!("/v1/payment_intents/{intent}/capture"), &[("amount_to_capture", "1000")]).await;
    let given_back = house.charge("pm_card_visa").await;
    let intent = house.intents(&given_back).await[0]["id"].as_str().unwrap().to_owned();
    let refund = act(&house, "/v1/refunds".to_owned(), &[("payment_intent", &intent), ("amount", "9")]).await;
    let lost = house.charge("pm_card_visa").await;
    sqlx::query("update payment set intent_id = 'pi_lost' where order_id = $1")
        .bind(lost.order_id.0)
        .execute(&house.app.db)
        .await
        .unwrap();
    let (_, open, discrepancies) = compare(&house).await;
    let mut found = kinds(&discrepancies);
    found.sort_unstable();
    assert_eq!(found, ["amount_differs", "missing", "refunds_differ", "second_charge"]);
    assert_eq!(open, 4);
    assert_eq!(house.status(&short).await, "authorised", "nothing follows from an amount that differs");
    let of = |kind: &str| discrepancies.iter().find(|it| it["kind"] == kind).unwrap()["detail"].clone();
    assert_eq!(of("amount_differs"), "captured 1000 GBP, known 1999 GBP");
    assert_eq!(of("refunds_differ"), "the provider gave back 9, we say 0");

    act(&house, format!("/_sandbox/refunds/{}/fail", refund["id"].as_str().unwrap()), &[]).await;
    let (_, open, discrepancies) = compare(&house).await;
    assert_eq!(open, 3, "{discrepancies:?}");
    assert!(!kinds(&discrepancies).contains(&"refunds_differ"), "what agrees again is done with");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn one_at_a_time_compares_and_a_dead_one_holds_nobody_up(db: PgPool) {
    let house = House::new(db).await;
    let until = house.now() + TimeDelta::minutes(1);
    sqlx::query("update comparison set lease = gen_random_uuid(), leased_until = $1")
        .bind(until)
        .execute(&house.app.db)
        .await
        .unwrap();
    assert_eq!(ask(&house).await.problem(), "conflict");
    house.clock.advance(TimeDelta::minutes(1));
    assert_eq!(compare(&house).await.1, 0);
    assert_eq!(compare(&house).await.1, 0, "and the turn was given back");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_processor_that_cannot_be_reached_is_asked_again_later(db: PgPool) {
    let house = House::new(db).await;
    let nobody = payment::provider::Provider::new("http://127.0.0.1:1", "sk".into()).unwrap();
    let app = payment::app::App { provider: nobody, ..house.app.clone() };
    assert!(payment::jobs::comparison::run_once(&app).await.is_err());
    let compared: Option<chrono::DateTime<chrono::Utc>> =
        sqlx::query_scalar("select compared_at from comparison").fetch_one(&house.app.db).await.unwrap();
    assert_eq!(compared, None);
    assert_eq!(compare(&house).await.1, 0);
}
