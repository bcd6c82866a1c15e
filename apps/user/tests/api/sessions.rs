//! Logging in, and the keys that tokens are checked against.

use contracts::permission::Role;
use contracts::{Operation, Permission};
use http::HeaderMap;
use serde_json::json;
use sqlx::PgPool;
use web::Keys;

use crate::{PASSWORD, Stage};

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_logs_in_gets_a_token_that_others_can_check(db: PgPool) {
    let stage = Stage::new(db).await;
    let registered = stage.register("ada@example.org").await;
    let mut session = stage.log_in(" ADA@example.org", PASSWORD).await;
    assert_eq!(session.status, 201);
    assert_eq!(session.headers["cache-control"], "no-store");
    let token = session.body["access_token"].take();
    assert!(session.body["refresh_token"].take().as_str().unwrap().starts_with("cwr_"));
    for field in ["session_id", "refresh_expires_at"] {
        session.body[field].take();
    }
    insta::assert_json_snapshot!(session.body, @r#"
    {
      "access_token": null,
      "expires_in": 900,
      "refresh_expires_at": null,
      "refresh_token": null,
      "session_id": null,
      "token_type": "Bearer"
    }
    "#);

    let mut jwks = stage.client.ask(Operation::ReadJwks, "", None).await;
    let keys = Keys::fixed(serde_json::from_value(jwks.body.clone()).unwrap());
    jwks.body["keys"][0]["x"] = "[key]".into();
    insta::assert_json_snapshot!(jwks.body, @r#"
    {
      "keys": [
        {
          "alg": "EdDSA",
          "crv": "Ed25519",
          "kid": "first",
          "kty": "OKP",
          "use": "sig",
          "x": "[key]"
        }
      ]
    }
    "#);
    let caller = keys.check(token.as_str().unwrap()).await.unwrap();
    assert_eq!(caller.user_id.to_string(), registered.body["id"].as_str().unwrap());
    for permission in Permission::ALL {
        assert_eq!(caller.may(*permission), Role::Customer.permissions().contains(permission));
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nobody_learns_whether_an_account_exists(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    // The work is counted, since a time proves nothing.
    let made = || stage.app.hashing.made();
    let before = made();
    let wrong = stage.log_in("ada@example.org", "wrong horse battery").await;
    let of_wrong = made() - before;
    let unknown = stage.log_in("bob@example.org", "wrong horse battery").await;
    assert_eq!((of_wrong, made() - before - of_wrong), (1, 1));
    assert_eq!(wrong.problem(), "wrong-credentials");
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
    let names = |headers: &HeaderMap| headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&wrong.headers), names(&unknown.headers));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_hash_is_made_anew_when_the_cost_has_changed(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let version = stage.app.live.version();
    stage.fake.set_configuration("user.argon2_memory", "9216");
    while stage.app.live.version() == version {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.log_in("ada@example.org", "wrong horse battery").await.status, 401);
    assert!(hash(&db).await.starts_with("$argon2id$v=19$m=8192,"));
    stage.logged_in("ada@example.org", PASSWORD).await;
    assert!(hash(&db).await.starts_with("$argon2id$v=19$m=9216,"));
    stage.logged_in("ada@example.org", PASSWORD).await;
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn of_two_that_make_the_hash_anew_none_is_told_that_the_password_is_wrong(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    let version = stage.app.live.version();
    stage.fake.set_configuration("user.argon2_memory", "9216");
    while stage.app.live.version() == version {
        tokio::task::yield_now().await;
    }
    let mut held = db.begin().await.unwrap();
    sqlx::query("select from account for update").execute(&mut *held).await.unwrap();
    let both_wait = async {
        let waiting = "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&db).await.unwrap() < 2 {
            tokio::task::yield_now().await;
        }
        held.rollback().await.unwrap();
    };
    let log_in = || stage.log_in("ada@example.org", PASSWORD);
    let (one, two, ()) = tokio::join!(log_in(), log_in(), both_wait);
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 503]);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_log_in_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let good = json!({"email": "ada@example.org", "password": PASSWORD}).to_string();
    for (body, problem) in [
        ("password".into(), "malformed-json"),
        (good.replace("horse", "\\u0000"), "nul-character"),
        (good.replace('}', r#","remember":true}"#), "unknown-field"),
        (json!({"email": "ada@example.org"}).to_string(), "invalid-field"),
        (good.replace("ada@", "ada"), "invalid-field"),
        (good.replace(PASSWORD, "short"), "invalid-field"),
        (good.replace(PASSWORD, &"a".repeat(16 * 1024)), "body-too-large"),
    ] {
        let refused = stage.client.send("POST", "/log_in", Some(body)).await;
        assert_eq!(refused.problem(), problem, "{}", refused.body);
    }
    assert_eq!(stage.client.send("POST", "/log_in", None).await.problem(), "unsupported-media-type");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn others_are_served_while_every_place_for_hashing_is_taken(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let mut places = Vec::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        places.push(stage.app.hashing.place().await.unwrap());
    }
    let waiting = stage.log_in("ada@example.org", PASSWORD);
    let others = async {
        assert_eq!(client.ask(Operation::ReadProfile, "", None).await.status, 200);
        assert_eq!(stage.client.ask(Operation::ReadJwks, "", None).await.status, 200);
        drop(places);
    };
    let (logged_in, ()) = tokio::join!(waiting, others);
    assert_eq!(logged_in.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_could_not_be_served_in_time_is_told_so_at_once(db: PgPool) {
    let stage = Stage::new(db).await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut places = Vec::new();
    for _ in 0..cores {
        places.push(stage.app.hashing.place().await.unwrap());
    }
    let waiting: Vec<_> = (0..cores * 64)
        .map(|_| {
            let hashing = stage.app.hashing.clone();
            tokio::spawn(async move { hashing.place().await.map(drop).is_ok() })
        })
        .collect();
    while stage.app.hashing.room_left() > 0 {
        tokio::task::yield_now().await;
    }
    let refused = stage.log_in("ada@example.org", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (503, "unavailable"));
    assert!(refused.headers.contains_key("retry-after"));
    drop(places);
    for waiting in waiting {
        assert!(waiting.await.unwrap());
    }
}

async fn hash(db: &PgPool) -> String {
    sqlx::query_scalar("select password_hash from account").fetch_one(db).await.unwrap()
}
