//! Setting keys.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::Stage;

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_says_who_when_and_why(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let set =
        stage.set("order.deadline", "\"0\"", json!({"value": 600, "reason": " busier than usual "})).await;
    assert_eq!(set.status, 200);
    assert_eq!(set.headers["etag"], "\"1\"");
    insta::assert_json_snapshot!(set.body, @r#"
    {
      "changed_at": "2026-11-22T10:00:00Z",
      "changed_by": "00000000-0000-0000-0000-000000000007",
      "default": 900,
      "description": "How long an order may take from placing to its end.",
      "key": "order.deadline",
      "least": 5,
      "most": 604800,
      "reader": "order",
      "reason": "busier than usual",
      "unit": "seconds",
      "value": 600,
      "version": 1
    }
    "#);
    assert_eq!(stage.read("order.deadline").await.body, set.body);

    let history: Vec<(i64, String, String, String)> =
        sqlx::query_as("select version, key, value, reason from configuration_change")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(history, [(1, "order.deadline".into(), "600".into(), "busier than usual".into())]);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn versions_count_all_keys_and_history_keeps_every_value(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let why = |value: u64| json!({"value": value, "reason": "because"});
    assert_eq!(stage.set("order.deadline", "\"0\"", why(600)).await.body["version"], 1);
    assert_eq!(stage.set("order.largest_page", "\"0\"", why(50)).await.body["version"], 2);
    assert_eq!(stage.set("order.deadline", "\"1\"", why(700)).await.body["version"], 3);

    let present: Vec<(String, String, String)> =
        sqlx::query_as("select key, value, version from configuration order by key")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(
        present,
        [
            ("order.deadline".into(), "700".into(), "3".into()),
            ("order.largest_page".into(), "50".into(), "2".into())
        ]
    );
    assert_eq!(history_length(&db).await, 3);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn nobody_overwrites_what_they_have_not_seen(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = json!({"value": 600, "reason": "because"});
    let unconditional = stage
        .administrator()
        .ask(Operation::SetConfiguration, "key=order.deadline", Some(body.clone()))
        .await;
    assert_eq!((unconditional.status.as_u16(), unconditional.problem()), (428, "precondition-required"));
    for tag in ["\"1\"", "0", "*", "W/\"0\""] {
        let refused = stage.set("order.deadline", tag, body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (412, "precondition-failed"), "{tag}");
    }
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn of_two_changes_at_once_one_is_told_to_look_again(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (first, second) = tokio::join!(
        stage.set("order.deadline", "\"0\"", json!({"value": 600, "reason": "one"})),
        stage.set("order.deadline", "\"0\"", json!({"value": 700, "reason": "two"})),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(history_length(&db).await, 1);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_refused_value_says_which_bound(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let refusal = async |value: Value| {
        let answer = stage.set("order.deadline", "\"0\"", json!({"value": value, "reason": "because"})).await;
        assert_eq!(answer.problem(), "configuration-out-of-bounds");
        (
            answer.body["detail"].as_str().unwrap().to_owned(),
            answer.body["least"].clone(),
            answer.body["most"].clone(),
        )
    };
    let bounded = |detail: &str| (detail.to_owned(), json!(5), json!(604_800));
    let unbounded = |detail: &str| (detail.to_owned(), Value::Null, Value::Null);
    assert_eq!(refusal(json!(4)).await, bounded("4 is not between 5 and 604800"));
    assert_eq!(refusal(json!(604_801)).await, bounded("604801 is not between 5 and 604800"));
    assert_eq!(refusal(json!(-900)).await, unbounded("\"-900\" is not a whole number"));
    assert_eq!(refusal(json!(900.5)).await, unbounded("\"900.5\" is not a whole number"));
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_longest_value_is_itself_a_live_key(db: PgPool) {
    let stage = Stage::new(db).await;
    let long = json!({"value": 12_345_678_901_234_567_u64, "reason": "because"});
    let refused = stage.set("order.deadline", "\"0\"", long.clone()).await;
    assert_eq!(refused.body["detail"], "12345678901234567 is not between 5 and 604800");

    stage.fake.set_configuration("config.largest_value", "16");
    while stage.live.version() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = stage.set("order.deadline", "\"0\"", long).await;
    assert_eq!(refused.problem(), "configuration-out-of-bounds");
    assert_eq!(refused.body["detail"], "the value is longer than 16 bytes");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_key_that_does_not_exist_cannot_be_set(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let refused = stage.set("order.colour", "\"0\"", json!({"value": 1, "reason": "because"})).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (404, "not-found"));
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_body_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let client = stage.administrator().with("if-match", "\"0\"");
    let endless = format!(r#"{{"value":600,"reason":"{}"}}"#, "a".repeat(256 * 1024));
    let long = format!(r#"{{"value":600,"reason":"{}"}}"#, "a".repeat(501));
    for (body, problem) in [
        ("value=600", "malformed-json"),
        (r#"{"value":600,"#, "malformed-json"),
        (r#"{"value":600,"reason":"a\u0000b"}"#, "nul-character"),
        (r#"{"value":600,"reason":"because","force":true}"#, "unknown-field"),
        (r#"{"value":600}"#, "invalid-field"),
        (r#"{"reason":"because"}"#, "invalid-field"),
        (r#"{"value":"600","reason":"because"}"#, "invalid-field"),
        (r#"{"value":600,"reason":"  "}"#, "invalid-field"),
        (long.as_str(), "invalid-field"),
        (endless.as_str(), "body-too-large"),
    ] {
        let refused =
            client.send("PUT", "/set_configuration?key=order.deadline", Some(body.to_owned())).await;
        assert_eq!(refused.problem(), problem, "{}", &body[..body.len().min(80)]);
    }
    let bare = client.send("PUT", "/set_configuration?key=order.deadline", None).await;
    assert_eq!(bare.problem(), "unsupported-media-type");
    assert_eq!(history_length(&db).await, 0);
}

async fn history_length(db: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from configuration_change").fetch_one(db).await.unwrap()
}
