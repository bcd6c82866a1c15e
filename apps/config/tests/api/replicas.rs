//! Which configuration each replica runs with.

use chrono::TimeDelta;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::Stage;

fn report(replica: u128, version: u64, deadline: &str) -> Value {
    json!({
        "replica": Uuid::from_u128(replica), "version": version, "read": true,
        "values": {"order.deadline": deadline, "order.later": "as it is"}, "refused": [],
    })
}

async fn tell(stage: &Stage, service: &str, report: Value) -> Answer {
    let client = stage.client.with("dapr-caller-app-id", service);
    client.ask(Operation::ReportConfiguration, "", Some(report)).await
}

async fn effective(stage: &Stage) -> Value {
    let answer = stage.query(Operation::ReadEffectiveConfiguration, "").await;
    assert_eq!(answer.status, 200);
    answer.body
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn every_replica_is_shown_with_what_it_runs_with(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.give("order.deadline", json!("10m")).await;
    stage.give("gateway.deadline", json!("9s")).await;
    assert_eq!(tell(&stage, "order", report(1, 1, "10m")).await.status, 204);
    let mut refused = report(2, 0, "15m");
    refused["refused"] = json!([{"key": "order.deadline", "version": "1", "why": "it was not understood"}]);
    assert_eq!(tell(&stage, "order", refused).await.status, 204);

    let shown = effective(&stage).await;
    insta::assert_json_snapshot!(shown, @r#"
    {
      "replicas": [
        {
          "current": true,
          "read": true,
          "refused": [],
          "replica": "00000000-0000-0000-0000-000000000001",
          "reported_at": "2026-11-22T10:00:00Z",
          "service": "order",
          "values": {
            "order.deadline": "10m",
            "order.later": "as it is"
          },
          "version": 1
        },
        {
          "current": false,
          "read": true,
          "refused": [
            {
              "key": "order.deadline",
              "version": "1",
              "why": "it was not understood"
            }
          ],
          "replica": "00000000-0000-0000-0000-000000000002",
          "reported_at": "2026-11-22T10:00:00Z",
          "service": "order",
          "values": {
            "order.deadline": "15m",
            "order.later": "as it is"
          },
          "version": 0
        }
      ],
      "silent": [
        "gateway",
        "config",
        "user",
        "product",
        "payment",
        "notification"
      ],
      "version": 2
    }
    "#);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_replicas_last_word_counts_and_is_forgotten_after_a_minute(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    tell(&stage, "order", report(1, 1, "10m")).await;
    stage.clock.advance(TimeDelta::seconds(40));
    tell(&stage, "order", report(1, 2, "11m")).await;
    tell(&stage, "order", report(2, 1, "10m")).await;
    let versions = async || {
        let replicas = effective(&stage).await["replicas"].as_array().unwrap().clone();
        replicas.iter().map(|replica| replica["version"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [2, 1]);
    stage.clock.advance(TimeDelta::seconds(50));
    tell(&stage, "order", report(1, 2, "11m")).await;
    assert_eq!(versions().await, [2, 1]);
    stage.clock.advance(TimeDelta::seconds(50));
    assert_eq!(versions().await, [2], "the other one said nothing for longer than a minute");
    tell(&stage, "payment", report(3, 2, "11m")).await;
    let kept: i64 =
        sqlx::query_scalar("select count(*) from configuration_report").fetch_one(&db).await.unwrap();
    assert_eq!(kept, 2);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_replica_that_could_not_take_everything_is_not_current(db: PgPool) {
    let stage = Stage::new(db).await;
    stage.give("order.deadline", json!("10m")).await;
    let refused = json!([{"key": "order.largest_page", "version": "1", "why": "it was not understood"}]);
    for (refused, current) in [(refused, false), (json!([]), true)] {
        let mut report = report(1, 1, "10m");
        report["refused"] = refused;
        tell(&stage, "order", report).await;
        assert_eq!(effective(&stage).await["replicas"][0]["current"], current);
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn this_service_is_among_them_by_its_own_word(db: PgPool) {
    let stage = Stage::new(db).await;
    config::api::note_own(&stage.app).await.unwrap();
    let shown = effective(&stage).await;
    assert_eq!(shown["replicas"][0]["service"], "config");
    assert_eq!(shown["replicas"][0]["values"]["config.largest_value"], 1024);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn only_services_report_and_only_for_themselves(db: PgPool) {
    let stage = Stage::new(db).await;
    for stranger in ["config", "replay", "Order", ""] {
        let refused = tell(&stage, stranger, report(1, 1, "10m")).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (403, "forbidden"), "{stranger}");
    }
    let mut claims = report(1, 1, "10m");
    claims["service"] = json!("payment");
    assert_eq!(tell(&stage, "order", claims).await.status, 204);
    assert_eq!(effective(&stage).await["replicas"][0]["service"], "order");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_report_that_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let many: serde_json::Map<String, Value> = (0..201).map(|key| (format!("k{key}"), json!("1"))).collect();
    let mut too_many = report(1, 1, "10m");
    too_many["values"] = Value::Object(many);
    let mut unversioned = report(1, 1, "10m");
    unversioned["version"] = json!(-1);
    for body in [json!({}), json!([]), too_many, unversioned] {
        let refused = tell(&stage, "order", body).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (422, "invalid-field"));
    }
    assert_eq!(effective(&stage).await["replicas"], json!([]));
}
