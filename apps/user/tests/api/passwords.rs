//! Which passwords may be chosen, changing one, and choosing a new one by mail.

use chrono::TimeDelta;
use contracts::{Event, MailId, Operation};
use serde_json::json;
use sqlx::PgPool;
use testkit::{Answer, Client};
use user::jobs::resets::answer_all;

use crate::{PASSWORD, Stage, log_in};

const NEW: &str = "another horse battery";

async fn change(client: &Client, old: &str, new: &str) -> Answer {
    let body = json!({"old_password": old, "new_password": new});
    client.ask(Operation::ChangePassword, "", Some(body)).await
}

async fn request_reset(client: &Client, email: &str) -> Answer {
    client.ask(Operation::RequestReset, "", Some(json!({"email": email}))).await
}

async fn confirm_reset(stage: &Stage, code: &str, password: &str) -> Answer {
    let body = json!({"code": code, "password": password});
    stage.client.ask(Operation::ConfirmReset, "", Some(body)).await
}

async fn resets(stage: &Stage) -> Vec<MailId> {
    let mail = |event| match event {
        Event::UserResetRequested(said) => Some(said.mail_id),
        _ => None,
    };
    stage.said().await.into_iter().filter_map(mail).collect()
}

/// A code from a mail that was asked for just now.
async fn reset_code(stage: &Stage, email: &str) -> String {
    assert_eq!(request_reset(&stage.client, email).await.status, 202);
    assert_eq!(answer_all(&stage.app).await.unwrap(), 1);
    stage.mail(*resets(stage).await.last().unwrap()).await.mail.unwrap().code
}

