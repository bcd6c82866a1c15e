//! Who changed what, what differs, and going back.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::{Stage, history_length};

fn back(version: i64) -> Value {
    json!({"version": version, "reason": "it was better before"})
}

/// 1: deadline 10m; 2: deadline 11m and return window 7 together; 3: largest page 50.
async fn three_versions(db: &PgPool) -> Stage {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.deadline", json!("10m")).await;
    let both = json!({"changes": [
        {"key": "order.deadline", "value": "11m"}, {"key": "order.return_window", "value": 7},
    ], "reason": "together"});
    stage.post(Operation::ChangeConfiguration, both).await;
    stage.give("order.largest_page", json!(50)).await;
    stage
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn history_says_who_when_why_and_from_what_to_what(db: PgPool) {
    let stage = three_versions(&db).await;
    let page = stage.query(Operation::ListConfigurationChanges, "limit=3").await;
    let told = |page: &Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| (item["version"].clone(), item["key"].clone())).collect::<Vec<_>>()
    };
    let line = |version: i64, key: &str| (json!(version), json!(key));
    assert_eq!(
        told(&page.body),
        [line(3, "order.largest_page"), line(2, "order.return_window"), line(2, "order.deadline")]
    );
    insta::assert_json_snapshot!(page.body["items"][2], @r#"
    {
      "after": {
        "scopes": [],
        "value": "11m"
      },
      "before": {
        "scopes": [],
        "value": "10m"
      },
      "changed_at": "2026-11-22T10:00:00Z",
      "changed_by": "00000000-0000-0000-0000-000000000007",
      "key": "order.deadline",
      "reason": "together",
      "rolled_back_to": null,
      "trial": null,
      "version": 2
    }
    "#);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = stage.query(Operation::ListConfigurationChanges, &format!("cursor={cursor}")).await;
    assert_eq!(told(&rest.body), [line(1, "order.deadline")]);
    assert_eq!(rest.body["items"][0]["before"]["value"], "15m", "its default");
    assert_eq!(rest.body["next_cursor"], Value::Null);

    let of_one = stage.query(Operation::ListConfigurationChanges, "key=order.deadline").await;
    assert_eq!(told(&of_one.body), [line(2, "order.deadline"), line(1, "order.deadline")]);
    let forged = stage.query(Operation::ListConfigurationChanges, "cursor=bm90IGpzb24").await;
    assert_eq!(forged.problem(), "invalid-cursor");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn any_two_versions_can_be_compared(db: PgPool) {
    let stage = three_versions(&db).await;
    let compared = stage.query(Operation::CompareConfiguration, "from=1&to=2").await;
    assert_eq!(
        compared.body,
        json!({"from": 1, "to": 2, "keys": [
            {"key": "order.deadline", "from": {"value": "10m", "scopes": []}, "to": {"value": "11m", "scopes": []}},
            {"key": "order.return_window", "from": {"value": 30, "scopes": []}, "to": {"value": 7, "scopes": []}},
        ]})
    );
    let keys = async |query: &str| {
        let compared = stage.query(Operation::CompareConfiguration, query).await;
        let keys = compared.body["keys"].as_array().unwrap().iter();
        keys.map(|key| key["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys("from=0").await, ["order.deadline", "order.largest_page", "order.return_window"]);
    assert_eq!(keys("from=3&to=2").await, ["order.largest_page"], "backwards too");
    assert_eq!(keys("from=2&to=2").await, Vec::<String>::new());

    for query in ["from=4", "from=-1", "from=0&to=4"] {
        let refused = stage.query(Operation::CompareConfiguration, query).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (404, "unknown-version"), "{query}");
        assert_eq!(refused.body["last"], 3);
    }
    for query in ["", "from=one", "from=1&since=2"] {
        let refused = stage.query(Operation::CompareConfiguration, query).await;
        assert_eq!(refused.problem(), "invalid-parameter", "{query}");
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_configuration_goes_back_to_any_version_as_one_more(db: PgPool) {
    let stage = three_versions(&db).await;
    let mut dry = back(1);
    dry["dry_run"] = json!(true);
    let dry = stage.post(Operation::RollBackConfiguration, dry).await;
    assert_eq!((dry.status.as_u16(), history_length(&db).await), (200, 4), "{}", dry.body);

    let answer = stage.post(Operation::RollBackConfiguration, back(1)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["version"]), (200, &json!(4)));
    assert_eq!(answer.body["changes"], dry.body["changes"]);
    let changed: Vec<_> = answer.body["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["key"].as_str().unwrap(), change["after"]["value"].clone()))
        .collect();
    assert_eq!(
        changed,
        [
            ("order.deadline", json!("10m")),
            ("order.return_window", json!(30)),
            ("order.largest_page", json!(100)),
        ]
    );
    let same = stage.query(Operation::CompareConfiguration, "from=1&to=4").await;
    assert_eq!(same.body["keys"], json!([]));
    let history = stage.query(Operation::ListConfigurationChanges, "limit=1").await;
    assert_eq!(history.body["items"][0]["rolled_back_to"], 1);
    assert_eq!(history.body["items"][0]["reason"], "it was better before");

    let forth = stage.post(Operation::RollBackConfiguration, back(3)).await;
    assert_eq!(forth.body["version"], 5, "going back can be taken back");
    let nothing = stage.post(Operation::RollBackConfiguration, back(3)).await;
    assert_eq!((nothing.status.as_u16(), &nothing.body["version"]), (200, &Value::Null));
    assert_eq!(stage.post(Operation::RollBackConfiguration, back(0)).await.body["version"], 6);
    let default = stage.query(Operation::CompareConfiguration, "from=0").await;
    assert_eq!(default.body["keys"], json!([]));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn what_was_edited_under_its_version_is_nobodys_and_goes_back(db: PgPool) {
    let stage = three_versions(&db).await;
    for (last, edit) in [
        (3, "value = '20m'"),
        (4, r#"metadata = '{"scopes": "[{\"audience\":{\"percent\":10},\"value\":\"20m\"}]"}'"#),
    ] {
        let edit = format!("update configuration set {edit} where key = 'order.deadline'");
        db.execute(AssertSqlSafe(edit)).await.unwrap();
        let read = stage.read("order.deadline").await.body;
        let unsigned = ["changed_at", "changed_by", "reason"].map(|field| read[field].is_null());
        assert_eq!(unsigned, [true; 3], "{read}");

        let answer = stage.post(Operation::RollBackConfiguration, back(last)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["version"]), (200, &json!(last + 1)));
        let read = stage.read("order.deadline").await.body;
        assert_eq!((&read["value"], &read["scopes"]), (&json!("11m"), &json!([])));
        assert_eq!(read["reason"], "it was better before");
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_rollback_names_every_key_whose_type_has_changed_since(db: PgPool) {
    // As a release of before wrote them: whole numbers of seconds, and 0 or 1.
    db.execute(
        "insert into configuration_change (version, key, value, changed_at, changed_by, reason) values
             (1, 'order.deadline', '600', now(), gen_random_uuid(), 'then'),
             (2, 'user.staff_second_factor', '1', now(), gen_random_uuid(), 'then'),
             (3, 'order.return_window', '7', now(), gen_random_uuid(), 'then');
         update configuration_head set version = 3",
    )
    .await
    .unwrap();
    let stage = Stage::new(db.clone()).await;
    for (key, value) in [
        ("order.deadline", json!("11m")),
        ("user.staff_second_factor", json!(true)),
        ("order.return_window", json!(14)),
    ] {
        stage.give(key, value).await;
    }
    let refused = stage.post(Operation::RollBackConfiguration, back(3)).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "configuration-refused"));
    assert_eq!(
        refused.body["refused"],
        json!([
            {"key": "order.deadline", "problem": "wrong-type",
             "why": "what it was at version 3 is no longer taken: the value is not a duration, as \"15m\": \"600\""},
            {"key": "user.staff_second_factor", "problem": "wrong-type",
             "why": "what it was at version 3 is no longer taken: the value is not true or false: 1"},
        ])
    );
    assert_eq!(stage.read("order.return_window").await.body["value"], 14, "nothing was changed");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_rollback_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = three_versions(&db).await;
    for (body, problem) in [
        (back(4), "unknown-version"),
        (back(-1), "unknown-version"),
        (json!({"version": 1}), "invalid-field"),
        (json!({"version": 1, "reason": ""}), "invalid-field"),
        (json!({"version": "one", "reason": "because"}), "invalid-field"),
        (json!({"reason": "because"}), "invalid-field"),
    ] {
        let refused = stage.post(Operation::RollBackConfiguration, body.clone()).await;
        assert_eq!(refused.problem(), problem, "{body}");
    }
    assert_eq!(history_length(&db).await, 4);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn history_is_never_rewritten(db: PgPool) {
    three_versions(&db).await;
    let mut service = db.acquire().await.unwrap();
    service.execute("set role config_app").await.unwrap();
    for statement in ["update configuration_change set reason = 'x'", "delete from configuration_change"] {
        let refused = service.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
    service.execute("reset role").await.unwrap();
}
