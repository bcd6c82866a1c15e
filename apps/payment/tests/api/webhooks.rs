//! What the processor tells: whether it is believed, that it is stored once, and what follows from it whenever it comes.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::Operation;
use contracts::event::OrderPlaced;
use contracts::permission::Role;
use payment::jobs::webhooks::apply_once;
use payment::jobs::{self, Turn};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, Client};
use tokio::net::TcpListener;

use crate::house::{House, WEBHOOK_SECRET, confirmed, expired, reserved};

const PATH: &str = "/receive_provider_event";

fn code(secret: &str, at: DateTime<Utc>, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, format!("{}.{body}", at.timestamp()).as_bytes()))
}

fn signature(at: DateTime<Utc>, body: &str) -> String {
    format!("t={},v1={}", at.timestamp(), code(WEBHOOK_SECRET, at, body))
}

async fn send(house: &House, signature: &str, body: &str) -> Answer {
    house.client.with("stripe-signature", signature).send("POST", PATH, Some(body.to_owned())).await
}

fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({"id": id, "object": "event", "type": kind, "created": 1_793_523_600, "data": {"object": object}})
}

/// Tells, and expects that it was taken.
async fn tell(house: &House, id: &str, kind: &str, object: &Value) {
    let body = event(id, kind, object).to_string();
    let answer = send(house, &signature(house.now(), &body), &body).await;
    assert_eq!((answer.status.as_u16(), &answer.body["taken"]), (200, &json!(true)), "{}", answer.body);
}

/// Applies all that may be applied at this moment.
async fn apply(house: &House) {
    while apply_once(&house.app).await.unwrap() == Turn::Worked {}
}

