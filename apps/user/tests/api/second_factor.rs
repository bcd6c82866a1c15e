//! The second factor: shown once a log-in, each code once, and a way back when the device is lost.

use chrono::TimeDelta;
use contracts::Operation;
use serde_json::{Value, json};
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{Answer, Client};
use tokio_util::sync::CancellationToken;
use totp_rs::{Builder, Secret};
use user::app::tokens::staff_rule;
use user::domain::token::StaffRule;

use crate::roles::holder;
use crate::{PASSWORD, Stage};

/// The account's authenticator app.
pub struct Device(Vec<u8>);

impl Device {
    pub fn code(&self, stage: &Stage) -> String {
        let totp = Builder::new().with_secret(self.0.clone()).with_account_name("test").build().unwrap();
        totp.generate(u64::try_from(stage.app.clock.now().timestamp()).unwrap()).to_string()
    }
}

async fn enrol(client: &Client) -> Answer {
    client.ask(Operation::EnrolTotp, "", Some(json!({"password": PASSWORD}))).await
}

async fn confirm(client: &Client, code: &str) -> Answer {
    client.ask(Operation::ConfirmTotp, "", Some(json!({"code": code}))).await
}

/// Enrols and confirms; the next code is one step later.
pub async fn enrolled(stage: &Stage, client: &Client) -> (Device, Vec<String>) {
    let enrolment = enrol(client).await;
    assert_eq!(enrolment.status, 201, "{}", enrolment.body);
    assert_eq!(enrolment.headers["cache-control"], "no-store");
    let secret = enrolment.body["secret"].as_str().unwrap();
    let device = Device(Secret::try_from_base32(secret).unwrap().as_bytes().to_vec());
    let confirmed = confirm(client, &device.code(stage)).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let codes = confirmed.body["recovery_codes"].as_array().unwrap();
    stage.app.clock.advance(TimeDelta::seconds(30));
    (device, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn log_in(stage: &Stage, code: Option<&str>) -> Answer {
    let mut body = json!({"email": "ada@example.org", "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = code.into();
    }
    stage.client.ask(Operation::LogIn, "", Some(body)).await
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_log_in_asks_for_the_code_once_it_was_shown_to_work(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    enrol(&ada).await;
    assert_eq!(log_in(&stage, None).await.status, 201, "nothing was confirmed yet");
    let (device, _) = enrolled(&stage, &ada).await;

    let refused = log_in(&stage, None).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (401, "second-factor-required"));
    assert_eq!(log_in(&stage, Some("000000")).await.problem(), "wrong-credentials");
    let code = device.code(&stage);
    let session = log_in(&stage, Some(&code)).await;
    assert_eq!(session.status, 201, "{}", session.body);
    assert_eq!(log_in(&stage, Some(&code)).await.problem(), "wrong-credentials", "a code is taken once");
    let me = stage.client.bearer(session.body["access_token"].as_str().unwrap());
    assert_eq!(me.ask(Operation::ReadMe, "", None).await.body["second_factor"], json!(true));
    assert_eq!(enrol(&me).await.problem(), "conflict");
    assert_eq!(confirm(&me, &code).await.problem(), "conflict");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_does_not_know_the_password_learns_nothing_of_the_second_factor(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    enrolled(&stage, &ada).await;
    let wrong = stage.log_in("ada@example.org", "wrong horse battery").await;
    let unknown = stage.log_in("bob@example.org", "wrong horse battery").await;
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_recovery_code_stands_in_once(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (_, codes) = enrolled(&stage, &ada).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(log_in(&stage, Some(&codes[0].to_lowercase())).await.status, 201);
    assert_eq!(log_in(&stage, Some(&codes[0])).await.problem(), "wrong-credentials");
    assert_eq!(log_in(&stage, Some(&codes[1].replace('-', ""))).await.status, 201);
    let kept: Vec<Vec<u8>> =
        sqlx::query_scalar("select hash from recovery_code").fetch_all(&db).await.unwrap();
    assert!(kept.iter().all(|hash| hash.len() == 32), "only hashes are kept");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn of_the_same_code_shown_twice_at_once_one_is_taken(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (device, codes) = enrolled(&stage, &ada).await;
    for code in [device.code(&stage), codes[0].clone()] {
        let (one, two) = tokio::join!(log_in(&stage, Some(&code)), log_in(&stage, Some(&code)));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401], "{code}");
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn codes_cannot_be_guessed_from_however_many_addresses(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (device, _) = enrolled(&stage, &ada).await;
    let body = |code: &str| json!({"email": "ada@example.org", "password": PASSWORD, "code": code});
    let elsewhere = |number: usize| stage.client.with("x-client-address", &format!("198.51.100.{number}"));
    for number in 0..10 {
        let refused = elsewhere(number).ask(Operation::LogIn, "", Some(body("000000"))).await;
        assert_eq!(refused.problem(), "wrong-credentials");
    }
    let refused = elsewhere(10).ask(Operation::LogIn, "", Some(body(&device.code(&stage)))).await;
    assert_eq!(refused.problem(), "rate-limited");
    assert!(refused.headers.contains_key("retry-after"));
    let here = log_in(&stage, Some(&device.code(&stage))).await;
    assert_eq!(here.status, 201, "its owner comes in from where they were before");
    stage.app.clock.advance(TimeDelta::minutes(5));
    let code = device.code(&stage);
    assert_eq!(elsewhere(11).ask(Operation::LogIn, "", Some(body(&code))).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_token_alone_neither_puts_a_second_factor_on_nor_takes_it_off(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let wrong = json!({"password": "wrong horse battery"});
    assert_eq!(ada.ask(Operation::EnrolTotp, "", Some(wrong)).await.problem(), "wrong-credentials");
    let (device, _) = enrolled(&stage, &ada).await;
    let remove = |password: &str, code: &str| {
        let (ada, body) = (ada.clone(), json!({"password": password, "code": code}));
        async move { ada.ask(Operation::DisableTotp, "", Some(body)).await }
    };
    let code = device.code(&stage);
    assert_eq!(remove("wrong horse battery", &code).await.problem(), "wrong-credentials");
    assert_eq!(remove(PASSWORD, "000000").await.problem(), "wrong-credentials");
    assert_eq!(remove(PASSWORD, &code).await.status, 204);
    assert_eq!(remove(PASSWORD, &code).await.problem(), "conflict");
    assert_eq!(log_in(&stage, None).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn where_staff_need_it_they_are_customers_until_they_have_shown_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "ada@example.org", &["admin"]).await;
    let may = async |client: &Client| client.ask(Operation::ListRoles, "", None).await.status.as_u16();
    assert_eq!(may(&admin).await, 200, "without the key nothing is asked");

    oblige(&stage).await;
    let session = log_in(&stage, None).await;
    let without = stage.client.bearer(session.body["access_token"].as_str().unwrap());
    assert_eq!(may(&without).await, 403);
    let me = without.ask(Operation::ReadMe, "", None).await;
    assert_eq!(me.body["second_factor_required"], json!(true));
    assert_eq!(me.body["roles"], json!(["admin", "customer"]));
    let refreshed = refresh(&stage, &session.body).await;
    assert_eq!(may(&stage.client.bearer(&refreshed)).await, 403, "nor by refreshing");

    let (device, _) = enrolled(&stage, &without).await;
    let session = log_in(&stage, Some(&device.code(&stage))).await;
    let with = stage.client.bearer(session.body["access_token"].as_str().unwrap());
    assert_eq!(may(&with).await, 200);
    assert_eq!(with.ask(Operation::ReadMe, "", None).await.body["second_factor_required"], json!(false));
    let answer = refresh_whole(&stage, &session.body).await;
    let (refreshed, latest) = (answer["access_token"].as_str().unwrap(), &answer["refresh_token"]);
    assert_eq!(may(&stage.client.bearer(refreshed)).await, 200, "the session goes on with it");

    stage.app.clock.advance(TimeDelta::seconds(30));
    let body = json!({"password": PASSWORD, "code": device.code(&stage)});
    let with = stage.client.bearer(refreshed);
    assert_eq!(with.ask(Operation::DisableTotp, "", Some(body)).await.status, 204);
    let (kind, generation): (String, i64) =
        sqlx::query_as("select kind, generation from revocation").fetch_one(&stage.app.db).await.unwrap();
    assert_eq!((kind.as_str(), generation), ("user", 1), "its tokens are taken back");
    let without = json!({"refresh_token": latest});
    let answer = stage.client.ask(Operation::RefreshSession, "", Some(without)).await;
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(may(&stage.client.bearer(token)).await, 403, "nor does its session go on as if it had one");
}

/// From now on staff need a second factor.
pub async fn oblige(stage: &Stage) {
    let version = stage.app.live.version();
    stage.fake.set_configuration("user.staff_second_factor", "true");
    while stage.app.live.version() == version {
        tokio::task::yield_now().await;
    }
}

async fn refresh(stage: &Stage, session: &Value) -> String {
    refresh_whole(stage, session).await["access_token"].as_str().unwrap().to_owned()
}

async fn refresh_whole(stage: &Stage, session: &Value) -> Value {
    let body = json!({"refresh_token": session["refresh_token"]});
    let answer = stage.client.ask(Operation::RefreshSession, "", Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_known_address_has_its_own_count_and_a_day_has_an_end(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (device, _) = enrolled(&stage, &ada).await;
    for _ in 0..10 {
        assert_eq!(log_in(&stage, Some("000000")).await.problem(), "wrong-credentials");
    }
    assert_eq!(log_in(&stage, Some(&device.code(&stage))).await.problem(), "rate-limited");

    let stranger = stage.client.with("x-client-address", "203.0.113.7");
    let guess = async |code: &str| {
        let body = json!({"email": "ada@example.org", "password": PASSWORD, "code": code});
        stranger.ask(Operation::LogIn, "", Some(body)).await
    };
    for _ in 0..10 {
        for _ in 0..10 {
            assert_eq!(guess("000000").await.problem(), "wrong-credentials");
        }
        stage.app.clock.advance(TimeDelta::minutes(5));
        user::jobs::forget_failures(&stage.app).await.unwrap();
    }
    let refused = guess(&device.code(&stage)).await;
    assert_eq!(
        (refused.problem(), &refused.headers["retry-after"]),
        ("rate-limited", &"86400".parse().unwrap())
    );
    assert_eq!(log_in(&stage, Some(&device.code(&stage))).await.status, 201, "its owner, at home");
    stage.app.clock.advance(TimeDelta::days(1));
    assert_eq!(guess(&device.code(&stage)).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_right_password_does_not_take_back_what_wrong_codes_have_counted(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (device, _) = enrolled(&stage, &ada).await;
    let remove = async |code: &str| {
        let body = json!({"password": PASSWORD, "code": code});
        ada.ask(Operation::DisableTotp, "", Some(body)).await
    };
    for _ in 0..10 {
        assert_eq!(remove("000000").await.problem(), "wrong-credentials");
    }
    assert_eq!(remove(&device.code(&stage)).await.problem(), "rate-limited");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn wrong_passwords_of_whoever_has_found_a_token_do_not_close_the_owners_log_in(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, _) = holder(&stage, "ada@example.org", &[]).await;
    let (device, _) = enrolled(&stage, &ada).await;
    let wrong = json!({"password": "wrong horse battery"});
    for _ in 0..10 {
        let refused = ada.ask(Operation::EnrolTotp, "", Some(wrong.clone())).await;
        assert_eq!(refused.problem(), "wrong-credentials");
    }
    assert_eq!(enrol(&ada).await.problem(), "rate-limited");
    assert_eq!(log_in(&stage, Some(&device.code(&stage))).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn until_the_configuration_was_read_staff_need_it(db: PgPool) {
    let stage = Stage::new(db).await;
    assert_eq!(staff_rule(&stage.app), StaffRule::Password);
    let unreachable =
        Address { http_port: stage.fake.http_port, grpc_port: 1, api_token: testkit::API_TOKEN.into() };
    let mut app = stage.app.clone();
    let sidecar = Sidecar::new(unreachable).unwrap();
    app.live = Live::start(&sidecar, contracts::App::User, CancellationToken::new());
    assert_eq!(staff_rule(&app), StaffRule::SecondFactor);
    app.live.settled().await;
    assert_eq!(staff_rule(&app), StaffRule::SecondFactor, "nobody has answered");
}
