//! The configuration as a file.

use axum::body::to_bytes;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::trials::{sixty, stored};
use crate::{Stage, history_length};

async fn export(stage: &Stage) -> String {
    let (parts, body) = stage.administrator().open(Operation::ExportConfiguration, "").await.into_parts();
    assert_eq!(parts.status, 200);
    assert_eq!(parts.headers["content-type"], "text/plain; charset=utf-8");
    String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap()
}

async fn import(stage: &Stage, file: &str) -> testkit::Answer {
    stage.post(Operation::ImportConfiguration, json!({"file": file, "reason": "a test"})).await
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn what_was_exported_can_be_imported(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.deadline", json!("10m")).await;
    let scoped = json!({"changes": [{"key": "order.return_window", "scopes": [
        {"audience": {"percent": 10}, "value": 60},
    ]}], "reason": "a trial"});
    stage.post(Operation::ChangeConfiguration, scoped).await;
    let file = export(&stage).await;
    for line in [
        "# The configuration at version 2.",
        "order.deadline = \"10m\"",
        "order.return_window = 30",
        "order.return_window @ {\"percent\":10} = 60",
        "user.staff_second_factor = false",
    ] {
        assert!(file.lines().any(|written| written == line), "{line}: {file}");
    }
    let nothing = import(&stage, &file).await;
    assert_eq!((nothing.status.as_u16(), &nothing.body["changes"]), (200, &json!([])));
    assert_eq!((&nothing.body["version"], history_length(&db).await), (&Value::Null, 2));

    stage.post(Operation::RollBackConfiguration, json!({"version": 0, "reason": "afresh"})).await;
    let answer = import(&stage, &file).await;
    assert_eq!((answer.status.as_u16(), &answer.body["version"]), (200, &json!(4)), "{}", answer.body);
    let same = stage.query(Operation::CompareConfiguration, "from=2&to=4").await;
    assert_eq!(same.body["keys"], json!([]));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_value_that_is_only_tried_is_in_no_file_and_no_rollback(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.return_window", json!(14)).await;
    let trial = stage.tried(sixty()).await;
    let file = export(&stage).await;
    let said = "# Trial 2 of order.return_window is running; the value that it tries is left out.\n\
        order.return_window = 14\norder.capture = ";
    assert!(file.contains(said), "{file}");
    let nothing = import(&stage, &file).await;
    assert_eq!((nothing.status.as_u16(), &nothing.body["changes"]), (200, &json!([])), "{}", nothing.body);

    assert_eq!(stage.end(trial, "adopt").await.status, 200);
    let back = json!({"version": trial, "reason": "it was better before"});
    let back = stage.post(Operation::RollBackConfiguration, back).await;
    assert_eq!((back.status.as_u16(), &back.body["version"]), (200, &json!(4)), "{}", back.body);
    assert_eq!(stored(&db).await, ("14".into(), "4".into(), json!({})));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn one_wrong_line_changes_nothing_and_every_one_is_named(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let megabyte = format!("order.capture = \"{}\"", "x".repeat(1024 * 1024));
    let file = [
        "order.deadline = \"10m\"",
        "order.return_window = 366",
        "order.colour = 1",
        "# order.colour = 1",
        "order.largest_page",
        "user.staff_second_factor = yes",
        &megabyte,
    ]
    .join("\n");
    let refused = import(&stage, &file).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-lines"));
    let line = |line: u32, key: Option<&str>, problem: &str, why: &str| json!({"line": line, "key": key, "problem": problem, "why": why});
    assert_eq!(
        refused.body["lines"],
        json!([
            line(
                2,
                Some("order.return_window"),
                "configuration-out-of-bounds",
                "366 is not between 0 and 365"
            ),
            line(3, Some("order.colour"), "unknown-key", "there is no such key"),
            line(
                5,
                None,
                "invalid-lines",
                "a line is `key = value`, `key @ audience = value`, or a comment behind #"
            ),
            line(
                6,
                Some("user.staff_second_factor"),
                "invalid-lines",
                "the value is not JSON; a text stands in quotes"
            ),
            line(7, Some("order.capture"), "value-too-long", "the value is longer than 1024 bytes"),
        ])
    );
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_dry_import_says_what_would_change(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = json!({"file": "order.deadline = \"10m\"\n", "reason": "a test", "dry_run": true});
    let dry = stage.post(Operation::ImportConfiguration, body).await;
    assert_eq!(
        (&dry.body["version"], &dry.body["changes"][0]["after"]["value"]),
        (&Value::Null, &json!("10m"))
    );
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn an_import_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let endless = "# nothing\n".repeat(1_001);
    for (body, problem) in [
        (json!({"file": "order.deadline = \"10m\""}), "invalid-field"),
        (json!({"file": "order.deadline = \"10m\"", "reason": " "}), "invalid-field"),
        (json!({"file": endless, "reason": "because"}), "invalid-field"),
        (json!({"file": 1, "reason": "because"}), "invalid-field"),
        (json!({"file": "x\u{0}", "reason": "because"}), "nul-character"),
        (json!({"file": "x".repeat(3 << 20), "reason": "because"}), "body-too-large"),
    ] {
        let refused = stage.post(Operation::ImportConfiguration, body).await;
        assert_eq!(refused.problem(), problem, "{}", refused.body);
    }
    assert_eq!(history_length(&db).await, 0);
}
