//! Listing and reading keys.

use contracts::Operation;
use contracts::configuration::KEYS;
use serde_json::json;
use sqlx::PgPool;

use crate::Stage;

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn every_key_is_listed_with_its_default(db: PgPool) {
    let stage = Stage::new(db).await;
    let answer = stage.administrator().ask(Operation::ListConfiguration, "", None).await;
    assert_eq!(answer.status, 200);
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items.len(), KEYS.len());
    for (item, key) in items.iter().zip(KEYS) {
        assert_eq!(item["key"], key.name);
        assert_eq!(item["value"], json!(key.default()));
        assert_eq!(item["version"], 0);
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_key_that_was_never_set_has_version_zero(db: PgPool) {
    let answer = Stage::new(db).await.read("order.deadline").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["etag"], "\"0\"");
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "bounds": {
        "least": "5s",
        "most": "7d"
      },
      "changed_at": null,
      "changed_by": null,
      "default": "15m",
      "description": "How long an order may take from placing to its end.",
      "guards": [
        "refusals",
        "failures",
        "time_to_confirm"
      ],
      "key": "order.deadline",
      "reach": "orders",
      "reader": "order",
      "reason": null,
      "restart": false,
      "scopes": [],
      "trial": null,
      "type": "duration",
      "unit": null,
      "unreadable": null,
      "value": "15m",
      "version": 0
    }
    "#);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_key_that_does_not_exist_is_not_found(db: PgPool) {
    let stage = Stage::new(db).await;
    assert_eq!(stage.read("order.colour").await.problem(), "unknown-key");
    assert_eq!(stage.read("Order.Colour").await.problem(), "invalid-key-name");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_query_that_cannot_be_read_is_refused(db: PgPool) {
    let stage = Stage::new(db).await;
    let ask = async |query: &str| {
        stage.administrator().ask(Operation::ReadConfiguration, query, None).await.problem().to_owned()
    };
    assert_eq!(ask("").await, "invalid-parameter");
    assert_eq!(ask("key=order.deadline&colour=red").await, "invalid-parameter");
    assert_eq!(ask("key=order.deadline%00").await, "nul-character");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn only_a_good_token_with_the_permission_passes(db: PgPool) {
    let stage = Stage::new(db).await;
    for operation in [
        Operation::ListConfiguration,
        Operation::ReadConfiguration,
        Operation::SetConfiguration,
        Operation::ChangeConfiguration,
        Operation::ListConfigurationChanges,
        Operation::CompareConfiguration,
        Operation::RollBackConfiguration,
        Operation::ExportConfiguration,
        Operation::ImportConfiguration,
        Operation::ReadEffectiveConfiguration,
    ] {
        let query = "key=order.deadline";
        let refused = stage.client.ask(operation, query, None).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (401, "unauthenticated"));
        let refused = stage.customer().ask(operation, query, None).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (403, "forbidden"));
        for (token, problem) in stage.bad_tokens() {
            let refused = stage.client.bearer(&token).ask(operation, query, None).await;
            assert_eq!((refused.status.as_u16(), refused.problem()), (401, problem), "{token}");
        }
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn only_the_own_sidecar_on_behalf_of_the_gateway_passes(db: PgPool) {
    let stage = Stage::new(db).await;
    let stranger = stage.administrator().with("dapr-api-token", "guessed");
    assert_eq!(stranger.ask(Operation::ListConfiguration, "", None).await.status, 401);
    let order = stage.administrator().with("dapr-caller-app-id", "order");
    assert_eq!(order.ask(Operation::ListConfiguration, "", None).await.status, 403);
    assert_eq!(stage.administrator().send("GET", "/nowhere", None).await.problem(), "not-found");
    assert_eq!(stage.client.without("dapr-api-token").send("GET", "/readyz", None).await.status, 200);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn it_describes_what_it_offers(db: PgPool) {
    let answer = Stage::new(db).await.client.ask(Operation::DescribeConfig, "", None).await;
    assert_eq!(answer.status, 200);
    let paths = answer.body["paths"].as_object().unwrap();
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        [
            "/v1/config",
            "/v1/config/changes",
            "/v1/config/diff",
            "/v1/config/effective",
            "/v1/config/export",
            "/v1/config/imports",
            "/v1/config/rollbacks",
            "/v1/config/trials",
            "/v1/config/trials/{version}",
            "/v1/config/trials/{version}/end",
            "/v1/config/{key}",
        ]
    );
}
