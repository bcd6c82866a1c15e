//! Registering, and who one is.

use contracts::Operation;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use sqlx::PgPool;
use testkit::Signer;
use user::domain::role::Standing;
use user::domain::token::{Bearer, StaffRule, claims};
use uuid::Uuid;

use crate::{PASSWORD, Stage, signing_key};

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_customer_registers_and_sees_who_they_are(db: PgPool) {
    let stage = Stage::new(db).await;
    let mut registered = stage.register(" Ada@Example.org ").await;
    assert_eq!(registered.status, 201);
    let id = registered.body["id"].take();
    assert_eq!(registered.body["created_at"].take(), json!(stage.app.clock.now()));
    insta::assert_json_snapshot!(registered.body, @r#"
    {
      "created_at": null,
      "email": "ada@example.org",
      "id": null,
      "name": "Ada Lovelace",
      "roles": [
        "customer"
      ]
    }
    "#);

    let mut me = stage.logged_in("ada@example.org", PASSWORD).await.ask(Operation::ReadMe, "", None).await;
    assert_eq!(me.body["id"].take(), id);
    insta::assert_json_snapshot!(me.body, @r#"
    {
      "api_key_id": null,
      "email": "ada@example.org",
      "id": null,
      "name": "Ada Lovelace",
      "permissions": [
        "profile:read",
        "profile:write",
        "orders:place",
        "orders:read",
        "orders:change",
        "payment_methods:write",
        "payments:read",
        "messages:read",
        "second_factor:write",
        "api_keys:write"
      ],
      "roles": [
        "customer"
      ],
      "second_factor": false,
      "second_factor_required": false
    }
    "#);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_address_has_one_account(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (first, second) = tokio::join!(stage.register("ada@example.org"), stage.register("ADA@example.org"));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(stage.register("ada@example.org").await.problem(), "email-taken");
    let accounts: i64 = sqlx::query_scalar("select count(*) from account").fetch_one(&db).await.unwrap();
    assert_eq!(accounts, 1);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_password_is_kept_as_a_hash_at_the_live_cost(db: PgPool) {
    Stage::new(db.clone()).await.register("ada@example.org").await;
    let hash: String = sqlx::query_scalar("select password_hash from account").fetch_one(&db).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"), "{hash}");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_registration_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = |email: &str, password: &str, name: &str| {
        json!({"email": email, "password": password, "name": name}).to_string()
    };
    let good = body("ada@example.org", PASSWORD, "Ada");
    for (body, problem) in [
        ("email=ada@example.org".into(), "malformed-json"),
        (good.replace('}', ""), "malformed-json"),
        (body("ada@example.org", PASSWORD, "A\0da"), "nul-character"),
        (body("ada@example.org", "correct\0horse", "Ada"), "nul-character"),
        (good.replace('}', r#","role":"admin"}"#), "unknown-field"),
        (json!({"email": "ada@example.org", "password": PASSWORD}).to_string(), "invalid-field"),
        (json!({"email": 1, "password": PASSWORD, "name": "Ada"}).to_string(), "invalid-field"),
        (body("ada", PASSWORD, "Ada"), "invalid-field"),
        (body("ada@deleted.invalid", PASSWORD, "Ada"), "invalid-field"),
        (body("ada@example.org", "short", "Ada"), "invalid-field"),
        (body("ada@example.org", &"long".repeat(33), "Ada"), "invalid-field"),
        (body("ada@example.org", PASSWORD, " "), "invalid-field"),
        (body("ada@example.org", PASSWORD, &"A".repeat(16 * 1024)), "body-too-large"),
    ] {
        let refused = stage.client.send("POST", "/register_user", Some(body)).await;
        assert_eq!(refused.problem(), problem, "{}", refused.body);
        assert!(!refused.body.to_string().contains("horse"), "a refusal repeats the password");
    }
    let accounts: i64 = sqlx::query_scalar("select count(*) from account").fetch_one(&db).await.unwrap();
    assert_eq!(accounts, 0);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn only_a_good_token_with_the_permission_passes(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let session = stage.log_in("ada@example.org", PASSWORD).await;
    let good = session.body["access_token"].as_str().unwrap();
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let payload = rest.split_once('.').unwrap().1;
    let (id, now) = (contracts::UserId(Uuid::from_u128(1)), stage.app.clock.now());
    let customer = contracts::permission::Role::Customer;
    let standing = Standing {
        generation: 0,
        roles: vec![customer.into()],
        permissions: customer.permissions().iter().copied().collect(),
    };
    let bearer = Bearer::Session { id: None, second_factor: false };
    let claims = || claims(id, &standing, &bearer, StaffRule::Password, now, Uuid::nil());
    let sign = |change: fn(&mut web::auth::Claims)| {
        let mut claims = claims();
        change(&mut claims);
        stage.app.keys.sign(&claims, now).unwrap()
    };
    let mut symmetric = Header::new(Algorithm::HS256);
    symmetric.kid = Some("first".into());
    let public = serde_json::to_vec(&stage.app.keys.jwks().keys[0]).unwrap();
    let confused = jsonwebtoken::encode(&symmetric, &claims(), &EncodingKey::from_secret(&public));
    for (token, status, problem) in [
        (sign(|claims| claims.exp = claims.iat - 60), 401, "expired-token"),
        (sign(|claims| claims.aud = "elsewhere".into()), 401, "invalid-token"),
        (sign(|claims| claims.iss = "elsewhere".into()), 401, "invalid-token"),
        (sign(|claims| claims.scope = "orders:read".into()), 403, "forbidden"),
        (sign(|_| {}), 401, "revoked-token"),
        (signing_key("first").sign(&claims()).unwrap(), 401, "invalid-token"),
        (Signer::new("second").token(id, customer), 401, "invalid-token"),
        (confused.unwrap(), 401, "invalid-token"),
        (format!("{rest}x.{signature}"), 401, "invalid-token"),
        // {"alg":"none","typ":"JWT"}
        (format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."), 401, "invalid-token"),
        ("no-token".into(), 401, "invalid-token"),
    ] {
        let refused = stage.client.bearer(&token).ask(Operation::ReadMe, "", None).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, problem), "{token}");
    }
    let refused = stage.client.ask(Operation::ReadMe, "", None).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (401, "unauthenticated"));
    assert_eq!(stage.client.bearer(good).ask(Operation::ReadMe, "", None).await.status, 200);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn only_the_own_sidecar_on_behalf_of_a_known_caller_passes(db: PgPool) {
    let stage = Stage::new(db).await;
    let stranger = stage.client.with("dapr-api-token", "guessed");
    assert_eq!(stranger.ask(Operation::ReadJwks, "", None).await.status, 401);
    let order = stage.client.with("dapr-caller-app-id", "order");
    assert_eq!(order.ask(Operation::LogIn, "", Some(json!({}))).await.status, 403);
    assert_eq!(order.ask(Operation::ReadJwks, "", None).await.status, 200);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn it_describes_what_it_offers(db: PgPool) {
    let answer = Stage::new(db).await.client.ask(Operation::DescribeUser, "", None).await;
    let paths = answer.body["paths"].as_object().unwrap();
    let public: std::collections::BTreeSet<&str> =
        contracts::operation::owned_by(contracts::App::User).filter_map(|row| row.path).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), public);
}
