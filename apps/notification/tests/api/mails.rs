//! Mails with one-time codes.

use chrono::TimeDelta;
use contracts::event::{UserResetRequested, UserVerificationRequested};
use contracts::{Envelope, MailId, Operation};
use notification::app::mailer::{Mailer, SendError};
use notification::domain::Language;
use notification::domain::mail::{MailKind, write};
use notification::jobs::mails::send_due;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Stage, account_event};

const CODE: &str = "cwm_the-code";

fn mail_id(number: u128) -> MailId {
    MailId(Uuid::from_u128(number))
}

fn reset(stage: &Stage, number: u128) -> Envelope {
    let (user_id, mail_id) = (stage.ada, mail_id(number));
    account_event(user_id, UserResetRequested { user_id, mail_id })
}

/// `user` gives this code.
fn give(stage: &Stage, code: &str) {
    let mail = json!({
        "email": "ada@example.org", "name": "Ada", "code": code, "expires_at": "2026-11-22T10:30:00Z"
    });
    stage.fake.answer(Operation::IssueMailCode, 200, json!({"mail": mail}));
}

fn sent(stage: &Stage) -> Vec<(MailId, String, String)> {
    let memory = stage.memory.lock().unwrap();
    memory.sent.iter().map(|(id, mail)| (*id, mail.to.clone(), mail.body.clone())).collect()
}

async fn outcomes(db: &PgPool) -> Vec<(Option<String>, i32)> {
    sqlx::query_as("select outcome, attempts from mail order by id").fetch_all(db).await.unwrap()
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_mail_is_sent_once_with_a_code_that_is_asked_for_just_then(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    give(&stage, CODE);
    let user_id = stage.ada;
    let verification = UserVerificationRequested { user_id, mail_id: mail_id(2) };
    for event in [reset(&stage, 1), account_event(user_id, verification)] {
        for _ in 0..2 {
            assert_eq!(stage.client.deliver(&event).await, "SUCCESS");
        }
    }
    assert_eq!(stage.fake.invocations().len(), 0, "nothing is asked for while the event is handled");
    assert_eq!(send_due(&stage.app).await.unwrap(), 2);
    assert_eq!(send_due(&stage.app).await.unwrap(), 0);
    let sent = sent(&stage);
    assert_eq!((sent.len(), sent[0].0, sent[1].0), (2, mail_id(1), mail_id(2)));
    assert!(sent.iter().all(|(_, to, body)| to == "ada@example.org" && body.contains(CODE)));
    assert!(sent[0].2.contains("new password") && sent[1].2.contains("registered"));
    assert_eq!(outcomes(&db).await, [(Some("sent".to_owned()), 1), (Some("sent".to_owned()), 1)]);
    assert_eq!(stage.mailbox().await.len(), 0, "a code stands in no mailbox");
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn neither_code_nor_address_is_kept(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    give(&stage, CODE);
    stage.client.deliver(&reset(&stage, 1)).await;
    send_due(&stage.app).await.unwrap();
    let kept: Vec<String> =
        sqlx::query_scalar("select to_jsonb(m)::text from mail m union all select type from inbox")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|row| !row.contains(CODE) && !row.contains("example.org")));
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn what_is_away_is_tried_again_later_and_later(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.client.deliver(&reset(&stage, 1)).await;
    // First user is away, then the mail server.
    assert_eq!(send_due(&stage.app).await.unwrap(), 1);
    assert_eq!(send_due(&stage.app).await.unwrap(), 0);
    give(&stage, "cwm_first");
    stage.memory.lock().unwrap().fails = Some(|| SendError::Away);
    stage.app.clock.advance(TimeDelta::seconds(15));
    assert_eq!(send_due(&stage.app).await.unwrap(), 1);
    stage.app.clock.advance(TimeDelta::seconds(29));
    assert_eq!(send_due(&stage.app).await.unwrap(), 0);
    give(&stage, "cwm_second");
    stage.memory.lock().unwrap().fails = None;
    stage.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(send_due(&stage.app).await.unwrap(), 1);
    assert!(sent(&stage)[0].2.contains("cwm_second"));
    assert_eq!(outcomes(&db).await, [(Some("sent".to_owned()), 3)]);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn what_is_refused_or_has_nothing_left_to_say_is_not_tried_again(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    give(&stage, CODE);
    stage.memory.lock().unwrap().fails = Some(|| SendError::Refused);
    stage.client.deliver(&reset(&stage, 1)).await;
    assert_eq!(send_due(&stage.app).await.unwrap(), 1);
    stage.fake.answer(Operation::IssueMailCode, 200, json!({"mail": null}));
    stage.client.deliver(&reset(&stage, 2)).await;
    assert_eq!(send_due(&stage.app).await.unwrap(), 1);
    stage.app.clock.advance(TimeDelta::days(1));
    assert_eq!(send_due(&stage.app).await.unwrap(), 0);
    assert_eq!(outcomes(&db).await, [(Some("refused".to_owned()), 1), (Some("moot".to_owned()), 1)]);
    stage.app.clock.advance(TimeDelta::days(30));
    notification::jobs::forget_once(&stage.app).await.unwrap();
    assert_eq!(outcomes(&db).await, []);
}

#[tokio::test]
async fn without_a_mail_server_mails_lie_in_a_folder_that_nobody_else_reads() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("mails-{}", Uuid::now_v7()));
    let url = format!("folder:{}", folder.display());
    let mailer = Mailer::new(&url.into(), &"Shop <shop@example.org>".into()).unwrap();
    let code = contracts::mail::MailCode {
        email: "ada@example.org".into(),
        name: "Ada\r\nBcc: eve@example.org".into(),
        code: CODE.into(),
        expires_at: crate::now(),
    };
    let mail = || write(MailKind::Reset, &code, Language::En);
    mailer.send(mail_id(1), mail()).await.unwrap();
    let path = folder.join(format!("{}.eml", mail_id(1)));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(CODE) && text.contains("To: "), "{text}");
    assert!(!text.to_lowercase().contains("\r\nbcc:"), "a name became a header: {text}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut wrong = mail();
    wrong.to = "nobody".into();
    assert!(matches!(mailer.send(mail_id(2), wrong).await, Err(SendError::Refused)));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_secret_that_names_no_mail_server_is_refused_without_repeating_it() {
    let from = "shop@example.org".into();
    for url in ["", "http://user:hidden@mail.example.org", "smtp//hidden"] {
        let error = Mailer::new(&url.into(), &from).err().unwrap().to_string();
        assert!(error.contains("`url`") && !error.contains("hidden"), "{error}");
    }
    assert!(Mailer::new(&"smtps://user:hidden@mail.example.org".into(), &from).is_ok());
    assert!(Mailer::new(&"folder:/tmp".into(), &"nobody".into()).is_err());
}