async fn issues(house: &House) -> Vec<Value> {
    let staff = house.client.bearer(&house.signer.token(house.ada, Role::Admin));
    let answer = staff.ask(Operation::ListPaymentIssues, "", None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

async fn fates(house: &House) -> Vec<String> {
    let states = "select state from provider_event order by number";
    sqlx::query_scalar(states).fetch_all(&house.app.db).await.unwrap()
}

async fn intent(house: &House, order: &OrderPlaced) -> Value {
    house.intents(order).await.remove(0)
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn only_a_signature_of_now_over_these_very_bytes_is_believed(db: PgPool) {
    let house = House::new(db).await;
    let (now, body) = (house.now(), event("evt_1", "payment_intent.succeeded", &json!({})).to_string());
    let aside = |seconds| now + TimeDelta::seconds(seconds);
    let time = now.timestamp();
    let missing = "the Stripe-Signature header is missing";
    let malformed = "the Stripe-Signature header is not of the form t=<seconds>,v1=<hex>";
    let wrong = "no signature is that of this body under our secret";
    let away = "the timestamp is more than 300 seconds away from our clock";
    let cases = [
        (String::new(), malformed),
        ("v1=00".to_owned(), malformed),
        (format!("t={time}"), malformed),
        (format!("t={time},v0={}", code(WEBHOOK_SECRET, now, &body)), malformed),
        (format!("t=soon,v1={}", code(WEBHOOK_SECRET, now, &body)), malformed),
        (format!("t={time},v1=zz"), malformed),
        (format!("t={time},v1="), wrong),
        (format!("t={time},v1={}", code("another", now, &body)), wrong),
        (format!("t={time},v1={}", code(WEBHOOK_SECRET, now, &format!("{body} "))), wrong),
        (format!("t={},v1={}", time + 1, code(WEBHOOK_SECRET, now, &body)), wrong),
        (signature(aside(-301), &body), away),
        (signature(aside(301), &body), away),
    ];
    for (header, detail) in cases {
        let refused = send(&house, &header, &body).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (400, "invalid-signature"), "{header}");
        assert_eq!(refused.body["detail"], detail, "{header}");
    }
    let without = house.client.send("POST", PATH, Some(body.clone())).await;
    assert_eq!((without.problem(), &without.body["detail"]), ("invalid-signature", &json!(missing)));
    assert_eq!(house.count("provider_event").await, 0);

    let known = json!({"id": "pi_1", "status": "processing", "currency": "gbp"});
    let body = event("evt_1", "payment_intent.processing", &known).to_string();
    let rolled = format!("t={time},v1={},v1={}", code("old", now, &body), code(WEBHOOK_SECRET, now, &body));
    for header in [rolled, signature(aside(-300), &body), signature(aside(300), &body)] {
        assert_eq!(send(&house, &header, &body).await.status, 200, "{header}");
    }
    assert_eq!(house.count("provider_event").await, 1, "one event, however often it is sent");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_is_no_event_of_the_processor_is_refused_and_what_is_not_used_is_not_kept(db: PgPool) {
    let house = House::new(db).await;
    let long = json!({"id": "x".repeat(300), "status": "canceled", "currency": "gbp"});
    let bodies = [
        "not json".to_owned(),
        json!({"id": "evt_1"}).to_string(),
        event("evt_1", "payment_intent.succeeded", &json!({"id": "pi_1"})).to_string(),
        event("evt_1", "payment_intent.canceled", &long).to_string(),
    ];
    for body in bodies {
        let refused = send(&house, &signature(house.now(), &body), &body).await;
        assert_eq!(refused.problem(), "malformed-json", "{body}");
    }
    tell(&house, "evt_2", "customer.created", &json!({"id": "cus_1", "email": "ada@example.com"})).await;
    tell(&house, "evt_3", "payout.paid", &json!({"id": "po_1"})).await;
    assert_eq!(house.count("provider_event").await, 0);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn nothing_personal_is_kept_of_an_event(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let mut object = intent(&house, &order).await;
    object["receipt_email"] = json!("marker@example.com");
    object["shipping"] = json!({"name": "marker"});
    object["payment_method"] = json!("pm_marker");
    tell(&house, "evt_1", "payment_intent.succeeded", &object).await;
    let kept: Option<String> =
        sqlx::query_scalar("select row_to_json(provider_event)::text from provider_event")
            .fetch_one(&house.app.db)
            .await
            .unwrap();
    let kept = kept.unwrap();
    assert!(kept.contains(&order.order_id.to_string()) && !kept.contains("marker"), "{kept}");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_webhook_before_the_answer_to_the_call_settles_it_and_the_answer_adds_nothing(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    // The intent is made; what its confirmation was answered is still on its way.
    let mut answered = None;
    while let Some(claimed) = jobs::claim(&house.app).await.unwrap() {
        let Some(claimed) = claimed else { continue };
        let answer = jobs::ask(&house.app, &claimed).await.unwrap();
        if claimed.call.act.name() == "confirm" {
            answered = Some((claimed, answer));
            break;
        }
        jobs::apply(&house.app, &claimed, answer).await.unwrap();
    }
    let (claimed, answer) = answered.unwrap();
    assert_eq!(house.status(&order).await, "processing");
    tell(&house, "evt_1", "payment_intent.succeeded", &intent(&house, &order).await).await;
    apply(&house).await;
    assert_eq!(house.status(&order).await, "captured");
    jobs::apply(&house.app, &claimed, answer).await.unwrap();
    house.work_through().await;
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
    assert_eq!(house.receipts(&order).await, ["charge planned 1", "charge sent 1", "charge confirmed 1"]);
    assert_eq!(house.counts(&order).await, [1, 1, 0]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_webhook_that_comes_twice_or_late_adds_nothing(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let object = intent(&house, &order).await;
    for id in ["evt_1", "evt_1", "evt_2"] {
        tell(&house, id, "payment_intent.succeeded", &object).await;
    }
    house.hear(confirmed(&order)).await;
    house.clock.advance(TimeDelta::hours(5));
    apply(&house).await;
    house.work_through().await;
    assert_eq!(fates(&house).await, ["applied", "applied"]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
    assert_eq!(house.count("ledger_entry").await, 1);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_intent_that_is_not_known_yet_waits_and_is_tried_again(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("pm_card_visa").await;
    let claimed = loop {
        if let Some(claimed) = jobs::claim(&house.app).await.unwrap().unwrap() {
            break claimed;
        }
    };
    let answer = jobs::ask(&house.app, &claimed).await.unwrap();
    tell(&house, "evt_1", "payment_intent.created", &intent(&house, &order).await).await;
    apply(&house).await;
    assert_eq!(fates(&house).await, ["waiting"]);
    jobs::apply(&house.app, &claimed, answer).await.unwrap();
    house.clock.advance(TimeDelta::seconds(2));
    apply(&house).await;
    assert_eq!(fates(&house).await, ["applied"]);
    house.work_through().await;
    assert_eq!(house.status(&order).await, "captured");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_event_or_a_payment_that_nobody_can_read_keeps_only_itself_waiting(db: PgPool) {
    let house = House::new(db).await;
    let (odd, broken, good) = (
        house.begin("pm_card_visa").await,
        house.begin("pm_card_visa").await,
        house.begin("pm_card_visa").await,
    );
    house.work_through().await;
    for (id, order) in [("evt_1", &odd), ("evt_2", &broken), ("evt_3", &good)] {
        tell(&house, id, "payment_intent.succeeded", &intent(&house, order).await).await;
    }
    let db = &house.app.db;
    sqlx::query("update provider_event set status = 'of_a_newer_release' where id = 'evt_1'")
        .execute(db)
        .await
        .unwrap();
    sqlx::query("update payment set currency = 'XXX' where order_id = $1")
        .bind(broken.order_id.0)
        .execute(db)
        .await
        .unwrap();
    apply(&house).await;
    let fates = fates(&house).await;
    assert_eq!(&fates[..2], ["waiting", "waiting"]);
    assert_ne!(fates[2], "waiting");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_matches_nothing_is_kept_and_shown_to_staff(db: PgPool) {
    let house = House::new(db).await;
    let stranger = json!({"id": "pi_1", "status": "succeeded", "currency": "gbp", "amount_received": 5,
        "metadata": {"order_id": uuid::Uuid::now_v7()}});
    tell(&house, "evt_1", "payment_intent.succeeded", &stranger).await;
    apply(&house).await;
    assert_eq!(issues(&house).await, Vec::<Value>::new(), "it may still find its order");
    house.clock.advance(TimeDelta::minutes(2));
    apply(&house).await;
    let shown = issues(&house).await;
    assert_eq!((&shown[0]["kind"], &shown[0]["subject"]), (&json!("unmatched_event"), &json!("evt_1")));
    assert_eq!(shown[0]["reason"], "the order is not known yet");
    for _ in 0..200 {
        house.clock.advance(TimeDelta::minutes(10));
        apply(&house).await;
    }
    assert_eq!(fates(&house).await, ["unmatched"], "after a day it is no longer tried");
    assert_eq!(issues(&house).await.len(), 1);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn money_that_is_not_what_we_know_changes_nothing_and_is_shown(db: PgPool) {
    let house = House::new(db).await;
    let order = house.begin("tok_hang").await;
    let claimed = async {
        while let Some(claimed) = jobs::claim(&house.app).await.unwrap() {
            let Some(claimed) = claimed else { continue };
            if claimed.call.act.name() == "confirm" {
                return;
            }
            let answer = jobs::ask(&house.app, &claimed).await.unwrap();
            jobs::apply(&house.app, &claimed, answer).await.unwrap();
        }
    };
    claimed.await;
    let object = intent(&house, &order).await;
    let told = |amount: i64, currency: &str, status: &str| {
        let mut object = object.clone();
        object["status"] = json!(status);
        object["currency"] = json!(currency);
        object["amount_received"] = json!(amount);
        object["amount_capturable"] = json!(amount);
        object
    };
    tell(&house, "evt_1", "payment_intent.succeeded", &told(1998, "gbp", "succeeded")).await;
    tell(&house, "evt_2", "payment_intent.succeeded", &told(1999, "eur", "succeeded")).await;
    let capturable = told(2000, "gbp", "requires_capture");
    tell(&house, "evt_3", "payment_intent.amount_capturable_updated", &capturable).await;
    apply(&house).await;
    assert_eq!(fates(&house).await, ["differs"; 3]);
    assert_eq!(house.status(&order).await, "processing");
    assert_eq!(house.said_names(&order).await, Vec::<&str>::new());
    let shown: Vec<_> = issues(&house).await.iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(shown, ["amount_differs"; 3]);
    assert_eq!(issues(&house).await[0]["reason"], "captured 1998 GBP, known 1999 GBP");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_refund_that_fails_later_waits_for_staff(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    house.hear(expired(&order)).await;
    house.work_through().await;
    assert_eq!(house.status(&order).await, "refunded");
    let id = intent(&house, &order).await["id"].as_str().unwrap().to_owned();
    let refunds = house.at_processor(Method::GET, &format!("/v1/refunds?payment_intent={id}"), &[]).await;
    let refund = refunds["data"][0]["id"].as_str().unwrap();
    let failed = house.at_processor(Method::POST, &format!("/_sandbox/refunds/{refund}/fail"), &[]).await;
    tell(&house, "evt_1", "refund.updated", &failed).await;
    tell(&house, "evt_2", "refund.failed", &failed).await;
    // The word of its making comes last, and is older.
    tell(&house, "evt_3", "refund.created", &refunds["data"][0]).await;
    apply(&house).await;
    assert_eq!(house.status(&order).await, "refund_failed");
    let said = house.said_names(&order).await;
    assert_eq!(said, ["payment.captured.v1", "payment.refunded.v1", "payment.refund_failed.v1"]);
    assert_eq!(issues(&house).await[0]["kind"], "refund_failed");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_dispute_is_told_of_by_its_intent_and_closed(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let id = intent(&house, &order).await["id"].as_str().unwrap().to_owned();
    let dispute =
        house.at_processor(Method::POST, &format!("/_sandbox/payment_intents/{id}/dispute"), &[]).await;
    tell(&house, "evt_1", "charge.dispute.created", &dispute).await;
    apply(&house).await;
    assert_eq!(issues(&house).await[0]["kind"], "disputed");
    let close = format!("/_sandbox/disputes/{}/close?outcome=won", dispute["id"].as_str().unwrap());
    let closed = house.at_processor(Method::POST, &close, &[]).await;
    tell(&house, "evt_2", "charge.dispute.closed", &closed).await;
    tell(&house, "evt_3", "charge.dispute.updated", &dispute).await;
    apply(&house).await;
    assert_eq!(fates(&house).await, ["applied"; 3]);
    assert_eq!(issues(&house).await, Vec::<Value>::new());
    let said = house.said_names(&order).await;
    assert_eq!(said, ["payment.captured.v1", "payment.disputed.v1", "payment.disputed.v1"]);
}

/// Takes webhooks on a port of its own and passes them on to the service, as gateway and sidecar do.
struct Bridge {
    url: String,
    client: Arc<OnceLock<Client>>,
}

impl Bridge {
    async fn start() -> Bridge {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Arc::new(OnceLock::<Client>::new());
        let router = Router::new().fallback(pass_on).with_state(client.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Bridge { url, client }
    }
}

async fn pass_on(State(client): State<Arc<OnceLock<Client>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["stripe-signature"].to_str().unwrap();
    let Some(client) = client.get() else { return StatusCode::SERVICE_UNAVAILABLE };
    let body = String::from_utf8(body.to_vec()).unwrap();
    client.with("stripe-signature", signature).send("POST", PATH, Some(body)).await.status
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_sandbox_tells_of_a_charge_whose_answer_never_came(db: PgPool) {
    let bridge = Bridge::start().await;
    let house = House::told_at(db, &bridge.url).await;
    assert!(bridge.client.set(house.client.clone()).is_ok());
    let order = house.order("pm_charge_no_answer").await;
    house.hear(order.clone()).await;
    house.hear(reserved(&order)).await;
    let settled = async {
        while house.status(&order).await != "captured" {
            apply(&house).await;
        }
    };
    tokio::select! {
        () = settled => {}
        () = house.work() => panic!("the call was answered"),
    }
    assert_eq!(fates(&house).await, ["applied"]);
    assert_eq!(house.said_names(&order).await, ["payment.captured.v1"]);
}
