//! Mails with one-time codes: who is sent one, what stands in it, and what it is good for.

use chrono::TimeDelta;
use contracts::{Event, MailId, Operation};
use serde_json::json;
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::{PASSWORD, Stage};

async fn asked(stage: &Stage) -> Vec<MailId> {
    let mail = |event| match event {
        Event::UserVerificationRequested(said) => Some(said.mail_id),
        _ => None,
    };
    stage.said().await.into_iter().filter_map(mail).collect()
}

async fn code(stage: &Stage, mail_id: MailId) -> String {
    stage.mail(mail_id).await.mail.unwrap().code
}

async fn confirm(stage: &Stage, code: &str) -> Answer {
    stage.client.ask(Operation::ConfirmEmail, "", Some(json!({"code": code}))).await
}

async fn verified(stage: &Stage, email: &str) -> bool {
    let me = stage.logged_in(email, PASSWORD).await.ask(Operation::ReadProfile, "", None).await;
    !me.body["email_verified_at"].is_null()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_registers_is_sent_a_code_that_shows_whose_address_it_is(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let asked = asked(&stage).await;
    assert_eq!(asked.len(), 1);
    let mail = stage.mail(asked[0]).await.mail.unwrap();
    // A stranger could have it read by whoever has the address.
    assert_eq!((mail.email.as_str(), mail.name.as_str()), ("ada@example.org", ""));
    assert_eq!(mail.expires_at, stage.app.clock.now() + TimeDelta::hours(24));
    assert!(!verified(&stage, "ada@example.org").await);
    assert_eq!(confirm(&stage, &mail.code).await.status, 204);
    assert!(verified(&stage, "ada@example.org").await);
    assert_eq!(confirm(&stage, &mail.code).await.problem(), "invalid-code");

    // Neither the code nor the address is in what was said, nor the code in what is kept.
    let kept: Vec<String> = sqlx::query_scalar(
        "select data::text from outbox union all select to_jsonb(c)::text from mail_code c
         union all select to_jsonb(m)::text from mail m",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    let secret = mail.code.strip_prefix("cwm_").unwrap();
    assert!(kept.len() >= 3 && kept.iter().all(|row| !row.contains(secret) && !row.contains("example.org")));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_code_is_good_for_a_day_and_for_one_thing(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let mail_id = asked(&stage).await[0];
    let (first, second) = (code(&stage, mail_id).await, code(&stage, mail_id).await);
    assert_ne!(first, second);
    let reset = json!({"code": first, "password": "another horse battery"});
    assert_eq!(stage.client.ask(Operation::ConfirmReset, "", Some(reset)).await.problem(), "invalid-code");
    for guess in ["", "cwm_", "cwm_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(confirm(&stage, guess).await.problem(), "invalid-code");
    }
    stage.app.clock.advance(TimeDelta::hours(24));
    assert_eq!(confirm(&stage, &first).await.problem(), "invalid-code");
    assert!(stage.mail(mail_id).await.mail.is_none());
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_mail_that_is_written_again_has_a_code_of_its_own_and_one_use_ends_both(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let mail_id = asked(&stage).await[0];
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(code(&stage, mail_id).await);
    }
    assert!(stage.mail(mail_id).await.mail.is_none(), "a mail is written five times at most");
    assert_eq!(confirm(&stage, &codes[3]).await.status, 204);
    assert_eq!(confirm(&stage, &codes[0]).await.problem(), "invalid-code");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn mails_are_sent_again_but_not_at_once(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let refused = client.ask(Operation::RequestVerification, "", None).await;
    assert_eq!((refused.problem(), refused.headers["retry-after"].to_str().unwrap()), ("rate-limited", "60"));
    stage.app.clock.advance(TimeDelta::minutes(1));
    let (one, two) = tokio::join!(
        client.ask(Operation::RequestVerification, "", None),
        client.ask(Operation::RequestVerification, "", None)
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, asked(&stage).await.len()), ([202, 429], 2));
    let newest = *asked(&stage).await.last().unwrap();
    assert_eq!(confirm(&stage, &code(&stage, newest).await).await.status, 204);
    assert_eq!(client.ask(Operation::RequestVerification, "", None).await.problem(), "conflict");
    // What was asked for before has served too.
    assert!(stage.mail(asked(&stage).await[0]).await.mail.is_none());
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn only_notification_is_told_what_stands_in_a_mail(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    let query = json!({"mail_id": asked(&stage).await[0]});
    for stranger in ["gateway", "order", "payment", "product", "config"] {
        let stranger = stage.client.with("dapr-caller-app-id", stranger);
        let refused = stranger.ask(Operation::IssueMailCode, "", Some(query.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (403, "forbidden"));
    }
    assert!(stage.mail(MailId(Uuid::nil())).await.mail.is_none());
}
