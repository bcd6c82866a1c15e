//! Who may ask for what.

use contracts::operation::{Access, owned_by};
use contracts::{App as Service, Operation, UserId};
use sqlx::PgPool;
use uuid::Uuid;

use crate::Shop;

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn every_route_wants_its_token_and_permission(db: PgPool) {
    let shop = Shop::open(db).await;
    for row in owned_by(Service::Product) {
        let ask =
            async |client: &testkit::Client| client.ask(row.operation, "", Some(serde_json::json!({}))).await;
        let nobody = ask(&shop.anybody).await;
        let customer = ask(&shop.customer).await;
        match row.access {
            Access::Permitted(_) => {
                assert_eq!(
                    (nobody.problem(), customer.problem()),
                    ("unauthenticated", "forbidden"),
                    "{}",
                    row.name
                );
                let mut claims =
                    shop.signer.claims(UserId(Uuid::now_v7()), "products:write stock:read stock:write");
                claims["exp"] = 0.into();
                let expired = ask(&shop.anybody.bearer(&shop.signer.sign(&claims))).await;
                assert_eq!(expired.problem(), "expired-token", "{}", row.name);
                let forged = ask(&shop.anybody.bearer("eyJhbGciOiJub25lIn0.e30.")).await;
                assert_eq!(forged.problem(), "invalid-token", "{}", row.name);
            }
            Access::Anonymous | Access::Internal => {}
        }
        let stranger = ask(&shop.admin.with("dapr-caller-app-id", "config")).await;
        assert_eq!(stranger.problem(), "forbidden", "{}", row.name);
        let direct = ask(&shop.admin.without("dapr-caller-app-id")).await;
        assert_eq!(direct.problem(), "forbidden", "{}", row.name);
        let tokenless = ask(&shop.admin.without("dapr-api-token")).await;
        assert_eq!(tokenless.problem(), "unauthenticated", "{}", row.name);
    }
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn only_order_may_ask_for_facts(db: PgPool) {
    let shop = Shop::open(db).await;
    let body = serde_json::json!({"product_ids": []});
    let gateway = shop.admin.ask(Operation::FindProducts, "", Some(body.clone())).await;
    assert_eq!(gateway.problem(), "forbidden");
    let order =
        shop.anybody.with("dapr-caller-app-id", "order").ask(Operation::FindProducts, "", Some(body)).await;
    assert_eq!(order.status, 200);
    for operation in [Operation::ReadStockFacts, Operation::ReadStockTimeline] {
        for stranger in ["gateway", "payment", "notification"] {
            let stranger = shop.admin.with("dapr-caller-app-id", stranger);
            let refused = stranger.ask(operation, "", Some(serde_json::json!({}))).await;
            assert_eq!(refused.problem(), "forbidden");
        }
    }
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn it_describes_itself(db: PgPool) {
    let shop = Shop::open(db).await;
    let document = shop.anybody.ask(Operation::DescribeProduct, "", None).await;
    assert_eq!(document.status, 200);
    for row in owned_by(Service::Product) {
        if let Some(path) = row.path {
            let operation = &document.body["paths"][path][row.method.name().to_lowercase()];
            assert_eq!(operation["operationId"], row.name);
        }
    }
}
