//! Where somebody is logged in, and logging out.

use contracts::Operation;
use serde_json::json;
use sqlx::PgPool;
use testkit::Client;
use uuid::Uuid;

use crate::{PASSWORD, Stage, log_in};

async fn devices(client: &Client) -> Vec<(String, bool)> {
    let answer = client.ask(Operation::ListSessions, "", None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let items = answer.body["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| (item["device"].as_str().unwrap().to_owned(), item["current"].as_bool().unwrap()))
        .collect()
}

async fn on(stage: &Stage, device: &str) -> (Client, String, serde_json::Value) {
    let session =
        log_in(&stage.client.with("x-client-agent", device), "ada@example.org", PASSWORD).await.body;
    let client = stage.client.bearer(session["access_token"].as_str().unwrap());
    (client, session["session_id"].as_str().unwrap().to_owned(), session["refresh_token"].clone())
}

async fn refreshed(stage: &Stage, token: &serde_json::Value) -> u16 {
    let answer = stage.client.ask(Operation::RefreshSession, "", Some(json!({"refresh_token": token}))).await;
    answer.status.as_u16()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn sessions_are_listed_with_their_device_and_the_present_one(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let (phone, _, _) = on(&stage, "Shop/2.1 (Android 17)").await;
    let (laptop, _, _) = on(&stage, &"Mozilla/5.0 ".repeat(20)).await;
    stage.customer("eve@example.org").await;
    let listed = devices(&phone).await;
    assert_eq!(listed[1], ("Shop/2.1 (Android 17)".to_owned(), true));
    assert_eq!((listed.len(), listed[0].0.len(), listed[0].1), (2, 119, false));
    assert!(devices(&laptop).await[0].1);
    let page = phone.ask(Operation::ListSessions, "limit=1", None).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = phone.ask(Operation::ListSessions, &format!("limit=1&cursor={cursor}"), None).await;
    assert_eq!(
        (rest.body["items"][0]["current"].clone(), rest.body["next_cursor"].clone()),
        (json!(true), json!(null))
    );
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn one_session_ends_and_the_others_go_on(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let (phone, phone_id, phone_token) = on(&stage, "phone").await;
    let (_, laptop_id, laptop_token) = on(&stage, "laptop").await;
    let query = format!("session_id={laptop_id}");
    assert_eq!(phone.ask(Operation::EndSession, &query, None).await.status, 204);
    assert_eq!(phone.ask(Operation::EndSession, &query, None).await.problem(), "not-found");
    assert_eq!((refreshed(&stage, &laptop_token).await, refreshed(&stage, &phone_token).await), (401, 201));
    assert_eq!(devices(&phone).await.len(), 1);
    let revoked: Vec<String> =
        sqlx::query_scalar("select subject::text from revocation").fetch_all(&db).await.unwrap();
    assert_eq!(revoked, [laptop_id]);

    assert_eq!(phone.ask(Operation::LogOut, "", None).await.status, 204);
    assert_eq!(phone.ask(Operation::LogOut, "", None).await.status, 204);
    let revoked: Vec<String> =
        sqlx::query_scalar("select subject::text from revocation order by transaction desc")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!((revoked.len(), revoked[0].as_str()), (2, phone_id.as_str()));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nobody_ends_somebody_elses_session(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let (ada, id, token) = on(&stage, "phone").await;
    let eve = stage.customer("eve@example.org").await;
    for id in [id.as_str(), &Uuid::nil().to_string()] {
        let refused = eve.ask(Operation::EndSession, &format!("session_id={id}"), None).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (404, "not-found"));
    }
    assert_eq!(eve.ask(Operation::LogOutEverywhere, "", None).await.status, 204);
    assert_eq!((refreshed(&stage, &token).await, devices(&ada).await.len()), (201, 1));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn everywhere_is_everywhere(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let (phone, _, phone_token) = on(&stage, "phone").await;
    let (_, _, laptop_token) = on(&stage, "laptop").await;
    assert_eq!(phone.ask(Operation::LogOutEverywhere, "", None).await.status, 204);
    for token in [phone_token, laptop_token] {
        assert_eq!(refreshed(&stage, &token).await, 401);
    }
    let revoked: i64 = sqlx::query_scalar("select count(*) from revocation").fetch_one(&db).await.unwrap();
    assert_eq!((revoked, devices(&phone).await.len()), (2, 0));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_newest_hundred_sessions_stay_open(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let (_, first_id, first) = on(&stage, "first").await;
    let (_, _, second) = on(&stage, "second").await;
    sqlx::query(
        "insert into session (id, user_id, second_factor, device, created_at, last_used_at, expires_at)
         select overlay(id::text placing lpad(n::text, 12, '0') from 25)::uuid, user_id, false, 'x', created_at,
             created_at, expires_at
         from session, generate_series(1, 98) n where device = 'second'",
    )
    .execute(&db)
    .await
    .unwrap();
    on(&stage, "newest").await;
    let open: i64 = sqlx::query_scalar("select count(*) from session where ended_at is null")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(open, 100);
    assert_eq!((refreshed(&stage, &first).await, refreshed(&stage, &second).await), (401, 201));
    let revoked: Vec<String> =
        sqlx::query_scalar("select subject::text from revocation").fetch_all(&db).await.unwrap();
    assert_eq!(revoked, [first_id]);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_thousand_sessions_end_as_one(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let (client, _, _) = on(&stage, "phone").await;
    sqlx::query(
        "insert into session (id, user_id, second_factor, device, created_at, last_used_at, expires_at)
         select gen_random_uuid(), user_id, false, 'x', created_at, created_at, expires_at
         from session, generate_series(1, 999)",
    )
    .execute(&db)
    .await
    .unwrap();
    let (one, two) = tokio::join!(
        client.ask(Operation::LogOutEverywhere, "", None),
        client.ask(Operation::LogOutEverywhere, "", None)
    );
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (204, 204));
    let (lines, subjects): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct subject) from revocation")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!((lines, subjects), (1_000, 1_000));
}
