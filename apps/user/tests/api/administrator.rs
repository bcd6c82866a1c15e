//! The first administrator comes from the secret and from nowhere else.

use contracts::{Operation, Permission};
use secrecy::SecretString;
use sqlx::PgPool;
use user::app::App;
use user::app::secrets::{ensure_administrator, private_key};
use user::domain::token::SigningKey;

use crate::{PASSWORD, Stage};

async fn ensure(app: &App, email: &str, password: &str) -> anyhow::Result<()> {
    ensure_administrator(app, &SecretString::from(email), &SecretString::from(password)).await
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_secret_makes_one_administrator_however_many_replicas_start(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    assert_eq!(holders(&db).await, 0);
    let (one, two, three) = tokio::join!(
        ensure(&stage.app, "admin@example.org", PASSWORD),
        ensure(&stage.app, "admin@example.org", PASSWORD),
        ensure(&stage.app, "admin@example.org", PASSWORD),
    );
    for started in [one, two, three] {
        started.unwrap();
    }
    assert_eq!(holders(&db).await, 1);

    let me = stage.logged_in("admin@example.org", PASSWORD).await.ask(Operation::ReadMe, "", None).await;
    assert_eq!(me.body["roles"], serde_json::json!(["admin"]));
    assert_eq!(me.body["permissions"].as_array().unwrap().len(), Permission::ALL.len());
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_later_secret_changes_nothing(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    ensure(&stage.app, "admin@example.org", PASSWORD).await.unwrap();
    ensure(&stage.app, "other@example.org", "another horse battery").await.unwrap();
    assert_eq!(holders(&db).await, 1);
    assert_eq!(stage.log_in("other@example.org", "another horse battery").await.status, 401);
    stage.logged_in("admin@example.org", PASSWORD).await;
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_customer_does_not_become_the_administrator(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("admin@example.org").await;
    let refused = ensure(&stage.app, "admin@example.org", PASSWORD).await.unwrap_err();
    assert!(refused.to_string().contains("belongs to an account already"), "{refused}");
    assert_eq!(holders(&db).await, 0);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_secret_without_a_usable_password_makes_nobody(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for (email, password) in [("admin@example.org", ""), ("admin@example.org", "admin"), ("admin", PASSWORD)]
    {
        assert!(ensure(&stage.app, email, password).await.is_err());
    }
    assert_eq!(holders(&db).await, 0);
}

#[test]
fn a_signing_key_that_is_none_is_refused() {
    assert!(private_key(&SecretString::from("not base64!")).is_err());
    for text in ["", "bm90IGEga2V5"] {
        let pkcs8 = private_key(&SecretString::from(text)).unwrap();
        assert!(SigningKey::new("kid".into(), &pkcs8).is_err());
    }
}

async fn holders(db: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from user_role where role = 'admin'").fetch_one(db).await.unwrap()
}
