//! What people are told of their accounts, and what is left when one is deleted.

use contracts::event::{UserDeleted, UserPasswordChanged, UserTokenReused};
use contracts::{EventId, PasswordChangeId, SessionId, UserId};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Stage, account_event, confirmed, every_telling};

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn the_owner_is_told_once_of_each_change_and_each_session(db: PgPool) {
    let stage = Stage::new(db).await;
    let user_id = stage.ada;
    let id = Uuid::from_u128;
    let changed = |change| UserPasswordChanged { user_id, change_id: PasswordChangeId(id(change)) };
    let reused = |session| UserTokenReused { user_id, session_id: SessionId(id(session)) };
    let mut events = vec![
        account_event(user_id, changed(1)),
        account_event(user_id, reused(1)),
        account_event(user_id, changed(2)),
        account_event(user_id, reused(2)),
    ];
    // Twice, late, in another order, and said again under another id.
    events.extend(events.clone().into_iter().rev());
    events.extend(events.clone().into_iter().map(|mut event| {
        event.id = EventId(Uuid::now_v7());
        event
    }));
    for event in &events {
        assert_eq!(stage.client.deliver(event).await, "SUCCESS");
    }
    let mailbox = stage.mailbox().await;
    let kinds: Vec<_> = mailbox.iter().map(|message| message["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session_revoked", "password_changed", "session_revoked", "password_changed"]);
    assert!(mailbox.iter().all(|message| message.get("order_id").is_none()));
    let somebody = stage.customer(UserId(Uuid::from_u128(9)));
    let answer = somebody.ask(contracts::Operation::ListMessages, "", None).await;
    assert_eq!(answer.body["items"], serde_json::json!([]));
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn messages_about_orders_and_the_account_stand_in_one_mailbox(db: PgPool) {
    let stage = Stage::new(db).await;
    let user_id = stage.ada;
    stage.client.deliver(&confirmed(1, user_id)).await;
    let change_id = PasswordChangeId(Uuid::from_u128(1));
    stage.client.deliver(&account_event(user_id, UserPasswordChanged { user_id, change_id })).await;
    stage.client.deliver(&confirmed(2, user_id)).await;
    let client = stage.customer(user_id);
    let (mut query, mut kinds) = ("limit=1".to_owned(), Vec::new());
    loop {
        let page = client.ask(contracts::Operation::ListMessages, &query, None).await;
        kinds.push(page.body["items"][0]["kind"].as_str().unwrap().to_owned());
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        query = format!("limit=1&cursor={cursor}");
    }
    assert_eq!(kinds, ["order_confirmed", "password_changed", "order_confirmed"]);
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn of_a_deleted_account_it_stays_that_it_was_told_and_not_what(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (user_id, eve) = (stage.ada, UserId(Uuid::from_u128(2)));
    let deleted = account_event(user_id, UserDeleted { user_id });
    let tellings = every_telling(user_id);
    let (before, after) = tellings.split_at(5);
    for (_, told) in before {
        stage.client.deliver(told).await;
    }
    let change_id = PasswordChangeId(Uuid::from_u128(1));
    stage.client.deliver(&account_event(user_id, UserPasswordChanged { user_id, change_id })).await;
    stage.client.deliver(&confirmed(99, eve)).await;
    for _ in 0..2 {
        assert_eq!(stage.client.deliver(&deleted).await, "SUCCESS");
    }
    // What comes later is noted for the books, and written to nobody.
    for (_, told) in after {
        assert_eq!(stage.client.deliver(told).await, "SUCCESS");
    }
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(
        "select customer_id, subject, body from message union all select customer_id, subject, body from account_message",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(rows.len(), tellings.len() + 2);
    for (customer, subject, body) in rows {
        assert_eq!(subject.is_empty() && body.is_empty(), customer == user_id.0, "{subject}");
    }
}

#[sqlx::test(migrator = "notification::app::MIGRATOR")]
async fn what_was_written_while_its_reader_was_forgotten_becomes_illegible_too(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.client.deliver(&confirmed(1, stage.ada)).await;
    sqlx::query("insert into forgotten_customer values ($1, $2)")
        .bind(stage.ada.0)
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    notification::jobs::forget_once(&stage.app).await.unwrap();
    let body: String = sqlx::query_scalar("select body from message").fetch_one(&db).await.unwrap();
    assert_eq!(body, "");
}