async fn changes(stage: &Stage) -> usize {
    let changed = |event: &Event| matches!(event, Event::UserPasswordChanged(_));
    stage.said().await.iter().filter(|event| changed(event)).count()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_is_guessed_first_may_not_be_chosen_anywhere(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let code = reset_code(&stage, "ada@example.org").await;
    for password in ["password", "Sunshine", "aaaaaaaaaa", "Lovelace1815", "ada@example.org"] {
        let body = json!({"email": "ada2@example.org", "password": password, "name": "Ada Lovelace"});
        let registered = stage.client.ask(Operation::RegisterUser, "", Some(body)).await;
        let expected = if password == "ada@example.org" { 201 } else { 422 };
        assert_eq!(registered.status, expected, "{password} {}", registered.body);
        assert_eq!(change(&client, PASSWORD, password).await.problem(), "common-password", "{password}");
        assert_eq!(confirm_reset(&stage, &code, password).await.problem(), "common-password", "{password}");
    }
    // Long, without a capital, a digit or a sign: good.
    assert_eq!(confirm_reset(&stage, &code, "a long row of plain words").await.status, 204);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_change_needs_the_old_password_and_ends_the_other_sessions(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let here = stage.session("ada@example.org").await;
    let there = stage.log_in("ada@example.org", PASSWORD).await.body;
    let client = stage.client.bearer(here["access_token"].as_str().unwrap());
    assert_eq!(change(&client, "wrong horse battery", NEW).await.problem(), "wrong-credentials");
    assert_eq!(changes(&stage).await, 0);
    assert_eq!(change(&client, PASSWORD, NEW).await.status, 204);
    assert_eq!(changes(&stage).await, 1);

    let refresh = async |session: &serde_json::Value| {
        let body = json!({"refresh_token": session["refresh_token"]});
        stage.client.ask(Operation::RefreshSession, "", Some(body)).await.status.as_u16()
    };
    assert_eq!((refresh(&here).await, refresh(&there).await), (201, 401));
    let revoked: Vec<String> =
        sqlx::query_scalar("select subject::text from revocation").fetch_all(&db).await.unwrap();
    assert_eq!(revoked, [there["session_id"].as_str().unwrap()]);
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.problem(), "wrong-credentials");
    stage.logged_in("ada@example.org", NEW).await;
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_has_found_a_token_cannot_guess_the_password_with_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    for _ in 0..10 {
        assert_eq!(change(&client, "wrong horse battery", NEW).await.problem(), "wrong-credentials");
    }
    assert_eq!(change(&client, PASSWORD, NEW).await.problem(), "rate-limited");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_forgotten_password_is_replaced_by_mail(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let session = stage.session("ada@example.org").await;
    let code = reset_code(&stage, " ADA@example.org").await;
    assert_eq!(confirm_reset(&stage, &code, NEW).await.status, 204);
    assert_eq!(confirm_reset(&stage, &code, PASSWORD).await.problem(), "invalid-code");
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.status, 401);
    let body = json!({"refresh_token": session["refresh_token"]});
    let refreshed = stage.client.ask(Operation::RefreshSession, "", Some(body)).await;
    assert_eq!(refreshed.problem(), "invalid-refresh-token");
    let profile = stage.logged_in("ada@example.org", NEW).await.ask(Operation::ReadProfile, "", None).await;
    assert!(!profile.body["email_verified_at"].is_null());
    assert_eq!(changes(&stage).await, 1);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_answer_and_the_work_are_the_same_whether_the_account_exists_or_not(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let hashes = stage.app.hashing.made();
    let known = request_reset(&stage.client, "ada@example.org").await;
    let unknown = request_reset(&stage.client, "nobody@example.org").await;
    assert_eq!((known.status.as_u16(), known.body), (202, unknown.body));
    assert_eq!((known.status, known.headers.len()), (unknown.status, unknown.headers.len()));
    assert_eq!(stage.app.hashing.made(), hashes);
    // While they wait both are only written down.
    let waiting: i64 = sqlx::query_scalar("select count(*) from reset_request").fetch_one(&db).await.unwrap();
    assert_eq!((waiting, resets(&stage).await.len()), (2, 0));
    assert_eq!(answer_all(&stage.app).await.unwrap(), 1);
    let waiting: i64 = sqlx::query_scalar("select count(*) from reset_request").fetch_one(&db).await.unwrap();
    assert_eq!((waiting, resets(&stage).await.len()), (0, 1));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nobody_is_flooded_with_mails_and_nobody_can_use_them_up_for_somebody_else(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    for attacker in 0..20 {
        let client = stage.client.with("x-client-address", &format!("198.51.100.{attacker}"));
        for _ in 0..5 {
            assert_eq!(request_reset(&client, "ada@example.org").await.status, 202);
        }
        let refused = request_reset(&client, "ada@example.org").await;
        assert_eq!(
            (refused.problem(), refused.headers["retry-after"].to_str().unwrap()),
            ("rate-limited", "300")
        );
    }
    assert_eq!((answer_all(&stage.app).await.unwrap(), resets(&stage).await.len()), (1, 1));
    stage.app.clock.advance(TimeDelta::minutes(5));
    // The owner asks from her own address and is sent the next one; the earlier code is good as well.
    let first = stage.mail(resets(&stage).await[0]).await.mail.unwrap().code;
    let second = reset_code(&stage, "ada@example.org").await;
    assert_ne!(first, second);
    assert_eq!(confirm_reset(&stage, &first, NEW).await.status, 204);
    assert_eq!(confirm_reset(&stage, &second, PASSWORD).await.problem(), "invalid-code");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_address_may_not_ask_for_everybody(db: PgPool) {
    let stage = Stage::new(db).await;
    for number in 0..20 {
        let email = format!("someone{number}@example.org");
        assert_eq!(request_reset(&stage.client, &email).await.status, 202);
    }
    assert_eq!(request_reset(&stage.client, "someone@example.org").await.problem(), "rate-limited");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_code_for_a_new_password_lasts_half_an_hour_and_guesses_cost_no_hash(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let code = reset_code(&stage, "ada@example.org").await;
    let hashes = stage.app.hashing.made();
    assert_eq!(confirm_reset(&stage, "cwm_guess", NEW).await.problem(), "invalid-code");
    stage.app.clock.advance(TimeDelta::minutes(30));
    assert_eq!(confirm_reset(&stage, &code, NEW).await.problem(), "invalid-code");
    assert_eq!(stage.app.hashing.made(), hashes);
    stage.logged_in("ada@example.org", PASSWORD).await;
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_new_password_by_mail_lets_its_owner_in_while_others_guess(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let travelling = stage.client.with("x-client-address", "203.0.113.7");
    sqlx::query("insert into login_failure values (sha256('account ada@example.org'), 50, $1)")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(log_in(&travelling, "ada@example.org", PASSWORD).await.problem(), "rate-limited");
    let code = reset_code(&stage, "ada@example.org").await;
    let body = json!({"code": code, "password": NEW});
    assert_eq!(travelling.ask(Operation::ConfirmReset, "", Some(body)).await.status, 204);
    assert_eq!(log_in(&travelling, "ada@example.org", NEW).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_new_password_by_mail_ends_what_an_intruder_left(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, id) = crate::roles::holder(&stage, "ada@example.org", &[]).await;
    let key = crate::api_keys::create(&ada, "left behind", &["orders:read"]).await.body["key"].clone();
    crate::second_factor::enrolled(&stage, &ada).await;
    let code = reset_code(&stage, "ada@example.org").await;
    assert_eq!(confirm_reset(&stage, &code, NEW).await.status, 204);
    assert_eq!(crate::api_keys::exchange(&stage, &key).await.problem(), "invalid-token");
    let revoked: Vec<String> = sqlx::query_scalar("select subject::text from revocation where kind = 'user'")
        .fetch_all(&db)
        .await
        .unwrap();
    assert_eq!(revoked, [id], "whatever token there is");
    // Nobody had shown whose the address is: whoever put the second factor on may have been a stranger.
    let ada = stage.logged_in("ada@example.org", NEW).await;

    // From now on it is the owner's, and a mailbox alone does not take it off.
    let enrolment = ada.ask(Operation::EnrolTotp, "", Some(json!({"password": NEW}))).await;
    assert_eq!(enrolment.status, 201);
    sqlx::query("update totp set confirmed_at = now()").execute(&db).await.unwrap();
    stage.app.clock.advance(TimeDelta::minutes(5));
    let code = reset_code(&stage, "ada@example.org").await;
    assert_eq!(confirm_reset(&stage, &code, PASSWORD).await.status, 204);
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.problem(), "second-factor-required");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_mail_of_before_does_not_undo_a_change(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let code = reset_code(&stage, "ada@example.org").await;
    assert_eq!(change(&client, PASSWORD, NEW).await.status, 204);
    assert_eq!(confirm_reset(&stage, &code, PASSWORD).await.problem(), "invalid-code");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn no_more_mails_are_asked_for_at_once_than_one_after_another(db: PgPool) {
    let stage = Stage::new(db).await;
    let requests = (0..12).map(|_| request_reset(&stage.client, "ada@example.org"));
    let answers = futures::future::join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 5);
}
