//! Signing keys change, and nobody is logged out.

use chrono::TimeDelta;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use user::app::keys::SigningKeys;
use user::jobs::keys::keep;

use crate::roles::holder;
use crate::{PASSWORD, Stage};

fn kid(token: &Value) -> String {
    jsonwebtoken::decode_header(token.as_str().unwrap()).unwrap().kid.unwrap()
}

async fn published(stage: &Stage) -> Vec<String> {
    let jwks = stage.client.ask(Operation::ReadJwks, "", None).await;
    let keys = jwks.body["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_new_key_is_given_out_before_it_signs_and_the_old_one_goes_with_its_last_token(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let made = admin.ask(Operation::RotateSigningKeys, "", None).await;
    assert_eq!((made.status.as_u16(), &made.body["signs"]), (201, &json!(false)));
    let new = made.body["kid"].as_str().unwrap().to_owned();
    assert_eq!(published(&stage).await, ["first".to_owned(), new.clone()]);

    let before = stage.log_in("root@example.org", PASSWORD).await;
    assert_eq!(kid(&before.body["access_token"]), "first");
    stage.app.clock.advance(TimeDelta::seconds(30));
    let after = stage.log_in("root@example.org", PASSWORD).await;
    assert_eq!(kid(&after.body["access_token"]), new);
    for session in [before, after] {
        let client = stage.client.bearer(session.body["access_token"].as_str().unwrap());
        assert_eq!(client.ask(Operation::ReadMe, "", None).await.status, 200, "nobody is logged out");
    }
    let listed =
        stage.logged_in("root@example.org", PASSWORD).await.ask(Operation::ListSigningKeys, "", None).await;
    let signs: Vec<_> =
        listed.body["items"].as_array().unwrap().iter().map(|key| key["signs"].clone()).collect();
    assert_eq!(signs, [json!(false), json!(true)]);

    stage.app.clock.advance(TimeDelta::minutes(15));
    keep(&stage.app).await.unwrap();
    assert_eq!(published(&stage).await.len(), 2, "a token of the old one may be about");
    stage.app.clock.advance(TimeDelta::minutes(1));
    keep(&stage.app).await.unwrap();
    assert_eq!(published(&stage).await, [new]);
    let left: i64 = sqlx::query_scalar("select count(*) from signing_key where sealed is not null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 1, "nothing is left of its private half");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_key_is_replaced_when_its_days_are_over_by_one_however_many_replicas_look(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    keep(&stage.app).await.unwrap();
    assert_eq!(published(&stage).await.len(), 1, "nothing is due");
    stage.app.clock.advance(TimeDelta::days(90));
    let replicas: Vec<_> = (0..4).map(|_| keep(&stage.app)).collect();
    for kept in futures::future::join_all(replicas).await {
        kept.unwrap();
    }
    let made: i64 = sqlx::query_scalar("select count(*) from signing_key").fetch_one(&db).await.unwrap();
    assert_eq!(made, 2);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn another_replica_learns_of_a_key_and_a_retired_one_does_not_come_back(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let replica = SigningKeys::new(stage.app.sealing.clone());
    replica.refresh(&db).await.unwrap();
    assert_eq!(replica.jwks().keys.len(), 1);
    admin.ask(Operation::RotateSigningKeys, "", None).await;
    replica.refresh(&db).await.unwrap();
    assert_eq!(replica.jwks(), stage.app.keys.jwks());

    stage.app.clock.advance(TimeDelta::minutes(20));
    keep(&stage.app).await.unwrap();
    let pkcs8 = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    // The secret store still holds the first key when the service starts again.
    replica.begin(&db, "first", pkcs8.as_ref(), stage.app.clock.now()).await.unwrap();
    assert_eq!(replica.jwks(), stage.app.keys.jwks());
    assert!(replica.terms().iter().all(|term| term.kid != "first"));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn private_halves_are_sealed_and_only_staff_rotate(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    assert_eq!(ada.ask(Operation::RotateSigningKeys, "", None).await.problem(), "forbidden");
    assert_eq!(ada.ask(Operation::ListSigningKeys, "", None).await.problem(), "forbidden");
    let sealed: Vec<u8> = sqlx::query_scalar("select sealed from signing_key").fetch_one(&db).await.unwrap();
    assert!(aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&sealed).is_err());
    assert!(stage.app.sealing.open("signing key other", &sealed).is_err());
    let opened = stage.app.sealing.open("signing key first", &sealed).unwrap();
    assert!(aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&opened).is_ok());
}
