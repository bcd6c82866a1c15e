//! The table behind Dapr's configuration store: what it tells, what it takes, and who may read it.

use serde_json::{Value, json};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};

use crate::Stage;

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_wakes_the_sidecars_and_keeps_the_value_to_itself(db: PgPool) {
    let mut listener = PgListener::connect_with(&db).await.unwrap();
    listener.listen("config").await.unwrap();
    let stage = Stage::new(db.clone()).await;
    stage.set("order.deadline", "\"0\"", json!({"value": 600, "reason": "because"})).await;
    stage.set("order.deadline", "\"1\"", json!({"value": 700, "reason": "because"})).await;
    db.execute("delete from configuration").await.unwrap();

    let mut told = Vec::new();
    for _ in 0..3 {
        let message = listener.recv().await.unwrap();
        told.push(serde_json::from_str::<Value>(message.payload()).unwrap());
    }
    let wake_up = |action: &str, version: &str| {
        json!({"table": "configuration", "action": action,
            "data": {"key": "order.deadline", "value": "", "version": version, "metadata": {}}})
    };
    assert_eq!(told, [wake_up("INSERT", "1"), wake_up("UPDATE", "2"), wake_up("DELETE", "2")]);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn no_row_that_would_stop_a_sidecar_can_be_written(db: PgPool) {
    for values in [
        "null, '1', '1', '{}'",
        "'a', null, '1', '{}'",
        "'a', '1', null, '{}'",
        "'a', '1', '1', null",
        "'a', '1', '1', '[]'",
        "'a', '1', '1', 'null'",
        "'a', '1', '1', '{\"ttl\": 5}'",
        "'a', '1', '1', '{\"ttl\": null}'",
        "'a', '1', '1', '{\"ttl\": [\"5\"]}'",
        "'a', '1', 'one', '{}'",
        "'a', '1', '0', '{}'",
        "'a-b', '1', '1', '{}'",
    ] {
        let insert = format!("insert into configuration (key, value, version, metadata) values ({values})");
        assert!(db.execute(AssertSqlSafe(insert)).await.is_err(), "{values}");
    }
    db.execute("insert into configuration (key, value, version, metadata) values ('a.b_1', '1', '1', '{\"ttl\": \"5\"}')")
        .await
        .unwrap();
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_sidecars_role_reads_this_table_and_nothing_else(db: PgPool) {
    let mut connection = db.acquire().await.unwrap();
    connection.execute("set role configuration_reader").await.unwrap();
    connection.execute("select * from configuration").await.unwrap();
    for statement in [
        "select * from configuration_change",
        "select * from configuration_head",
        "select * from outbox",
        "delete from configuration",
    ] {
        let mut attempt = connection.begin().await.unwrap();
        let refused = attempt.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
    connection.execute("reset role").await.unwrap();
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn columns_stand_in_the_order_in_which_sidecars_scan_them(db: PgPool) {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns
         where table_name = 'configuration' order by ordinal_position",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(columns, ["key", "value", "version", "metadata"]);
}
