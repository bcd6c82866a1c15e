//! Trials: begun, looked at, and ended by a person.

use config::jobs::trials::judge_running;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};

use crate::{Stage, history_length};

/// The return window at 60 days for every second order.
pub fn sixty() -> Value {
    json!({"key": "order.return_window", "value": 60, "percent": 50, "for": "1h", "reason": "to see"})
}

/// So many orders of which so many were refused; the others are confirmed in the same times.
pub fn group(orders: usize, refused: usize) -> Value {
    let confirmed_in: Vec<usize> = (0..orders - refused).map(|order| 500 + order % 100).collect();
    json!({"orders": orders, "refused": refused, "failed": 0, "confirmed_in": confirmed_in})
}

impl Stage {
    /// Begins a trial and gives its version.
    pub async fn tried(&self, body: Value) -> i64 {
        let answer = self.post(Operation::StartTrial, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["version"].as_i64().unwrap()
    }

    /// What `order` says of a trial's orders from now on.
    pub fn orders(&self, tried: Value, others: Value) {
        self.fake.answer(Operation::ReadOrderGroups, 200, json!({"tried": tried, "others": others}));
    }

    /// Looks after the trials once; says how many have ended by it.
    pub async fn judge(&self) -> usize {
        judge_running(&self.app).await.unwrap().ended
    }

    pub async fn trial(&self, version: i64) -> Value {
        let answer = self.query(Operation::ReadTrial, &format!("version={version}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The newest line of the history.
    pub async fn newest(&self) -> Value {
        let page = self.query(Operation::ListConfigurationChanges, "limit=1").await;
        page.body["items"][0].clone()
    }

    pub async fn end(&self, version: i64, outcome: &str) -> testkit::Answer {
        let client = self.administrator().with("idempotency-key", &uuid::Uuid::now_v7().to_string());
        let body = json!({"outcome": outcome, "reason": "seen enough"});
        client.ask(Operation::EndTrial, &format!("version={version}"), Some(body)).await
    }
}

/// What the sidecars read of the key.
pub async fn stored(db: &PgPool) -> (String, String, Value) {
    sqlx::query_as("select value, version, metadata from configuration where key = 'order.return_window'")
        .fetch_one(db)
        .await
        .unwrap()
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_trial_is_one_version_with_the_new_value_for_a_part_of_the_orders(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.return_window", json!(14)).await;
    let begun = stage.post_as("a", Operation::StartTrial, sixty()).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    insta::assert_json_snapshot!(begun.body, @r#"
    {
      "end": null,
      "findings": null,
      "key": "order.return_window",
      "others": 14,
      "percent": 50,
      "reason": "to see",
      "started_at": "2026-11-22T10:00:00Z",
      "started_by": "00000000-0000-0000-0000-000000000007",
      "unreachable": [],
      "until": "2026-11-22T11:00:00Z",
      "value": 60,
      "version": 2
    }
    "#);
    let scopes = json!([{"audience": {"percent": 50}, "value": 60}]);
    assert_eq!(stored(&db).await, ("14".into(), "2".into(), json!({"scopes": scopes.to_string()})));
    let newest = stage.newest().await;
    assert_eq!((&newest["version"], &newest["after"]["scopes"]), (&json!(2), &scopes));
    assert_eq!(newest["trial"], json!({"version": 2, "step": "started", "by_itself": false}));
    assert_eq!(stage.read("order.return_window").await.body["trial"], 2);

    let again = stage.post_as("a", Operation::StartTrial, sixty()).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &begun.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(history_length(&db).await, 2);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn while_a_key_is_tried_nothing_else_changes_it(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.return_window", json!(14)).await;
    stage.tried(sixty()).await;
    let exported = stage.administrator().ask(Operation::ExportConfiguration, "", None).await;
    assert_eq!(exported.status, 200);
    let why = "trial 2 of it is running; POST /v1/config/trials/2/end ends it (end_trial)";

    let set = stage.set("order.return_window", "\"2\"", json!({"value": 30, "reason": "because"})).await;
    assert_eq!((set.status.as_u16(), set.problem()), (409, "trial-running"));
    assert_eq!((&set.body["detail"], &set.body["trial"]), (&json!(why), &json!(2)));
    let again = stage.post(Operation::StartTrial, sixty()).await;
    assert_eq!((again.status.as_u16(), again.problem()), (409, "trial-running"));

    let refused = json!([{"key": "order.return_window", "problem": "trial-running", "why": why}]);
    for change in [
        json!({"key": "order.return_window", "value": 30}),
        json!({"key": "order.return_window", "scopes": []}),
        json!({"key": "order.return_window", "reset": true}),
    ] {
        let others = json!({"key": "order.largest_page", "value": 50});
        let body = json!({"changes": [others, change], "reason": "because"});
        let answer = stage.post(Operation::ChangeConfiguration, body).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "trial-running"), "{change}");
        assert_eq!(answer.body["refused"], refused);
    }
    let wrong = json!({"changes": [
        {"key": "order.return_window", "value": 999}, {"key": "order.largest_page", "value": 0},
    ], "reason": "because"});
    let wrong = stage.post(Operation::ChangeConfiguration, wrong).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem()), (422, "configuration-refused"));
    let problems: Vec<_> =
        wrong.body["refused"].as_array().unwrap().iter().map(|key| &key["problem"]).collect();
    assert_eq!(problems, ["trial-running", "configuration-out-of-bounds"]);
    let back = stage.post(Operation::RollBackConfiguration, json!({"version": 0, "reason": "because"})).await;
    assert_eq!(
        (back.status.as_u16(), back.problem(), &back.body["refused"]),
        (409, "trial-running", &refused)
    );
    let import = async |file: &str| {
        stage.post(Operation::ImportConfiguration, json!({"file": file, "reason": "because"})).await
    };
    let lines = import("# A file.\norder.return_window = 30\n").await;
    assert_eq!((lines.status.as_u16(), lines.problem()), (422, "invalid-lines"));
    assert_eq!(
        lines.body["lines"],
        json!([{"line": 2, "key": "order.return_window", "problem": "trial-running", "why": why}])
    );

    // What says the same as now changes nothing, and what is about other keys is done.
    let same =
        "order.return_window = 14\norder.return_window @ {\"percent\": 50} = 60\norder.largest_page = 50\n";
    let same = import(same).await;
    assert_eq!((same.status.as_u16(), &same.body["version"]), (200, &json!(3)), "{}", same.body);
    let forth =
        stage.post(Operation::RollBackConfiguration, json!({"version": 2, "reason": "because"})).await;
    assert_eq!((forth.status.as_u16(), &forth.body["version"]), (200, &json!(4)), "{}", forth.body);
    assert_eq!(stored(&db).await.1, "2");
    assert_eq!(stage.trial(2).await["end"], Value::Null);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn what_cannot_be_tried_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let scopes = json!([{"audience": {"callers": ["00000000-0000-0000-0000-000000000001"]}, "value": "20m"}]);
    let body = json!({"changes": [{"key": "order.deadline", "scopes": scopes}], "reason": "for her"});
    assert_eq!(stage.post(Operation::ChangeConfiguration, body).await.status, 200);
    let with = |field: &str, value: Value| {
        let mut body = sixty();
        body[field] = value;
        body
    };
    let deadline = |value: &str| json!({"key": "order.deadline", "value": value, "percent": 5, "for": "1h", "reason": "x"});
    for (body, status, problem) in [
        (with("key", json!("order.colour")), 404, "unknown-key"),
        (with("key", json!("Order")), 422, "invalid-key-name"),
        (with("key", json!("order.largest_page")), 422, "not-triable"),
        (with("key", json!("gateway.deadline")), 422, "not-triable"),
        (with("value", json!(30)), 422, "not-triable"),
        (deadline("10m"), 422, "not-triable"),
        (with("value", json!(366)), 422, "configuration-out-of-bounds"),
        (with("value", json!("60")), 422, "wrong-type"),
        (with("value", json!("9".repeat(1_025))), 422, "value-too-long"),
        (with("version", json!(7)), 412, "precondition-failed"),
        (with("percent", json!(0)), 422, "invalid-field"),
        (with("percent", json!(100)), 422, "invalid-field"),
        (with("percent", json!(-1)), 422, "invalid-field"),
        (with("percent", json!("50")), 422, "invalid-field"),
        (with("for", json!("59s")), 422, "invalid-field"),
        (with("for", json!("8d")), 422, "invalid-field"),
        (with("for", json!(3_600)), 422, "invalid-field"),
        (with("reason", json!(" ")), 422, "invalid-field"),
        (with("scopes", json!([])), 422, "unknown-field"),
    ] {
        let refused = stage.post(Operation::StartTrial, body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, problem), "{body}");
    }
    let without = |field: &str| {
        let mut body = sixty();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    for field in ["key", "percent", "for", "reason"] {
        let refused = stage.post(Operation::StartTrial, without(field)).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-field"), "{field}");
    }
    let unkeyed = stage.administrator().ask(Operation::StartTrial, "", Some(sixty())).await;
    assert_eq!(unkeyed.problem(), "idempotency-key-missing");
    let detail = stage.post(Operation::StartTrial, deadline("10m")).await.body["detail"].clone();
    assert_eq!(detail, "the key has values for some; end them first");
    assert_eq!(history_length(&db).await, 1);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_value_that_contradicts_another_is_not_even_tried(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let body = json!({"key": "order.deadline", "value": "5s", "percent": 5, "for": "1h", "reason": "x"});
    let refused = stage.post(Operation::StartTrial, body).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "contradicting-keys"));
    assert_eq!(history_length(&db).await, 0);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_person_ends_a_trial_for_everyone_or_for_nobody(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for (outcome, step, value) in [("take_back", "taken_back", "30"), ("adopt", "adopted", "60")] {
        let version = stage.tried(sixty()).await;
        stage.orders(group(12, 1), group(30, 2));
        let ended = stage.end(version, outcome).await;
        assert_eq!(ended.status, 200, "{}", ended.body);
        assert_eq!(
            ended.body["end"],
            json!({"outcome": step, "ended_at": "2026-11-22T10:00:00Z", "reason": "seen enough",
                "ended_by": stage.administrator, "version": version + 1})
        );
        assert_eq!(ended.body["findings"]["tried"]["orders"], 12, "what was known is kept");
        assert_eq!(stored(&db).await, (value.into(), (version + 1).to_string(), json!({})));
        let newest = stage.newest().await;
        assert_eq!(newest["trial"], json!({"version": version, "step": step, "by_itself": false}));
        assert_eq!(newest["reason"], "seen enough");

        let late = stage.end(version, "take_back").await;
        assert_eq!((late.status.as_u16(), late.problem()), (409, "invalid-transition"));
        assert_eq!(late.body["detail"], format!("trial {version} has ended: {step}"));
    }
    let page = stage.query(Operation::ListTrials, "limit=1").await;
    assert_eq!(
        (&page.body["items"][0]["version"], &page.body["items"][0]["end"]["version"]),
        (&json!(3), &json!(4))
    );
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = stage.query(Operation::ListTrials, &format!("cursor={cursor}")).await;
    assert_eq!((&rest.body["items"][0]["version"], &rest.body["next_cursor"]), (&json!(1), &Value::Null));
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn an_end_that_makes_no_sense_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.return_window", json!(14)).await;
    let version = stage.tried(sixty()).await;
    for unknown in [0, 1, 3, i64::MAX] {
        for answer in [
            stage.end(unknown, "adopt").await,
            stage.query(Operation::ReadTrial, &format!("version={unknown}")).await,
        ] {
            assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{unknown}");
        }
    }
    assert_eq!(stage.query(Operation::ReadTrial, "version=two").await.problem(), "invalid-parameter");
    let client = stage.administrator().with("idempotency-key", "a");
    let query = format!("version={version}");
    for body in
        [json!({"outcome": "adopt"}), json!({"outcome": "overtaken", "reason": "x"}), json!({"reason": "x"})]
    {
        let refused = client.ask(Operation::EndTrial, &query, Some(body.clone())).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-field"), "{body}");
    }
    // The first answer is given again, though the trial has ended by then.
    let body = json!({"outcome": "take_back", "reason": "seen enough"});
    let first = client.ask(Operation::EndTrial, &query, Some(body.clone())).await;
    let again = client.ask(Operation::EndTrial, &query, Some(body)).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16(), &first.body), (200, 200, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(history_length(&db).await, 3);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn only_who_may_change_the_configuration_tries_it(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.tried(sixty()).await;
    let reader = stage
        .client
        .bearer(&stage.signer.sign(&stage.signer.claims(stage.administrator, "configuration:read")));
    let reader = reader.with("idempotency-key", "a");
    let ask = async |client: &testkit::Client, operation, query, body| {
        client.ask(operation, query, body).await.status.as_u16()
    };
    let end = json!({"outcome": "adopt", "reason": "because"});
    let mut other = sixty();
    other["key"] = json!("order.deadline");
    assert_eq!(ask(&reader, Operation::StartTrial, "", Some(other)).await, 403);
    assert_eq!(ask(&reader, Operation::EndTrial, "version=1", Some(end)).await, 403);
    for (operation, query) in [(Operation::ListTrials, ""), (Operation::ReadTrial, "version=1")] {
        assert_eq!(ask(&reader, operation, query, None).await, 200);
        assert_eq!(ask(&stage.customer(), operation, query, None).await, 403);
    }
    assert_eq!(history_length(&db).await, 1);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn how_a_trial_began_is_never_rewritten(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.tried(sixty()).await;
    let mut service = db.acquire().await.unwrap();
    service.execute("set role config_app").await.unwrap();
    for statement in [
        "update configuration_trial set value = '90'",
        "update configuration_trial set until = now()",
        "delete from configuration_trial",
        "truncate configuration_trial",
    ] {
        let refused = service.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
    service.execute("update configuration_trial set findings = '{}'").await.unwrap();
    service.execute("reset role").await.unwrap();
}
