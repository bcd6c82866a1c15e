//! Payment methods: a token goes in, our id comes out, and the token is never seen again.

use contracts::permission::Role;
use contracts::{Operation, UserId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::House;

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_method_is_kept_for_its_owner_and_shown_without_its_token(db: PgPool) {
    let house = House::new(db).await;
    let visa = house.add_method("pm_card_visa").await;
    assert_eq!(visa.status, 201);
    assert_eq!(visa.body["label"], "visa");
    let other = house.add_method("tok_hang").await;
    assert_eq!(other.body["label"], json!(null));

    let listed = house.client.ask(Operation::ListPaymentMethods, "limit=1", None).await;
    assert_eq!(listed.body["items"], json!([other.body]));
    let cursor = listed.body["next_cursor"].as_str().unwrap();
    let rest =
        house.client.ask(Operation::ListPaymentMethods, &format!("limit=1&cursor={cursor}"), None).await;
    assert_eq!(rest.body, json!({"items": [visa.body], "next_cursor": null}));
    assert!(!format!("{} {}", listed.body, rest.body).contains("pm_card"), "a token was shown");

    let bob = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Customer));
    assert_eq!(bob.ask(Operation::ListPaymentMethods, "", None).await.body["items"], json!([]));
    assert_eq!(bob.ask(Operation::ListPaymentMethods, "cursor=x", None).await.problem(), "invalid-cursor");
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_same_key_adds_once_and_never_another_method(db: PgPool) {
    let house = House::new(db).await;
    let client = house.client.with("idempotency-key", "k");
    let add = async |token: &str| {
        client.ask(Operation::AddPaymentMethod, "", Some(json!({"provider_token": token}))).await
    };
    let (first, second) = tokio::join!(add("pm_card_visa"), add("pm_card_visa"));
    assert_eq!((first.status, second.status), (201.try_into().unwrap(), 201.try_into().unwrap()));
    assert_eq!(first.body, second.body);
    assert_eq!(add("pm_card_amex").await.problem(), "idempotency-key-reused");
    assert_eq!(house.count("payment_method").await, 1);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn what_is_no_token_is_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    let long = "x".repeat(70_000);
    let cases = [
        (r#"{"provider_token":"4242424242424242"}"#, "invalid-field"),
        (r#"{"provider_token":"pm_4242424242424242"}"#, "invalid-field"),
        (r#"{"provider_token":""}"#, "invalid-field"),
        (r#"{"provider_token":"pm_card visa"}"#, "invalid-field"),
        (r#"{"provider_token":7}"#, "invalid-field"),
        (r#"{"provider_token":"pm_\u0000"}"#, "nul-character"),
        (r#"{"provider_token":"pm_card_visa","number":"4242"}"#, "unknown-field"),
        ("{}", "invalid-field"),
        ("provider_token=pm_card_visa", "malformed-json"),
        (&format!(r#"{{"provider_token":"pm_{long}"}}"#), "invalid-field"),
    ];
    for (body, problem) in cases {
        let client = house.client.with("idempotency-key", &Uuid::now_v7().to_string());
        let answer = client.send("POST", "/add_payment_method", Some(body.to_owned())).await;
        assert_eq!(answer.problem(), problem, "{}", &body[..body.len().min(60)]);
        assert!(!answer.body.to_string().contains("42424242"), "a card number was sent back");
    }
    let keyless =
        house.client.ask(Operation::AddPaymentMethod, "", Some(json!({"provider_token": "pm_card_visa"})));
    assert_eq!(keyless.await.problem(), "idempotency-key-missing");
    assert_eq!(house.count("payment_method").await, 0);
}
