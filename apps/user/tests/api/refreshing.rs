//! Staying logged in: each refresh token once, and what happens to one that comes again.

use chrono::TimeDelta;
use contracts::{Event, Operation};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::Answer;

use crate::Stage;

async fn refresh(stage: &Stage, token: &Value) -> Answer {
    stage.client.ask(Operation::RefreshSession, "", Some(json!({"refresh_token": token}))).await
}

async fn revoked(db: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("select kind, subject::text from revocation order by id").fetch_all(db).await.unwrap()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn each_refresh_brings_the_next_tokens_of_the_same_session(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let first = stage.session("ada@example.org").await;
    stage.app.clock.advance(TimeDelta::days(29));
    let second = refresh(&stage, &first["refresh_token"]).await;
    assert_eq!(
        (second.status.as_u16(), second.headers["cache-control"].to_str().unwrap()),
        (201, "no-store")
    );
    assert_eq!(second.body["session_id"], first["session_id"]);
    assert_ne!(second.body["refresh_token"], first["refresh_token"]);
    let access = second.body["access_token"].as_str().unwrap();
    assert_eq!(stage.client.bearer(access).ask(Operation::ReadProfile, "", None).await.status, 200);
    stage.app.clock.advance(TimeDelta::days(29));
    assert_eq!(refresh(&stage, &second.body["refresh_token"]).await.status, 201);
    assert_eq!(revoked(&db).await, []);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_token_that_comes_again_ends_its_session_alone_and_its_owner_is_told_once(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let stolen = stage.session("ada@example.org").await;
    let other = stage.log_in("ada@example.org", crate::PASSWORD).await.body;
    let next = refresh(&stage, &stolen["refresh_token"]).await.body;
    for _ in 0..3 {
        let again = refresh(&stage, &stolen["refresh_token"]).await;
        assert_eq!((again.status.as_u16(), again.problem()), (401, "invalid-refresh-token"));
    }
    // Whoever has the next one, thief or owner, is out too.
    assert_eq!(refresh(&stage, &next["refresh_token"]).await.problem(), "invalid-refresh-token");
    assert_eq!(refresh(&stage, &other["refresh_token"]).await.status, 201);

    let session_id = stolen["session_id"].as_str().unwrap();
    assert_eq!(revoked(&db).await, [("session".to_owned(), session_id.to_owned())]);
    let told: Vec<_> = stage
        .said()
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::UserTokenReused(said) => Some(said.session_id.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [session_id]);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn of_two_that_show_a_token_at_the_same_time_one_is_refused_and_both_are_out(db: PgPool) {
    let stage = Stage::new(db).await;
    let session = stage.session("ada@example.org").await;
    let token = &session["refresh_token"];
    let (one, two) = tokio::join!(refresh(&stage, token), refresh(&stage, token));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
    let next = if one.status == 201 { one.body } else { two.body };
    assert_eq!(refresh(&stage, &next["refresh_token"]).await.problem(), "invalid-refresh-token");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_token_that_is_too_old_or_is_none_is_refused_without_a_word_of_why(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let session = stage.session("ada@example.org").await;
    let code = contracts::MailId(uuid::Uuid::nil()).to_string();
    for token in [json!("cwr_guessed"), json!(""), json!(code), session["access_token"].clone()] {
        let refused = refresh(&stage, &token).await;
        let problem =
            if token.as_str().unwrap().len() > 100 { "invalid-field" } else { "invalid-refresh-token" };
        assert_eq!(refused.problem(), problem);
        assert!(refused.body.get("detail").is_none() || problem == "invalid-field");
    }
    stage.app.clock.advance(TimeDelta::days(30));
    assert_eq!(refresh(&stage, &session["refresh_token"]).await.problem(), "invalid-refresh-token");
    assert_eq!(revoked(&db).await, []);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_session_ends_however_often_it_was_refreshed(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let mut session = stage.session("ada@example.org").await;
    for _ in 0..8 {
        stage.app.clock.advance(TimeDelta::days(20));
        session = refresh(&stage, &session["refresh_token"]).await.body;
    }
    stage.app.clock.advance(TimeDelta::days(20));
    assert_eq!(refresh(&stage, &session["refresh_token"]).await.problem(), "invalid-refresh-token");
    stage.app.clock.advance(TimeDelta::days(31));
    user::jobs::forget_ended(&stage.app).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select (select count(*) from session) + (select count(*) from refresh_token)")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn no_token_lies_in_the_database_as_it_is(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let session = stage.session("ada@example.org").await;
    let next = refresh(&stage, &session["refresh_token"]).await.body;
    let everything: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(t)::text from refresh_token t union all select to_jsonb(s)::text from session s
         union all select to_jsonb(o)::text from outbox o",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert!(everything.len() >= 4);
    for token in [&session["refresh_token"], &next["refresh_token"]] {
        let secret = token.as_str().unwrap().strip_prefix("cwr_").unwrap();
        assert!(everything.iter().all(|row| !row.contains(secret)));
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_is_no_refresh_request_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    for (body, problem) in [
        ("token", "malformed-json"),
        ("{}", "invalid-field"),
        (r#"{"refresh_token":1}"#, "invalid-field"),
        (r#"{"refresh_token":"cwr_x","scope":"*"}"#, "unknown-field"),
    ] {
        let refused = stage.client.send("POST", "/refresh_session", Some(body.into())).await;
        assert_eq!(refused.problem(), problem, "{body}");
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn tokens_of_long_ago_are_forgotten_while_their_session_goes_on(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let mut session = stage.session("ada@example.org").await;
    for _ in 0..4 {
        stage.app.clock.advance(TimeDelta::days(20));
        session = refresh(&stage, &session["refresh_token"]).await.body;
    }
    user::jobs::forget_ended(&stage.app).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from refresh_token").fetch_one(&db).await.unwrap();
    assert_eq!(left, 3);
    assert_eq!(refresh(&stage, &session["refresh_token"]).await.status, 201);
}
