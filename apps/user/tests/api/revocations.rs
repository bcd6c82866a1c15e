//! The feed of revocations: nothing is passed over, whichever transaction ends first.

use chrono::TimeDelta;
use contracts::identity::{ReadRevocations, Revocation, Revocations};
use contracts::{Operation, ProblemType, UserId};
use sqlx::PgPool;
use user::jobs::keys::keep;
use user::store::revocations::{Ended, insert_revocation, insert_user_revocations};
use uuid::Uuid;

use crate::Stage;

async fn read(stage: &Stage, cursor: Option<&str>) -> Revocations {
    let body = serde_json::to_value(ReadRevocations { cursor: cursor.map(str::to_owned) }).unwrap();
    let answer = stage.client.ask(Operation::ReadRevocations, "", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

fn sessions(feed: &Revocations) -> Vec<u128> {
    let id = |revocation: &Revocation| match revocation {
        Revocation::Session { id, .. } => id.as_u128(),
        other => panic!("{other:?}"),
    };
    let mut ids: Vec<u128> = feed.items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

async fn end(stage: &Stage, db: &mut sqlx::PgConnection, session: u128) {
    insert_revocation(db, Ended::Session(Uuid::from_u128(session)), stage.app.clock.now()).await.unwrap();
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_reader_sees_everything_from_its_cursor_on(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let start = read(&stage, None).await;
    assert!(start.items.is_empty());
    end(&stage, &mut db.acquire().await.unwrap(), 1).await;
    let one = read(&stage, Some(&start.resume)).await;
    assert_eq!(sessions(&one), [1]);
    end(&stage, &mut db.acquire().await.unwrap(), 2).await;
    let two = read(&stage, Some(&one.resume)).await;
    // Somebody else's open transaction may have what came before read once more.
    assert!(sessions(&two).contains(&2));
    assert_eq!(sessions(&read(&stage, None).await), [1, 2], "a replica that has just begun");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_commits_after_something_younger_was_read_is_read_all_the_same(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let mut slow = db.begin().await.unwrap();
    end(&stage, &mut slow, 1).await;
    end(&stage, &mut db.acquire().await.unwrap(), 2).await;
    let first = read(&stage, None).await;
    assert_eq!(sessions(&first), [2]);
    slow.commit().await.unwrap();
    let second = read(&stage, Some(&first.resume)).await;
    assert!(sessions(&second).contains(&1));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_long_feed_comes_in_parts_and_a_cursor_of_another_database_begins_anew(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    sqlx::query(
        "insert into revocation (id, kind, subject, at)
         select gen_random_uuid(), 'session', gen_random_uuid(), $1 from generate_series(1, 5100)",
    )
    .bind(stage.app.clock.now())
    .execute(&db)
    .await
    .unwrap();
    let first = read(&stage, None).await;
    let second = read(&stage, first.next.as_deref()).await;
    assert_eq!((first.items.len(), second.items.len(), second.next), (5_000, 100, None));
    let restored = format!("{}.{}", u64::MAX, Uuid::nil());
    assert_eq!(read(&stage, Some(&restored)).await.items.len(), 5_000);
    let forged =
        stage.client.ask(Operation::ReadRevocations, "", Some(serde_json::json!({"cursor": "x"}))).await;
    assert_eq!(forged.problem(), "invalid-cursor");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_users_generation_rises_with_each_line_and_tokens_carry_it(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let registered = stage.register("ada@example.org").await;
    let id: UserId = registered.body["id"].as_str().unwrap().parse().unwrap();
    for generation in 1..=2 {
        let mut tx = db.begin().await.unwrap();
        insert_user_revocations(&mut tx, &[id], stage.app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let feed = read(&stage, None).await;
        let at = stage.app.clock.now();
        assert!(feed.items.contains(&Revocation::User { id, generation, at }));
    }
    let session = stage.log_in("ada@example.org", crate::PASSWORD).await;
    let keys = web::Keys::fixed(stage.app.keys.jwks());
    let caller = keys.check(session.body["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(caller.generation, 2);
    assert_eq!(caller.session_id.unwrap().to_string(), session.body["session_id"].as_str().unwrap());
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn lines_that_no_token_can_need_are_forgotten(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    end(&stage, &mut db.acquire().await.unwrap(), 1).await;
    stage.app.clock.advance(TimeDelta::minutes(15));
    keep(&stage.app).await.unwrap();
    assert_eq!(sessions(&read(&stage, None).await), [1]);
    stage.app.clock.advance(TimeDelta::minutes(1));
    assert!(read(&stage, None).await.items.is_empty());
    keep(&stage.app).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from revocation").fetch_one(&db).await.unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn many_users_are_revoked_at_once_in_whatever_order_they_are_named(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let mut users = Vec::new();
    for number in 0..10 {
        let registered = stage.register(&format!("ada{number}@example.org")).await;
        users.push(registered.body["id"].as_str().unwrap().parse::<UserId>().unwrap());
    }
    let tasks = (0..20).map(|turn| {
        let (db, mut users, now) = (db.clone(), users.clone(), stage.app.clock.now());
        users.rotate_left(turn % 10);
        if turn % 2 == 0 {
            users.reverse();
        }
        async move {
            let mut tx = db.begin().await?;
            insert_user_revocations(&mut tx, &users, now).await?;
            tx.commit().await
        }
    });
    for done in futures::future::join_all(tasks).await {
        done.unwrap();
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn whoever_is_rolled_back_because_of_others_is_told_to_come_again(db: PgPool) {
    for (code, expected) in [
        ("40P01", ProblemType::Unavailable),
        ("40001", ProblemType::Unavailable),
        ("22012", ProblemType::Internal),
    ] {
        let raise = format!("do $$ begin raise exception 'no' using errcode = '{code}'; end $$");
        let error = sqlx::query(sqlx::AssertSqlSafe(raise)).execute(&db).await.unwrap_err();
        assert_eq!(web::Problem::from(error).kind, expected, "{code}");
    }
}
