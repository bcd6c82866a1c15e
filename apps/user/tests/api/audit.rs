//! The audit log: only added to, and searched by whoever may.

use chrono::TimeDelta;
use contracts::identity::{AuditEntry, AuditOutcome, AuditResult, RecordAudit};
use contracts::{Operation, UserId};
use serde_json::json;
use sqlx::{Executor, PgPool};
use uuid::Uuid;

use crate::Stage;
use crate::roles::holder;

fn entry(stage: &Stage, number: u128, result: AuditResult, operation: &str) -> AuditEntry {
    let at = stage.app.clock.now() + TimeDelta::seconds(i64::try_from(number).unwrap());
    AuditEntry {
        id: Uuid::from_u128(number),
        at,
        last_at: at,
        count: 1,
        result,
        actor: Some(UserId(Uuid::from_u128(100 + number % 2))),
        api_key: None,
        operation: operation.to_owned(),
        permission: Some("roles:grant".to_owned()),
        subject: format!("user_id={}", Uuid::nil()),
        address: Some("192.0.2.1".to_owned()),
        request_id: Some("request".to_owned()),
    }
}

async fn record(stage: &Stage, lines: &RecordAudit) -> u16 {
    let body = serde_json::to_value(lines).unwrap();
    stage.client.ask(Operation::RecordAudit, "", Some(body)).await.status.as_u16()
}

async fn stored(stage: &Stage) -> RecordAudit {
    let lines = RecordAudit {
        entries: vec![
            entry(stage, 1, AuditResult::Attempted, "grant_role"),
            entry(stage, 2, AuditResult::Refused, "list_stock"),
            entry(stage, 3, AuditResult::Attempted, "withdraw_role"),
        ],
        outcomes: vec![AuditOutcome { entry_id: Uuid::from_u128(1), status: 200, at: stage.app.clock.now() }],
    };
    assert_eq!(record(stage, &lines).await, 204);
    lines
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn who_did_what_is_found_by_whoever_may_look(db: PgPool) {
    let stage = Stage::new(db).await;
    let lines = stored(&stage).await;
    assert_eq!(record(&stage, &lines).await, 204, "twice changes nothing");
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let found = async |query: &str| -> Vec<(String, serde_json::Value)> {
        let answer = admin.ask(Operation::ListAudit, query, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let items = answer.body["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| (item["operation"].as_str().unwrap().to_owned(), item["status"].clone()))
            .collect()
    };
    let all = [("withdraw_role", json!(null)), ("list_stock", json!(null)), ("grant_role", json!(200))];
    assert_eq!(found("").await, all.clone().map(|(name, status)| (name.to_owned(), status)));
    assert_eq!(found("result=refused").await.len(), 1);
    assert_eq!(found(&format!("actor={}", Uuid::from_u128(101))).await.len(), 2);
    assert_eq!(found("operation=grant_role").await.len(), 1);
    let since = (stage.app.clock.now() + TimeDelta::seconds(2)).to_rfc3339().replace('+', "%2B");
    assert_eq!(found(&format!("since={since}")).await.len(), 2);
    assert_eq!(found(&format!("until={since}")).await.len(), 1);

    let page = admin.ask(Operation::ListAudit, "limit=2", None).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    assert_eq!(found(&format!("limit=2&cursor={cursor}")).await.len(), 1);
    for wrong in ["result=maybe".to_owned(), format!("operation={}", "a".repeat(65))] {
        assert_eq!(
            admin.ask(Operation::ListAudit, &wrong, None).await.problem(),
            "invalid-parameter",
            "{wrong}"
        );
    }
    let (ada, _) = holder(&stage, "ada@example.org", &["support"]).await;
    assert_eq!(ada.ask(Operation::ListAudit, "", None).await.problem(), "forbidden");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nothing_in_it_is_ever_changed_or_taken_out(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stored(&stage).await;
    for statement in [
        "update audit_entry set actor = null",
        "delete from audit_entry",
        "truncate audit_entry cascade",
        "update audit_outcome set status = 500",
        "delete from audit_outcome",
        "truncate audit_outcome",
    ] {
        let refused = db.execute(statement).await.unwrap_err();
        let constraint = refused.as_database_error().unwrap().constraint().map(str::to_owned);
        assert_eq!(constraint.as_deref(), Some("audit_append_only"), "{statement}");
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_outcome_of_nothing_is_left_out_and_too_many_lines_are_refused(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let outcome = AuditOutcome { entry_id: Uuid::from_u128(9), status: 200, at: stage.app.clock.now() };
    let lines = RecordAudit { entries: Vec::new(), outcomes: vec![outcome] };
    assert_eq!(record(&stage, &lines).await, 204);
    let kept: i64 = sqlx::query_scalar("select count(*) from audit_outcome").fetch_one(&db).await.unwrap();
    assert_eq!(kept, 0);
    let many = RecordAudit { entries: Vec::new(), outcomes: vec![outcome; 1_001] };
    assert_eq!(record(&stage, &many).await, 422);
    let order = stage.client.with("dapr-caller-app-id", "order");
    assert_eq!(order.ask(Operation::RecordAudit, "", Some(json!({}))).await.problem(), "forbidden");
}
