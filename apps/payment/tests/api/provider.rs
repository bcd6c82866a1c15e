//! The provider's client: what it sends, and what it makes of every answer.

use std::time::Duration;

use contracts::event::DisputeStatus;
use contracts::{CancellationId, CaptureMode, OrderId, PaymentId, RefundCause};
use payment::domain::method::ProviderToken;
use payment::domain::{Doubt, Intent, IntentId, IntentStatus, RefundSeen};
use payment::provider::{IntentPage, NewIntent, NewRefund, Outcome, Provider};
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::house::pounds;

const PATIENCE: Duration = Duration::from_secs(20);

fn provider(server: &MockServer) -> Provider {
    Provider::new(&server.uri(), "sk_test_1".into()).unwrap()
}

fn intent_id() -> IntentId {
    IntentId("pi_1".to_owned())
}

fn intent_json(status: &str) -> Value {
    json!({"id": "pi_1", "status": status, "amount": 500, "amount_received": 500, "amount_capturable": 500,
        "currency": "gbp", "last_payment_error": null, "a_new_field": {}})
}

#[tokio::test]
async fn an_intent_is_made_unconfirmed_with_its_order_in_the_metadata() {
    let server = MockServer::start().await;
    let (order_id, payment_id) = (OrderId(Uuid::from_u128(1)), PaymentId(Uuid::from_u128(2)));
    Mock::given(method("POST"))
        .and(path("/v1/payment_intents"))
        .and(header("authorization", "Bearer sk_test_1"))
        .and(header("idempotency-key", "k"))
        .and(header("stripe-version", "2026-08-26.dahlia"))
        .and(body_string(
            "amount=500&currency=gbp&capture_method=manual&payment_method=pm_card_visa\
             &payment_method_types%5B%5D=card\
             &metadata%5Border_id%5D=00000000-0000-0000-0000-000000000001\
             &metadata%5Bpayment_id%5D=00000000-0000-0000-0000-000000000002",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(intent_json("requires_confirmation")))
        .mount(&server)
        .await;
    let token = ProviderToken::new("pm_card_visa").unwrap();
    let new = NewIntent {
        order_id,
        payment_id,
        amount: pounds(500),
        capture: CaptureMode::BeforeShipping,
        token: &token,
    };
    let made = provider(&server).create_intent(new, "k", PATIENCE).await;
    assert_eq!(made, Outcome::Done(Intent { id: intent_id(), status: IntentStatus::RequiresConfirmation }));
}

#[tokio::test]
async fn every_answer_is_read_and_what_says_nothing_is_unknown() {
    let error = |kind: &str, code: &str| json!({"error": {"type": kind, "code": code}}).to_string();
    let declined =
        json!({"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}});
    let shown = |status: &str| (200, intent_json(status).to_string(), false);
    let is = |status| Outcome::Done(Intent { id: intent_id(), status });
    let unknown = |doubt| Outcome::Unknown(doubt);
    let refused = |code: &str| Outcome::Refused { code: code.to_owned() };
    let cases = [
        (shown("succeeded"), is(IntentStatus::Succeeded { received: pounds(500) })),
        (shown("requires_capture"), is(IntentStatus::RequiresCapture { held: pounds(500) })),
        (shown("requires_action"), is(IntentStatus::RequiresAction { url: None })),
        (shown("processing"), is(IntentStatus::Processing)),
        (shown("canceled"), is(IntentStatus::Canceled)),
        (shown("requires_payment_method"), is(IntentStatus::RequiresPaymentMethod { declined: None })),
        (shown("something_new"), unknown(Doubt::ServerError)),
        ((200, "<html>".to_owned(), false), unknown(Doubt::ServerError)),
        ((402, declined.to_string(), false), Outcome::Declined { code: "lost_card".to_owned() }),
        ((400, error("invalid_request_error", "resource_missing"), false), refused("resource_missing")),
        ((404, String::new(), false), refused("declined")),
        ((400, error("idempotency_error", "x"), false), unknown(Doubt::StoredError)),
        ((401, error("invalid_request_error", "x"), false), unknown(Doubt::ServerError)),
        ((409, error("idempotency_error", "idempotency_key_in_use"), false), unknown(Doubt::ServerError)),
        ((429, error("rate_limit_error", "rate_limit"), false), unknown(Doubt::ServerError)),
        ((500, error("api_error", "x"), false), unknown(Doubt::ServerError)),
        ((500, error("api_error", "x"), true), unknown(Doubt::StoredError)),
        ((503, "upstream".to_owned(), false), unknown(Doubt::ServerError)),
        ((302, String::new(), false), unknown(Doubt::ServerError)),
    ];
    for ((status, body, replayed), expected) in cases {
        let server = MockServer::start().await;
        let mut template = ResponseTemplate::new(status).set_body_string(body.clone());
        if replayed {
            template = template.insert_header("idempotent-replayed", "true");
        }
        let confirm = Mock::given(method("POST")).and(path("/v1/payment_intents/pi_1/confirm"));
        confirm.respond_with(template).mount(&server).await;
        let answer = provider(&server).confirm_intent(&intent_id(), "k", PATIENCE).await;
        assert_eq!(answer, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn no_answer_is_silence() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(method("GET")).respond_with(slow).mount(&server).await;
    let silence = Outcome::Unknown(Doubt::Silence);
    let timeout = Duration::from_millis(100);
    assert_eq!(provider(&server).read_intent(&intent_id(), timeout).await, silence);
    let nobody = Provider::new("http://127.0.0.1:1", "sk".into()).unwrap();
    assert_eq!(nobody.cancel_intent(&intent_id(), "k", PATIENCE).await, silence);
    assert!(!format!("{nobody:?}").contains("sk"), "the account's key is shown");
}

#[tokio::test]
async fn a_refund_is_found_by_its_cause_on_whichever_page() {
    let server = MockServer::start().await;
    let refund = |id: &str, cause: &str, status: &str| json!({"id": id, "status": status, "metadata": {"cause": cause}});
    let page = |refunds: Value, more: bool| {
        ResponseTemplate::new(200).set_body_json(json!({"data": refunds, "has_more": more}))
    };
    Mock::given(method("GET"))
        .and(path("/v1/refunds"))
        .and(query_param("starting_after", "re_1"))
        .respond_with(page(json!([refund("re_2", "final_end", "pending")]), false))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(query_param("payment_intent", "pi_1"))
        .respond_with(page(json!([refund("re_1", "another", "succeeded")]), true))
        .with_priority(9)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(query_param("payment_intent", "pi_2"))
        .respond_with(page(json!([]), false))
        .mount(&server)
        .await;
    let provider = provider(&server);
    let found = provider.find_refund(&intent_id(), RefundCause::FinalEnd, PATIENCE).await;
    assert_eq!(found, Outcome::Done(Some(RefundSeen::Accepted { reference: "re_2".to_owned() })));
    let none = provider.find_refund(&IntentId("pi_2".to_owned()), RefundCause::FinalEnd, PATIENCE).await;
    assert_eq!(none, Outcome::Done(None));
}

#[tokio::test]
async fn captures_refunds_and_lists_speak_the_processors_words() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/payment_intents/pi_1/capture"))
        .and(body_string("amount_to_capture=500"))
        .respond_with(ResponseTemplate::new(200).set_body_json(intent_json("succeeded")))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/v1/refunds"))
        .and(body_string(
            "payment_intent=pi_1&amount=500&metadata%5Bcause%5D=final_end\
             &metadata%5Border_id%5D=00000000-0000-0000-0000-000000000001",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "re_1", "status": "failed"})))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/v1/payment_intents"))
        .and(query_param("starting_after", "pi_0"))
        .and(query_param("limit", "100"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"data": [intent_json("canceled")], "has_more": true})),
        )
        .mount(&server)
        .await;
    let provider = provider(&server);
    let succeeded = Intent { id: intent_id(), status: IntentStatus::Succeeded { received: pounds(500) } };
    assert_eq!(
        provider.capture_intent(&intent_id(), pounds(500), "k", PATIENCE).await,
        Outcome::Done(succeeded)
    );
    let new = NewRefund {
        order_id: OrderId(Uuid::from_u128(1)),
        intent: &intent_id(),
        amount: pounds(500),
        cause: RefundCause::FinalEnd,
    };
    let failed = RefundSeen::Failed { reference: "re_1".to_owned() };
    assert_eq!(provider.create_refund(new, "k", PATIENCE).await, Outcome::Done(failed));
    let after = IntentId("pi_0".to_owned());
    let canceled = Intent { id: intent_id(), status: IntentStatus::Canceled };
    let page = IntentPage { intents: vec![canceled], more: true };
    assert_eq!(provider.list_intents(Some(&after), PATIENCE).await, Outcome::Done(page));
}

