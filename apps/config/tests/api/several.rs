//! Several keys at once, all or none, and what would change.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Stage, history_length};

async fn present(db: &PgPool) -> Vec<(String, String, String)> {
    let rows = sqlx::query_as("select key, value, version from configuration order by key");
    rows.fetch_all(db).await.unwrap()
}

fn change(changes: Value) -> Value {
    json!({"changes": changes, "reason": "a test"})
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn several_keys_are_one_version(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.largest_page", json!(50)).await;
    let changes = json!([
        {"key": "order.deadline", "value": "10m", "version": 0},
        {"key": "payment.provider_timeout", "value": "4s"},
        {"key": "order.largest_page", "reset": true},
    ]);
    let answer = stage.post(Operation::ChangeConfiguration, change(changes)).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "changes": [
        {
          "after": {
            "scopes": [],
            "value": "10m"
          },
          "before": {
            "scopes": [],
            "value": "15m"
          },
          "key": "order.deadline",
          "reader": "order"
        },
        {
          "after": {
            "scopes": [],
            "value": "4s"
          },
          "before": {
            "scopes": [],
            "value": "5s"
          },
          "key": "payment.provider_timeout",
          "reader": "payment"
        },
        {
          "after": {
            "scopes": [],
            "value": 100
          },
          "before": {
            "scopes": [],
            "value": 50
          },
          "key": "order.largest_page",
          "reader": "order"
        }
      ],
      "dry_run": false,
      "version": 2
    }
    "#);
    let row = |key: &str, value: &str| (key.to_owned(), value.to_owned(), "2".to_owned());
    assert_eq!(
        present(&db).await,
        [
            row("order.deadline", "10m"),
            row("order.largest_page", "100"),
            row("payment.provider_timeout", "4s")
        ]
    );
    assert_eq!(history_length(&db).await, 4);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn one_refused_key_changes_nothing_and_all_are_named(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let changes = json!([
        {"key": "order.deadline", "value": "10m"},
        {"key": "order.colour", "value": "red"},
        {"key": "order.return_window", "value": 366},
        {"key": "order.capture", "value": 1},
        {"key": "order.largest_page", "value": 50, "version": 7},
        {"key": "user.argon2_memory", "value": 8192, "reset": true},
        {"key": "x".repeat(1_000), "value": 1},
    ]);
    let refused = stage.post(Operation::ChangeConfiguration, change(changes)).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "configuration-refused"));
    let shown = format!("{}…", "x".repeat(64));
    let refusal = |key: &str, problem: &str, why: &str| json!({"key": key, "problem": problem, "why": why});
    assert_eq!(
        refused.body["refused"],
        json!([
            refusal("order.colour", "unknown-key", "there is no such key"),
            refusal("order.return_window", "configuration-out-of-bounds", "366 is not between 0 and 365"),
            refusal("order.capture", "wrong-type", "the value is not a name in quotes: 1"),
            refusal("order.largest_page", "precondition-failed", "the key has changed; its version is 0"),
            refusal(
                "user.argon2_memory",
                "invalid-field",
                "a key that is reset is given neither a value nor scopes"
            ),
            refusal(
                &shown,
                "invalid-key-name",
                "a key's name is 1 to 200 characters of a-z, 0-9, the point and the underscore"
            ),
        ])
    );
    assert_eq!((present(&db).await.len(), history_length(&db).await), (0, 0));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_based_on_versions_that_are_over_is_told_to_look_again(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.give("order.deadline", json!("10m")).await;
    let changes = json!([
        {"key": "order.deadline", "value": "11m", "version": 0},
        {"key": "order.return_window", "value": 7, "version": 0},
    ]);
    let refused = stage.post(Operation::ChangeConfiguration, change(changes)).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (412, "precondition-failed"));
    assert_eq!(refused.body["refused"][0]["key"], "order.deadline");
    assert_eq!(stage.read("order.return_window").await.body["version"], 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn keys_may_be_changed_together_that_would_contradict_each_other_one_by_one(db: PgPool) {
    let stage = Stage::new(db).await;
    let both = |timeout: &str| {
        change(json!([
            {"key": "order.deadline", "value": "5s"},
            {"key": "payment.provider_timeout", "value": timeout},
        ]))
    };
    let refused = stage.post(Operation::ChangeConfiguration, both("5s")).await;
    let problems = refused.body["refused"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{}", refused.body);
    assert!(problems.iter().all(|refused| refused["problem"] == "contradicting-keys"));
    assert_eq!(stage.post(Operation::ChangeConfiguration, both("4s")).await.status, 200);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_dry_run_says_which_service_would_see_what_and_changes_nothing(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let changes =
        json!([{"key": "order.deadline", "value": "10m"}, {"key": "gateway.deadline", "value": "9s"}]);
    let mut body = change(changes);
    body["dry_run"] = json!(true);
    let dry = stage.post_as("one", Operation::ChangeConfiguration, body.clone()).await;
    assert_eq!((dry.status.as_u16(), &dry.body["version"]), (200, &Value::Null));
    assert_eq!((present(&db).await.len(), history_length(&db).await), (0, 0));

    body["dry_run"] = json!(false);
    let real = stage.post_as("one", Operation::ChangeConfiguration, body).await;
    assert_eq!((real.status.as_u16(), &real.body["version"]), (200, &json!(1)), "a dry run takes no key");
    assert_eq!(real.body["changes"], dry.body["changes"]);
    let refused = json!({"changes": [{"key": "order.deadline", "value": 1}], "reason": "a", "dry_run": true});
    let refused = stage.post(Operation::ChangeConfiguration, refused).await;
    assert_eq!(
        refused.problem(),
        "configuration-refused",
        "and refuses what the change would be refused for"
    );
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_repeated_change_is_answered_and_not_made_again(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = change(json!([{"key": "order.deadline", "value": "10m"}]));
    let first = stage.post_as("one", Operation::ChangeConfiguration, body.clone()).await;
    let again = stage.post_as("one", Operation::ChangeConfiguration, body).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(history_length(&db).await, 1);
    let other = change(json!([{"key": "order.deadline", "value": "11m"}]));
    let reused = stage.post_as("one", Operation::ChangeConfiguration, other).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn changes_at_once_get_versions_of_their_own(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (first, second, third) = tokio::join!(
        stage.give("order.deadline", json!("10m")),
        stage.give("order.deadline", json!("11m")),
        stage.give("order.return_window", json!(7)),
    );
    let mut versions = [first, second, third];
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(history_length(&db).await, 3);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let one = json!({"key": "order.deadline", "value": "10m"});
    for (body, problem) in [
        (json!({"changes": [one]}), "invalid-field"),
        (json!({"changes": [one], "reason": " "}), "invalid-field"),
        (json!({"changes": [], "reason": "because"}), "invalid-field"),
        (json!({"changes": vec![one.clone(); 101], "reason": "because"}), "invalid-field"),
        (json!({"changes": [{"value": 1}], "reason": "because"}), "invalid-field"),
        (json!({"changes": [{"key": "order.deadline", "colour": 1}], "reason": "because"}), "unknown-field"),
        (json!({"changes": [one], "reason": "because", "force": true}), "unknown-field"),
    ] {
        let refused = stage.post(Operation::ChangeConfiguration, body.clone()).await;
        assert_eq!(refused.problem(), problem, "{body}");
    }
    let body = json!({"changes": [one], "reason": "because"});
    let without_key = stage.administrator().ask(Operation::ChangeConfiguration, "", Some(body)).await;
    assert_eq!(without_key.problem(), "idempotency-key-missing");
    assert_eq!(history_length(&db).await, 0);
}
