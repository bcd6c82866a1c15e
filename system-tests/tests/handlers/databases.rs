//! A database for each service, made for this test and dropped at its end.

use sidecar::database;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

/// Where the test server is.
fn server() -> PgConnectOptions {
    std::env::var("DATABASE_URL").expect("DATABASE_URL names a PostgreSQL server").parse().unwrap()
}

fn name(service: &str) -> String {
    format!("handlers_{service}_{}", std::process::id())
}

async fn execute(statement: String) {
    let mut server = PgConnection::connect_with(&server()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut server).await.unwrap();
    server.close().await.unwrap();
}

/// A new database with the service's tables. What commits need not reach the disk: no test cuts the power.
pub async fn create(service: &str, migrator: &Migrator) -> PgPool {
    let name = name(service);
    execute(format!("drop database if exists {name} with (force)")).await;
    execute(format!("create database {name}")).await;
    execute(format!("alter database {name} set synchronous_commit = off")).await;
    let options = server().database(&name).options([("client_min_messages", "error")]);
    let pool = database::pool().connect_with(options).await.unwrap();
    migrator.run(&pool).await.unwrap();
    pool
}

pub async fn drop(service: &str) {
    execute(format!("drop database if exists {} with (force)", name(service))).await;
}