#[tokio::test]
async fn where_the_customer_confirms_is_read() {
    let server = MockServer::start().await;
    let mut asks = intent_json("requires_action");
    let url = "https://bank.example/3ds";
    asks["next_action"] =
        json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": null}});
    Mock::given(method("GET"))
        .and(path("/v1/payment_intents/pi_1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(asks))
        .mount(&server)
        .await;
    let status = IntentStatus::RequiresAction { url: Some(url.to_owned()) };
    let read = provider(&server).read_intent(&intent_id(), PATIENCE).await;
    assert_eq!(read, Outcome::Done(Intent { id: intent_id(), status }));
}

#[tokio::test]
async fn of_several_refunds_of_a_cause_the_one_that_was_accepted_is_found() {
    let server = MockServer::start().await;
    let cause = RefundCause::Cancellation(CancellationId(Uuid::from_u128(7)));
    let refund = |id: &str, status: &str| json!({"id": id, "status": status, "metadata": {"cause": cause}});
    let listed = |refunds: Value| {
        ResponseTemplate::new(200).set_body_json(json!({"data": refunds, "has_more": false}))
    };
    let newest_first = [
        ("pi_1", json!([refund("re_3", "failed"), refund("re_2", "succeeded"), refund("re_1", "failed")])),
        ("pi_2", json!([refund("re_5", "canceled"), refund("re_4", "failed")])),
    ];
    for (intent, refunds) in newest_first {
        let list = Mock::given(method("GET")).and(query_param("payment_intent", intent));
        list.respond_with(listed(refunds)).mount(&server).await;
    }
    let find = async |intent: &str| {
        provider(&server).find_refund(&IntentId(intent.to_owned()), cause, PATIENCE).await
    };
    let accepted = RefundSeen::Accepted { reference: "re_2".to_owned() };
    assert_eq!(find("pi_1").await, Outcome::Done(Some(accepted)));
    let failed = RefundSeen::Failed { reference: "re_5".to_owned() };
    assert_eq!(find("pi_2").await, Outcome::Done(Some(failed)));
}

#[tokio::test]
async fn a_dispute_is_given_up_by_its_own_address() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/disputes/dp_1/close"))
        .and(header("idempotency-key", "k"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"id": "dp_1", "amount": 500, "currency": "gbp", "status": "lost"})),
        )
        .mount(&server)
        .await;
    let closed = provider(&server).close_dispute("dp_1", "k", PATIENCE).await;
    assert_eq!(closed, Outcome::Done((pounds(500), DisputeStatus::Lost)));
}
