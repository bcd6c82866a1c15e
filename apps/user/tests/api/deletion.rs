//! Deleting an account: who may, and what is left.

use contracts::{Event, Operation};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgPool;
use testkit::{Answer, Client};
use user::app::secrets::ensure_administrator;

use crate::{PASSWORD, Stage};

async fn delete(client: &Client, password: &str) -> Answer {
    client.ask(Operation::DeleteAccount, "", Some(json!({"password": password}))).await
}

/// Every row of every table, as text.
async fn everything(db: &PgPool) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename from pg_tables where schemaname = current_schema()")
            .fetch_all(db)
            .await
            .unwrap();
    let mut text = String::new();
    for table in tables.iter().filter(|table| !table.starts_with("_sqlx")) {
        let query = format!("select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from \"{table}\" t");
        text += &sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(query)).fetch_one(db).await.unwrap();
    }
    text
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nothing_that_says_who_it_was_is_left(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let agent = stage.client.with("x-client-agent", "Analytical Engine");
    let session = crate::log_in(&agent, "ada@example.org", PASSWORD).await.body;
    let client = stage.client.bearer(session["access_token"].as_str().unwrap());
    let body = json!({"name": "Ada", "line1": "12 St James's Square", "city": "London", "postcode": "SW1Y", "country": "GB"});
    client.with("idempotency-key", "1").ask(Operation::AddAddress, "", Some(body)).await;
    let before = everything(&db).await;
    for word in ["ada@example.org", "Lovelace", "St James", "Analytical"] {
        assert!(before.contains(word), "{word}");
    }
    assert_eq!(delete(&client, "wrong horse battery").await.problem(), "wrong-credentials");
    assert_eq!(delete(&client, PASSWORD).await.status, 204);

    let after = everything(&db).await;
    for word in ["ada@example.org", "Lovelace", "St James", "Analytical", "argon2id$v"] {
        assert!(!after.contains(word), "{word} is left: {after}");
    }
    let id = client.ask(Operation::ReadProfile, "", None).await;
    assert_eq!(id.problem(), "revoked-token");
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.problem(), "wrong-credentials");
    let refreshed = json!({"refresh_token": session["refresh_token"]});
    let refused = stage.client.ask(Operation::RefreshSession, "", Some(refreshed)).await;
    assert_eq!(refused.problem(), "invalid-refresh-token");

    let account: String = sqlx::query_scalar("select id::text from account").fetch_one(&db).await.unwrap();
    let revoked: Vec<(String, String)> =
        sqlx::query_as("select kind, subject::text from revocation").fetch_all(&db).await.unwrap();
    assert_eq!(revoked, [("user".to_owned(), account.clone())]);
    let Some(Event::UserDeleted(said)) = stage.said().await.pop() else { panic!("nobody was told") };
    assert_eq!(said.user_id.to_string(), account);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_address_may_be_registered_again_and_is_another_account(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let client = stage.customer("ada@example.org").await;
    assert_eq!(delete(&client, PASSWORD).await.status, 204);
    assert_eq!(delete(&client, PASSWORD).await.problem(), "revoked-token");
    assert_eq!(stage.register("ada@example.org").await.status, 201);
    let accounts: i64 = sqlx::query_scalar("select count(*) from account").fetch_one(&db).await.unwrap();
    assert_eq!(accounts, 2);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_code_of_a_deleted_account_is_good_for_nothing(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let Event::UserVerificationRequested(asked) = stage.said().await.remove(0) else { panic!("no mail") };
    let code = stage.mail(asked.mail_id).await.mail.unwrap().code;
    assert_eq!(delete(&client, PASSWORD).await.status, 204);
    assert!(stage.mail(asked.mail_id).await.mail.is_none());
    let confirmed = stage.client.ask(Operation::ConfirmEmail, "", Some(json!({"code": code}))).await;
    assert_eq!(confirmed.problem(), "invalid-code");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_last_administrator_stays(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (email, password) = ("admin@example.org", SecretString::from(PASSWORD));
    ensure_administrator(&stage.app, &SecretString::from(email), &password).await.unwrap();
    let client = stage.logged_in(email, PASSWORD).await;
    assert_eq!(delete(&client, PASSWORD).await.problem(), "last-administrator");
    stage.logged_in(email, PASSWORD).await;
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_comes_while_an_account_is_deleted_is_refused_or_goes_with_it(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = json!({"name": "Ada", "line1": "12 St James's Square", "city": "London", "postcode": "SW1Y", "country": "GB"});
    let client = stage.customer("ada@example.org").await;
    let keyed = client.with("idempotency-key", "1");
    let (added, deleted) =
        tokio::join!(keyed.ask(Operation::AddAddress, "", Some(body.clone())), delete(&client, PASSWORD));
    assert_eq!(deleted.status, 204);
    assert!(added.status == 201 || added.problem() == "revoked-token", "{}", added.body);
    assert_eq!(keyed.ask(Operation::AddAddress, "", Some(body)).await.problem(), "revoked-token");
    assert!(!everything(&db).await.contains("St James"));

    // What came by another way is forgotten by a job, and what is somebody else's stays.
    stage.customer("eve@example.org").await;
    for statement in [
        "insert into address (id, user_id, name, line1, city, postcode, country, version, created_at)
         select gen_random_uuid(), id, 'A', 'here', 'B', 'C', 'GB', 1, now() from account",
        "insert into idempotency (caller, operation, key, request_hash) select id, 'add_address', '1', '' from account",
    ] {
        sqlx::query(statement).execute(&db).await.unwrap();
    }
    user::jobs::forget_ended(&stage.app).await.unwrap();
    let left: Vec<String> = sqlx::query_scalar(
        "select email from account join address on user_id = account.id
         union all select email from account join idempotency on caller = account.id",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(left, ["eve@example.org", "eve@example.org"]);
}
