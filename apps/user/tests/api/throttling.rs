//! How often a log-in may fail.

use chrono::TimeDelta;
use sqlx::{Executor, PgPool};
use user::jobs::forget_failures;

use crate::{PASSWORD, Stage, log_in};

const WRONG: &str = "wrong horse battery";

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn ten_failures_close_the_account_to_that_address_until_the_window_ends(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.register("ada@example.org").await;
    for _ in 0..10 {
        assert_eq!(stage.log_in("ada@example.org", WRONG).await.problem(), "wrong-credentials");
    }
    stage.app.clock.advance(TimeDelta::seconds(200));
    let refused = stage.log_in("ADA@example.org", PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (429, "rate-limited"));
    assert_eq!(refused.headers["retry-after"], "100");

    let elsewhere = stage.client.with("x-client-address", "192.0.2.2");
    assert_eq!(log_in(&elsewhere, "ada@example.org", PASSWORD).await.status, 201);
    assert_eq!(stage.log_in("bob@example.org", WRONG).await.problem(), "wrong-credentials");

    stage.app.clock.advance(TimeDelta::seconds(99));
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.headers["retry-after"], "1");
    stage.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn accounts_that_do_not_exist_are_closed_just_the_same(db: PgPool) {
    let stage = Stage::new(db).await;
    for _ in 0..10 {
        assert_eq!(stage.log_in("nobody@example.org", WRONG).await.problem(), "wrong-credentials");
    }
    assert_eq!(stage.log_in("nobody@example.org", WRONG).await.problem(), "rate-limited");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_success_forgives_the_account_but_not_the_address(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    for _ in 0..9 {
        stage.log_in("ada@example.org", WRONG).await;
    }
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.status, 201);
    assert_eq!(stage.log_in("ada@example.org", WRONG).await.problem(), "wrong-credentials");
    let mut counters: Vec<i32> =
        sqlx::query_scalar("select failures from login_failure").fetch_all(&db).await.unwrap();
    counters.sort_unstable();
    // Of the account from here, of the address, and of the account from everywhere.
    assert_eq!(counters, [1, 10, 10]);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_address_that_guesses_at_many_accounts_is_closed_to_all_that_were_never_logged_in_to_from_there(
    db: PgPool,
) {
    let stage = Stage::new(db.clone()).await;
    stage.register("ada@example.org").await;
    stage.customer("grace@example.org").await;
    stage.log_in("bob@example.org", WRONG).await;
    db.execute("update login_failure set failures = 99").await.unwrap();
    stage.log_in("eve@example.org", WRONG).await;
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.problem(), "rate-limited");
    assert_eq!(stage.log_in("grace@example.org", PASSWORD).await.status, 201, "who was here before");
    let elsewhere = stage.client.with("x-client-address", "192.0.2.2");
    assert_eq!(log_in(&elsewhere, "ada@example.org", PASSWORD).await.status, 201);
    for unknown in [stage.client.without("x-client-address"), stage.client.with("x-client-address", "?")] {
        assert_eq!(log_in(&unknown, "ada@example.org", PASSWORD).await.status, 201);
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn guesses_from_everywhere_close_an_account_to_strangers_and_never_to_its_owner(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.customer("ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        let mut answers = Vec::new();
        for guess in 0..60 {
            let stranger = stage.client.with("x-client-address", &format!("198.51.100.{guess}"));
            answers.push(log_in(&stranger, email, WRONG).await.problem().to_owned());
        }
        // The same whether the account exists or not.
        assert!(answers[..50].iter().all(|answer| answer == "wrong-credentials"), "{answers:?}");
        assert!(answers[50..].iter().all(|answer| answer == "rate-limited"), "{answers:?}");
    }
    // Not even with the right password; but from where its owner was before, at any time.
    let stranger = stage.client.with("x-client-address", "203.0.113.7");
    assert_eq!(log_in(&stranger, "ada@example.org", PASSWORD).await.problem(), "rate-limited");
    assert_eq!(stage.log_in("ada@example.org", PASSWORD).await.status, 201);
    stage.app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(log_in(&stranger, "ada@example.org", PASSWORD).await.status, 201);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn failures_are_forgotten_when_their_window_has_ended(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.log_in("ada@example.org", WRONG).await;
    let counters = async || -> i64 {
        sqlx::query_scalar("select count(*) from login_failure").fetch_one(&db).await.unwrap()
    };
    forget_failures(&stage.app).await.unwrap();
    assert_eq!(counters().await, 3);
    stage.app.clock.advance(TimeDelta::minutes(5));
    forget_failures(&stage.app).await.unwrap();
    assert_eq!(counters().await, 0);
}
