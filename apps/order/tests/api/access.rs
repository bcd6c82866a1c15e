//! Who may ask: every route without token, with a wrong one, with the wrong role, and past the gateway.

use contracts::operation::{Access, owned_by};
use contracts::permission::Role;
use contracts::{App, Operation, UserId};
use serde_json::json;
use sqlx::PgPool;
use testkit::Signer;
use uuid::Uuid;

use crate::house::{House, order};

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn every_route_wants_a_token_with_its_permission(db: PgPool) {
    let house = House::new(db).await;
    let ask = async |client: &testkit::Client, operation| {
        client.ask(operation, "", Some(json!({}))).await.problem().to_owned()
    };
    for row in owned_by(App::Order).filter(|row| matches!(row.access, Access::Permitted(_))) {
        let without = house.client.without("authorization");
        assert_eq!(ask(&without, row.operation).await, "unauthenticated", "{}", row.name);
        let powerless = house.signer.sign(&house.signer.claims(house.ada, "profile:read"));
        assert_eq!(ask(&house.client.bearer(&powerless), row.operation).await, "forbidden", "{}", row.name);
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn forged_tokens_are_refused(db: PgPool) {
    let house = House::new(db).await;
    let good = house.signer.claims(house.ada, "orders:read");
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        house.signer.sign(&claims)
    };
    let stranger = Signer::new(&house.signer.kid);
    let unsigned = format!(
        "{}.{}.",
        base64_url(&json!({"alg": "none", "typ": "JWT", "kid": house.signer.kid})),
        base64_url(&good)
    );
    let token = house.signer.sign(&good);
    let cases = [
        ("expired", changed("exp", json!(1)), "expired-token"),
        ("another issuer", changed("iss", json!("mallory")), "invalid-token"),
        ("another audience", changed("aud", json!("mallory")), "invalid-token"),
        ("a foreign key under our key id", stranger.sign(&good), "invalid-token"),
        ("an unknown key id", Signer::new("other").sign(&good), "invalid-token"),
        ("algorithm none", unsigned, "invalid-token"),
        ("truncated", token[..token.len() - 4].to_owned(), "invalid-token"),
        ("no token at all", "x".to_owned(), "invalid-token"),
    ];
    for (what, token, problem) in cases {
        let answer = house.client.bearer(&token).ask(Operation::ListOrders, "", None).await;
        assert_eq!(answer.problem(), problem, "{what}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer", "{what}");
    }
    assert_eq!(house.client.bearer(&token).ask(Operation::ListOrders, "", None).await.status, 200);
}

fn base64_url(json: &serde_json::Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string())
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn anothers_order_is_not_found_and_staff_sees_it(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let query = format!("order_id={id}");
    let bob = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Customer));
    let staff = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Admin));
    for operation in [Operation::ReadOrder, Operation::ReadTimeline] {
        assert_eq!(bob.ask(operation, &query, None).await.problem(), "not-found");
        assert_eq!(staff.ask(operation, &query, None).await.status, 200);
    }
    let listed = async |client: &testkit::Client| {
        client.ask(Operation::ListOrders, "", None).await.body["items"].as_array().unwrap().len()
    };
    assert_eq!((listed(&bob).await, listed(&staff).await), (0, 1));
    // Another caller's key is another key.
    let answer = bob.with("idempotency-key", "a").ask(Operation::PlaceOrder, "", Some(order())).await;
    assert_eq!(answer.status, 201);
    assert_ne!(answer.body["id"], json!(id));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn only_the_own_sidecar_and_the_callers_named_get_in(db: PgPool) {
    let house = House::new(db).await;
    let without_token = house.client.without("dapr-api-token");
    assert_eq!(without_token.ask(Operation::ListOrders, "", None).await.status, 401);
    let wrong_token = house.client.with("dapr-api-token", "wrong");
    assert_eq!(wrong_token.ask(Operation::ListOrders, "", None).await.status, 401);
    for caller in ["payment", "mallory"] {
        let other = house.client.with("dapr-caller-app-id", caller);
        assert_eq!(other.ask(Operation::ListOrders, "", None).await.status, 403, "{caller}");
    }
    assert_eq!(
        house.client.without("dapr-caller-app-id").ask(Operation::ListOrders, "", None).await.status,
        403
    );
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(without_token.send("GET", path, None).await.status, 200);
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn the_document_names_every_public_operation(db: PgPool) {
    let house = House::new(db).await;
    let document = house.client.ask(Operation::DescribeOrder, "", None).await.body;
    for row in owned_by(App::Order) {
        let Some(path) = row.path else { continue };
        let method = row.method.name().to_lowercase();
        assert_eq!(document["paths"][path][&method]["operationId"], row.name, "{}", row.name);
    }
    // Each list has a schema of its own.
    let listed =
        |name: &str| document["components"]["schemas"][name]["properties"]["items"]["items"]["$ref"].clone();
    assert_eq!(listed("OrderSummaryList"), "#/components/schemas/OrderSummary");
    assert_eq!(listed("Timeline"), "#/components/schemas/TimelineEntry");
}
