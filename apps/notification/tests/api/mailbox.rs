//! Listing one's mailbox.

use contracts::{Operation, UserId};
use sqlx::PgPool;
use testkit::Signer;
use uuid::Uuid;

use crate::{Stage, confirmed, rejected};

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_customer_sees_their_own_messages_only(db: PgPool) {
    let stage = Stage::new(db).await;
    let eve = UserId(Uuid::from_u128(2));
    stage.client.deliver(&confirmed(5, stage.ada)).await;
    stage.client.deliver(&rejected(6, eve)).await;
    let answer = stage.customer(eve).ask(Operation::ListMessages, "", None).await;
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["kind"], "order_rejected");
    let nobody = stage.customer(UserId(Uuid::from_u128(3)));
    let answer = nobody.ask(Operation::ListMessages, "", None).await;
    assert_eq!(answer.body, serde_json::json!({"items": [], "next_cursor": null}));
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn pages_follow_each_other_the_newest_first(db: PgPool) {
    let stage = Stage::new(db).await;
    for order in 1..=5 {
        stage.client.deliver(&confirmed(order, stage.ada)).await;
    }
    let client = stage.customer(stage.ada);
    let (mut query, mut subjects) = ("limit=2".to_owned(), Vec::new());
    loop {
        let answer = client.ask(Operation::ListMessages, &query, None).await;
        let items = answer.body["items"].as_array().unwrap();
        subjects.extend(items.iter().map(|message| message["subject"].as_str().unwrap().to_owned()));
        let Some(cursor) = answer.body["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(items.len(), 2);
        query = format!("limit=2&cursor={cursor}");
    }
    let expected: Vec<_> = (1..=5).rev().map(|order| format!("Your order CW-{order} is confirmed")).collect();
    assert_eq!(subjects, expected);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn the_largest_page_is_a_live_key(db: PgPool) {
    let stage = Stage::new(db).await;
    for order in 1..=3 {
        stage.client.deliver(&confirmed(order, stage.ada)).await;
    }
    assert_eq!(stage.mailbox().await.len(), 3);
    stage.fake.set_configuration("notification.largest_page", "2");
    while stage.live.version() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.mailbox().await.len(), 2);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn a_page_that_cannot_be_read_is_refused(db: PgPool) {
    let stage = Stage::new(db).await;
    for (query, problem) in [
        ("limit=0", "invalid-parameter"),
        ("limit=-1", "invalid-parameter"),
        ("limit=many", "invalid-parameter"),
        ("colour=red", "invalid-parameter"),
        ("cursor=forged", "invalid-cursor"),
        ("cursor=MTIz", "invalid-cursor"),
        ("cursor=%00", "nul-character"),
    ] {
        let refused = stage.customer(stage.ada).ask(Operation::ListMessages, query, None).await;
        assert_eq!(refused.problem(), problem, "{query}");
    }
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn only_a_good_token_with_the_permission_passes(db: PgPool) {
    let stage = Stage::new(db).await;
    let good = stage.signer.token(stage.ada, contracts::permission::Role::Customer);
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let payload = rest.split_once('.').unwrap().1;
    let mut expired = stage.signer.claims(stage.ada, "messages:read");
    expired["exp"] = (expired["iat"].as_i64().unwrap() - 60).into();
    let foreign = Signer::default().token(stage.ada, contracts::permission::Role::Customer);
    let refused = stage.client.ask(Operation::ListMessages, "", None).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (401, "unauthenticated"));
    for (token, status, problem) in [
        (stage.signer.sign(&stage.signer.claims(stage.ada, "orders:read")), 403, "forbidden"),
        (stage.signer.sign(&expired), 401, "expired-token"),
        (foreign, 401, "invalid-token"),
        (format!("{rest}x.{signature}"), 401, "invalid-token"),
        // {"alg":"none","typ":"JWT"}
        (format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."), 401, "invalid-token"),
    ] {
        let refused = stage.client.bearer(&token).ask(Operation::ListMessages, "", None).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, problem), "{token}");
    }
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn it_describes_what_it_offers(db: PgPool) {
    let answer = Stage::new(db).await.client.ask(Operation::DescribeNotification, "", None).await;
    let paths = answer.body["paths"].as_object().unwrap();
    for row in contracts::operation::owned_by(contracts::App::Notification) {
        if let Some(path) = row.path {
            assert!(paths.contains_key(path), "{path}");
        }
    }
}
