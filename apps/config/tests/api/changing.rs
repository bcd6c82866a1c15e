//! Setting keys.

use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{Stage, history_length};

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_says_who_when_and_why(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let set =
        stage.set("order.deadline", "\"0\"", json!({"value": "10m", "reason": " busier than usual "})).await;
    assert_eq!(set.status, 200);
    assert_eq!(set.headers["etag"], "\"1\"");
    insta::assert_json_snapshot!(set.body, @r#"
    {
      "bounds": {
        "least": "5s",
        "most": "7d"
      },
      "changed_at": "2026-11-22T10:00:00Z",
      "changed_by": "00000000-0000-0000-0000-000000000007",
      "default": "15m",
      "description": "How long an order may take from placing to its end.",
      "guards": [
        "refusals",
        "failures",
        "time_to_confirm"
      ],
      "key": "order.deadline",
      "reach": "orders",
      "reader": "order",
      "reason": "busier than usual",
      "restart": false,
      "scopes": [],
      "trial": null,
      "type": "duration",
      "unit": null,
      "unreadable": null,
      "value": "10m",
      "version": 1
    }
    "#);
    assert_eq!(stage.read("order.deadline").await.body, set.body);

    let history: Vec<(i64, String, String, String)> =
        sqlx::query_as("select version, key, value, reason from configuration_change")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(history, [(1, "order.deadline".into(), "10m".into(), "busier than usual".into())]);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn versions_count_all_keys_and_history_keeps_every_value(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let why = |value: Value| json!({"value": value, "reason": "because"});
    assert_eq!(stage.set("order.deadline", "\"0\"", why(json!("10m"))).await.body["version"], 1);
    assert_eq!(stage.set("order.largest_page", "\"0\"", why(json!(50))).await.body["version"], 2);
    assert_eq!(stage.set("order.deadline", "\"1\"", why(json!("11m"))).await.body["version"], 3);

    let present: Vec<(String, String, String)> =
        sqlx::query_as("select key, value, version from configuration order by key")
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(
        present,
        [
            ("order.deadline".into(), "11m".into(), "3".into()),
            ("order.largest_page".into(), "50".into(), "2".into())
        ]
    );
    assert_eq!(history_length(&db).await, 3);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn nobody_overwrites_what_they_have_not_seen(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = json!({"value": "10m", "reason": "because"});
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
        stage.set("order.deadline", "\"0\"", json!({"value": "10m", "reason": "one"})),
        stage.set("order.deadline", "\"0\"", json!({"value": "11m", "reason": "two"})),
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
        assert_eq!(answer.status, 422);
        let detail = answer.body["detail"].as_str().unwrap().to_owned();
        (answer.problem().to_owned(), detail, answer.body["least"].clone(), answer.body["most"].clone())
    };
    let bounded = |detail: &str| {
        ("configuration-out-of-bounds".to_owned(), detail.to_owned(), json!("5s"), json!("7d"))
    };
    assert_eq!(refusal(json!("4s")).await, bounded("4s is not between 5s and 7d"));
    assert_eq!(refusal(json!("8d")).await, bounded("8d is not between 5s and 7d"));
    for value in [json!(900), json!("900"), json!("-15m"), json!(true), json!(null), json!(["15m"])] {
        let (problem, detail, least, _) = refusal(value.clone()).await;
        assert_eq!((problem.as_str(), least), ("wrong-type", Value::Null), "{value}");
        assert_eq!(detail, format!("the value is not a duration, as \"15m\": {value}"));
    }
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_longest_value_is_itself_a_live_key(db: PgPool) {
    let stage = Stage::new(db).await;
    let long = json!({"value": format!("{}s", "0".repeat(20)), "reason": "because"});
    let refused = stage.set("order.deadline", "\"0\"", long.clone()).await;
    assert_eq!(refused.body["detail"], "0s is not between 5s and 7d");

    stage.fake.set_configuration("config.largest_value", "16");
    while stage.live.version() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = stage.set("order.deadline", "\"0\"", long).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "value-too-long"));
    assert_eq!(refused.body["detail"], "the value is longer than 16 bytes");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn values_for_some_are_set_kept_and_ended(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let scopes = json!([
        {"audience": {"percent": 10}, "value": 60},
        {"audience": {"callers": ["00000000-0000-0000-0000-000000000001"]}, "value": 90},
    ]);
    let body = json!({"value": 14, "scopes": scopes, "reason": "a trial"});
    let set = stage.set("order.return_window", "\"0\"", body).await;
    let sorted = json!([scopes[1], scopes[0]]);
    assert_eq!(set.body["scopes"], sorted, "callers before percentages");
    let metadata: Value =
        sqlx::query_scalar("select metadata from configuration").fetch_one(&db).await.unwrap();
    assert_eq!(metadata, json!({"scopes": sorted.to_string()}), "as the sidecars carry it");

    let kept = stage.set("order.return_window", "\"1\"", json!({"value": 15, "reason": "more"})).await;
    assert_eq!((&kept.body["value"], &kept.body["scopes"]), (&json!(15), &sorted));
    let ended = json!({"value": 15, "scopes": [], "reason": "the trial is over"});
    let ended = stage.set("order.return_window", "\"2\"", ended).await;
    assert_eq!(ended.body["scopes"], json!([]));
    let metadata: Value =
        sqlx::query_scalar("select metadata from configuration").fetch_one(&db).await.unwrap();
    assert_eq!(metadata, json!({}));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn values_for_some_are_refused_by_what_the_key_can_have(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let percent = |percent: u8, value: Value| json!([{"audience": {"percent": percent}, "value": value}]);
    for (key, value, scopes, why) in [
        ("order.return_window", json!(14), percent(0, json!(1)), "a percentage is 1 to 100"),
        (
            "order.return_window",
            json!(14),
            percent(10, json!(366)),
            "the value for 10 % of orders: 366 is not between 0 and 365",
        ),
        (
            "order.return_window",
            json!(14),
            json!([{"audience": {"percent": 20}, "value": 1}, {"audience": {"percent": 10}, "value": 2}]),
            "the value for 10 % of orders never holds behind that for 20 %; smaller parts stand first",
        ),
        (
            "order.largest_page",
            json!(14),
            percent(10, json!(1)),
            "this key has no value of its own for a part of the orders",
        ),
        (
            "gateway.deadline",
            json!("10s"),
            json!([{"audience": {"callers": ["00000000-0000-0000-0000-000000000001"]}, "value": "9s"}]),
            "this key has no value of its own for callers",
        ),
    ] {
        let body = json!({"value": value, "scopes": scopes, "reason": "because"});
        let refused = stage.set(key, "\"0\"", body).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-scopes"), "{key}");
        assert_eq!(refused.body["detail"], why);
    }
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn keys_that_contradict_each_other_are_refused_by_the_rule(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let refused = stage.set("order.deadline", "\"0\"", json!({"value": "5s", "reason": "because"})).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "contradicting-keys"));
    let rule = "this would no longer hold: payment.provider_timeout is shorter than order.deadline";
    assert_eq!(refused.body["detail"], rule);
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_key_that_does_not_exist_cannot_be_set(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for (key, status, problem) in [
        ("order.colour", 404, "unknown-key"),
        ("Order.Deadline", 422, "invalid-key-name"),
        ("order-deadline", 422, "invalid-key-name"),
        ("order.d%C3%A9adline", 422, "invalid-key-name"),
        ("", 422, "invalid-key-name"),
    ] {
        let refused = stage.set(key, "\"0\"", json!({"value": 1, "reason": "because"})).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, problem), "{key}");
    }
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn what_somebody_wrote_by_hand_is_shown_and_can_be_mended(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    sqlx::query("insert into configuration (key, value, version) values ('order.deadline', 'soon', '40')")
        .execute(&db)
        .await
        .unwrap();
    let read = stage.read("order.deadline").await;
    assert_eq!(read.headers["etag"], "\"40\"");
    assert_eq!((&read.body["value"], &read.body["changed_by"]), (&Value::Null, &Value::Null));
    assert_eq!(read.body["unreadable"], "the value is not a duration, as \"15m\": \"soon\"");

    let value = json!({"value": "10m", "reason": "because"});
    let refused = stage.set("order.deadline", "\"40\"", value).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (409, "conflict"));
    let whole = json!({"value": "10m", "scopes": [], "reason": "mended"});
    let mended = stage.set("order.deadline", "\"40\"", whole).await;
    assert_eq!(mended.status, 200, "{}", mended.body);
    assert_eq!(mended.body["version"], 41, "later than what was there, or no service would take it");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_version_beyond_all_counting_stops_no_change_and_the_next_takes_its_place(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let insert = "insert into configuration (key, value, version)
        values ('order.deadline', '20m', '999999999999999999')";
    sqlx::query(insert).execute(&db).await.unwrap();
    assert_eq!(stage.give("order.return_window", json!(14)).await, 1);
    let body = json!({"value": "10m", "reason": "because"});
    let set = stage.set("order.deadline", "\"999999999999999999\"", body).await;
    assert_eq!((set.status.as_u16(), &set.body["version"]), (200, &json!(2)), "{}", set.body);

    // The largest that counts: after it the counter goes on by itself.
    let update = "update configuration set version = '1000000000000000' where key = 'order.deadline'";
    sqlx::query(update).execute(&db).await.unwrap();
    for (days, version) in [(15, 1_000_000_000_000_001_i64), (16, 1_000_000_000_000_002)] {
        assert_eq!(stage.give("order.return_window", json!(days)).await, version);
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_body_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let client = stage.administrator().with("if-match", "\"0\"");
    let megabyte = format!(r#"{{"value":"{}","reason":"because"}}"#, "9".repeat(1024 * 1024));
    let long = format!(r#"{{"value":"10m","reason":"{}"}}"#, "a".repeat(501));
    for (body, problem) in [
        ("value=600", "malformed-json"),
        (r#"{"value":"10m","#, "malformed-json"),
        (r#"{"value":"10m","reason":"a\u0000b"}"#, "nul-character"),
        (r#"{"value":"10m","reason":"because","force":true}"#, "unknown-field"),
        (r#"{"value":"10m"}"#, "invalid-field"),
        (r#"{"reason":"because"}"#, "invalid-field"),
        (r#"{"value":"10m","reason":"  "}"#, "invalid-field"),
        (long.as_str(), "invalid-field"),
        (megabyte.as_str(), "body-too-large"),
    ] {
        let refused =
            client.send("PUT", "/set_configuration?key=order.deadline", Some(body.to_owned())).await;
        assert_eq!(refused.problem(), problem, "{}", &body[..body.len().min(80)]);
    }
    let bare = client.send("PUT", "/set_configuration?key=order.deadline", None).await;
    assert_eq!(bare.problem(), "unsupported-media-type");
    assert_eq!(history_length(&db).await, 0);
}
