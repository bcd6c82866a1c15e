//! API keys: within what their owner may, for a while, and gone when they are revoked.

use chrono::TimeDelta;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, Client};

use crate::roles::holder;
use crate::{PASSWORD, Stage};

pub async fn create(client: &Client, name: &str, permissions: &[&str]) -> Answer {
    let body = json!({"name": name, "permissions": permissions, "expires_in_days": 30, "password": PASSWORD});
    client.ask(Operation::CreateApiKey, "", Some(body)).await
}

pub async fn exchange(stage: &Stage, key: &Value) -> Answer {
    stage.client.ask(Operation::ExchangeApiKey, "", Some(json!({ "key": key }))).await
}

/// What the machine may do.
async fn machine(stage: &Stage, key: &Value) -> Client {
    let exchanged = exchange(stage, key).await;
    assert_eq!(exchanged.status, 200, "{}", exchanged.body);
    stage.client.bearer(exchanged.body["access_token"].as_str().unwrap())
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_key_is_shown_once_and_stands_for_a_token_of_its_own_permissions(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, id) = holder(&stage, "ada@example.org", &[]).await;
    let created = create(&ada, "scanner", &["orders:read", "profile:read", "orders:read"]).await;
    assert_eq!(
        (created.status.as_u16(), &created.headers["cache-control"]),
        (201, &"no-store".parse().unwrap())
    );
    let key = created.body["key"].as_str().unwrap();
    assert!(key.starts_with("cwk_") && key.len() == 47, "{key}");

    let me = machine(&stage, &created.body["key"]).await.ask(Operation::ReadMe, "", None).await;
    assert_eq!(me.body["id"], json!(id));
    assert_eq!(me.body["permissions"], json!(["profile:read", "orders:read"]));
    assert_eq!(me.body["api_key_id"], created.body["id"]);

    let listed = ada.ask(Operation::ListApiKeys, "", None).await;
    assert_eq!(listed.body["items"][0]["last_used_at"], json!(stage.app.clock.now()));
    assert!(!listed.body.to_string().contains("cwk_"), "only what it is called");
    let kept: String = sqlx::query_scalar("select api_key::text from api_key").fetch_one(&db).await.unwrap();
    assert!(!kept.contains(key), "only its hash is kept");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_key_may_no_more_than_its_owner_at_any_time(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    assert_eq!(create(&ada, "too much", &["orders:read_any"]).await.problem(), "forbidden");
    for own in ["api_keys:write", "second_factor:write", "profile:write"] {
        assert_eq!(create(&ada, "too much", &[own]).await.problem(), "invalid-field", "{own}");
    }
    let (finance, id) = holder(&stage, "finance@example.org", &["finance"]).await;
    let key = create(&finance, "ledger", &["profile:read", "payments:read_any"]).await.body["key"].clone();
    let may = async |key: &Value| {
        machine(&stage, key).await.ask(Operation::ReadMe, "", None).await.body["permissions"].clone()
    };
    assert_eq!(may(&key).await, json!(["profile:read", "payments:read_any"]));
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    admin.ask(Operation::WithdrawRole, &format!("user_id={id}&role=finance"), None).await;
    assert_eq!(may(&key).await, json!(["profile:read"]), "what was withdrawn is gone");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_machine_does_not_look_after_its_owners_account(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let key = create(&admin, "all", &["profile:read", "roles:read"]).await;
    let machine = machine(&stage, &key.body["key"]).await;
    assert_eq!(machine.ask(Operation::ListRoles, "", None).await.status, 200);
    assert_eq!(create(&machine, "more", &["profile:read"]).await.problem(), "forbidden");
    let revoke = format!("api_key_id={}", key.body["id"].as_str().unwrap());
    assert_eq!(machine.ask(Operation::RevokeApiKey, &revoke, None).await.problem(), "forbidden");
    let enrol = json!({"password": PASSWORD});
    assert_eq!(machine.ask(Operation::EnrolTotp, "", Some(enrol)).await.problem(), "forbidden");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_key_ends_when_its_time_is_over_and_its_tokens_with_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let key = create(&ada, "scanner", &["profile:read"]).await.body["key"].clone();
    stage.app.clock.advance(TimeDelta::days(30) - TimeDelta::minutes(5));
    let exchanged = exchange(&stage, &key).await;
    assert_eq!(exchanged.body["expires_in"], json!(300));
    stage.app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(exchange(&stage, &key).await.problem(), "invalid-token");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_revoked_key_is_told_to_the_gateways_and_its_name_is_free(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (eve, _) = holder(&stage, "eve@example.org", &[]).await;
    let created = create(&ada, "scanner", &["profile:read"]).await;
    assert_eq!(create(&ada, "scanner", &["orders:read"]).await.problem(), "conflict");
    let query = format!("api_key_id={}", created.body["id"].as_str().unwrap());
    assert_eq!(eve.ask(Operation::RevokeApiKey, &query, None).await.problem(), "not-found");
    for _ in 0..2 {
        assert_eq!(ada.ask(Operation::RevokeApiKey, &query, None).await.status, 204);
    }
    assert_eq!(exchange(&stage, &created.body["key"]).await.problem(), "invalid-token");
    let feed = stage.client.ask(Operation::ReadRevocations, "", Some(json!({}))).await;
    assert_eq!(feed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(feed.body["items"][0]["kind"], "key");
    assert_eq!(feed.body["items"][0]["id"], created.body["id"]);
    assert_eq!(create(&ada, "scanner", &["orders:read"]).await.status, 201);
    assert_eq!(ada.ask(Operation::ListApiKeys, "", None).await.body["items"].as_array().unwrap().len(), 2);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_cannot_be_a_key_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let good =
        json!({"name": "n", "permissions": ["profile:read"], "expires_in_days": 1, "password": PASSWORD});
    for (field, value) in [
        ("name", json!(" ")),
        ("permissions", json!([])),
        ("permissions", json!(["no:such"])),
        ("expires_in_days", json!(0)),
        ("expires_in_days", json!(366)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = ada.ask(Operation::CreateApiKey, "", Some(body)).await;
        assert_eq!(refused.problem(), "invalid-field", "{}", refused.body);
    }
    for key in ["", "cwk_", "cwk_guessed", &"k".repeat(5_000)] {
        assert_eq!(exchange(&stage, &json!(key)).await.problem(), "invalid-token");
    }
    let order = stage.client.with("dapr-caller-app-id", "order");
    assert_eq!(
        order.ask(Operation::ExchangeApiKey, "", Some(json!({"key": "k"}))).await.problem(),
        "forbidden"
    );
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_token_alone_makes_no_key(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let mut body = json!({"name": "n", "permissions": ["profile:read"], "expires_in_days": 1});
    let refused = ada.ask(Operation::CreateApiKey, "", Some(body.clone())).await;
    assert_eq!(refused.problem(), "invalid-field");
    body["password"] = json!("wrong horse battery");
    for _ in 0..10 {
        let refused = ada.ask(Operation::CreateApiKey, "", Some(body.clone())).await;
        assert_eq!(refused.problem(), "wrong-credentials");
    }
    assert_eq!(create(&ada, "n", &["profile:read"]).await.problem(), "rate-limited");
    let made: i64 = sqlx::query_scalar("select count(*) from api_key").fetch_one(&db).await.unwrap();
    assert_eq!(made, 0);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn of_two_that_would_be_the_fiftieth_one_is(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    sqlx::query(
        "insert into api_key (id, user_id, name, hash, permissions, created_at, expires_at)
         select gen_random_uuid(), account.id, n::text, sha256(n::text::bytea), '{orders:read}', $1, $1 + interval '1 day'
         from account, generate_series(1, 49) n",
    )
    .bind(stage.app.clock.now())
    .execute(&db)
    .await
    .unwrap();
    let keys = ["a", "b", "c", "d"].map(|name| create(&ada, name, &["profile:read"]));
    let made = futures::future::join_all(keys).await;
    assert_eq!(made.iter().filter(|made| made.status == 201).count(), 1);
    assert_eq!(made.iter().filter(|made| made.status == 409).count(), 3);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn keys_of_long_ago_are_forgotten(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let revoked = create(&ada, "revoked", &["profile:read"]).await;
    let query = format!("api_key_id={}", revoked.body["id"].as_str().unwrap());
    ada.ask(Operation::RevokeApiKey, &query, None).await;
    create(&ada, "expires", &["profile:read"]).await;
    let left = async |days: i64| -> i64 {
        stage.app.clock.advance(TimeDelta::days(days));
        user::jobs::forget_ended(&stage.app).await.unwrap();
        sqlx::query_scalar("select count(*) from api_key").fetch_one(&stage.app.db).await.unwrap()
    };
    assert_eq!((left(29).await, left(1).await, left(29).await, left(1).await), (2, 1, 1, 0));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn where_staff_need_a_second_factor_their_machines_do_too(db: PgPool) {
    let stage = Stage::new(db).await;
    let (finance, _) = holder(&stage, "ada@example.org", &["finance"]).await;
    let key = create(&finance, "ledger", &["profile:read", "payments:read_any"]).await.body["key"].clone();
    let may = async || {
        machine(&stage, &key).await.ask(Operation::ReadMe, "", None).await.body["permissions"].clone()
    };
    assert_eq!(may().await, json!(["profile:read", "payments:read_any"]));
    crate::second_factor::oblige(&stage).await;
    assert_eq!(may().await, json!(["profile:read"]));
    let (device, _) = crate::second_factor::enrolled(&stage, &finance).await;
    assert_eq!(may().await, json!(["profile:read", "payments:read_any"]));
    let body = json!({"password": PASSWORD, "code": device.code(&stage)});
    assert_eq!(finance.ask(Operation::DisableTotp, "", Some(body)).await.status, 204);
    assert_eq!(may().await, json!(["profile:read"]));
}
