//! The table behind Dapr's configuration store: whom it tells what, what it takes, and who may read it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::postgres::{PgListener, PgPool};
use sqlx::{AssertSqlSafe, Connection, Executor};

const ROW: &str = "insert into configuration (key, value, version, metadata) values";

/// The channels of two sidecars, as `./taskw up` would make them.
async fn channels(db: &PgPool) -> [String; 2] {
    let channels = ["order", "payment"].map(|app| format!("wake_{}_{app}", "0".repeat(32)));
    for (app, channel) in ["order", "payment"].iter().zip(&channels) {
        sqlx::query("insert into configuration_channel (app, channel) values ($1, $2)")
            .bind(app)
            .bind(channel)
            .execute(db)
            .await
            .unwrap();
    }
    channels
}

/// Everything told until somebody says `done` on the channel that everybody knows.
async fn told(mut listener: PgListener, db: &PgPool) -> BTreeSet<(String, String)> {
    db.execute("notify config, 'done'").await.unwrap();
    let mut told = BTreeSet::new();
    loop {
        let message = listener.recv().await.unwrap();
        if (message.channel(), message.payload()) == ("config", "done") {
            return told;
        }
        assert!(told.insert((message.channel().to_owned(), message.payload().to_owned())));
    }
}

async fn listener(db: &PgPool, channels: &[String; 2]) -> PgListener {
    let mut listener = PgListener::connect_with(db).await.unwrap();
    listener.listen_all(channels.iter().map(String::as_str).chain(["config"])).await.unwrap();
    listener
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_change_wakes_each_sidecar_on_its_channel_and_keeps_the_value_to_itself(db: PgPool) {
    let channels = channels(&db).await;
    let listener = listener(&db, &channels).await;
    db.execute(AssertSqlSafe(format!("{ROW} ('order.deadline', '10m', '1', '{{}}')"))).await.unwrap();
    db.execute("update configuration set value = '11m', version = '2'").await.unwrap();
    db.execute("delete from configuration").await.unwrap();

    let wake_up = |action: &str, version: &str| {
        json!({"table": "configuration", "action": action,
            "data": {"key": "order.deadline", "value": "", "version": version, "metadata": {}}})
    };
    let words = [wake_up("INSERT", "1"), wake_up("UPDATE", "2"), wake_up("DELETE", "2")];
    let told = told(listener, &db).await;
    assert_eq!(told.len(), words.len() * channels.len(), "nobody else is told anything: {told:?}");
    for channel in channels {
        let heard = told.iter().filter(|(on, _)| *on == channel);
        let heard = heard.map(|(_, word)| serde_json::from_str(word).unwrap()).collect::<Vec<Value>>();
        assert!(words.iter().all(|word| heard.contains(word)), "{heard:?}");
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_service_wakes_sidecars_whose_channels_it_does_not_know(db: PgPool) {
    let channels = channels(&db).await;
    let listener = listener(&db, &channels).await;
    db.execute("grant insert on configuration to config_app").await.unwrap();
    let mut service = db.acquire().await.unwrap();
    service.execute("set role config_app").await.unwrap();
    for statement in [
        "select * from configuration_channel",
        "update configuration_channel set channel = repeat('a', 32)",
        "create function mine() returns trigger language plpgsql as 'begin return null; end'",
    ] {
        refused(&mut service, statement).await;
    }
    service.execute(AssertSqlSafe(format!("{ROW} ('order.deadline', '10m', '1', '{{}}')"))).await.unwrap();
    service.execute("reset role").await.unwrap();
    assert_eq!(told(listener, &db).await.len(), channels.len());
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn no_row_that_would_stop_a_sidecar_can_be_written(db: PgPool) {
    let (long, huge) = ("9".repeat(4_097), format!(r#"{{"scopes": "{}"}}"#, "9".repeat(131_072)));
    let values = [
        "null, '1', '1', '{}'",
        "'a', null, '1', '{}'",
        "'a', '1', null, '{}'",
        "'a', '1', '1', null",
        "'a', '1', '1', '[]'",
        "'a', '1', '1', 'null'",
        "'a', '1', '1', '{\"ttl\": 5}'",
        "'a', '1', '1', '{\"ttl\": null}'",
        "'a', '1', '1', '{\"ttl\": [\"5\"]}'",
        "'a', '1', '1', '{\"a\": \"b\", \"ttl\": {\"a\": \"b\"}}'",
        "'a', '1', 'one', '{}'",
        "'a', '1', '0', '{}'",
        "'a', '1', '-1', '{}'",
        "'a', '1', '1.0', '{}'",
        "'a', '1', '1000000000000000000', '{}'",
        "'a-b', '1', '1', '{}'",
        "'A', '1', '1', '{}'",
        "'', '1', '1', '{}'",
    ];
    let large = [format!("'a', '{long}', '1', '{{}}'"), format!("'a', '1', '1', '{huge}'")];
    for values in values.into_iter().chain(large.iter().map(String::as_str)) {
        let insert = format!("{ROW} ({values})");
        assert!(db.execute(AssertSqlSafe(insert)).await.is_err(), "{}", &values[..values.len().min(80)]);
    }
    let row = format!("{ROW} ('a.b_1', '1', '1', '{{\"ttl\": \"5\"}}')");
    db.execute(AssertSqlSafe(row.clone())).await.unwrap();
    assert!(db.execute(AssertSqlSafe(row)).await.is_err(), "no key has two rows");
    assert!(db.execute("update configuration set metadata = '{\"ttl\": 5}'").await.is_err());
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn the_sidecars_role_reads_this_table_and_nothing_else(db: PgPool) {
    let mut sidecar = db.acquire().await.unwrap();
    sidecar.execute("set role configuration_reader").await.unwrap();
    sidecar.execute("select * from configuration").await.unwrap();
    for statement in [
        "select * from configuration_change",
        "select * from configuration_head",
        "select * from configuration_channel",
        "select * from configuration_report",
        "select * from configuration_trial",
        "select * from outbox",
        "insert into configuration (key, value, version) values ('a', '1', '1')",
        "update configuration set value = '1'",
        "delete from configuration",
        "truncate configuration",
        "create table mine (id integer)",
    ] {
        refused(&mut sidecar, statement).await;
    }
    sidecar.execute("reset role").await.unwrap();
}

async fn refused(connection: &mut sqlx::PgConnection, statement: &'static str) {
    let mut attempt = connection.begin().await.unwrap();
    let refused = attempt.execute(statement).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
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
