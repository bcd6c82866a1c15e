//! A service's own database: the address from the secret store, migrations as its owner, rows as itself.

use std::time::Duration;

use contracts::App;
use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};

use crate::Sidecar;

/// Connections of one replica; a handler that finds none free for [`ACQUIRE`] answers that it is unavailable.
const CONNECTIONS: u32 = 12;
const ACQUIRE: Duration = Duration::from_secs(4);
/// Between two attempts to reach a database that is away.
const RETRY: Duration = Duration::from_millis(500);

/// Why a service has no database to start with.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the secret `database` cannot be read")]
    Secret(#[from] crate::SidecarError),
    #[error("the address in the secret `database` cannot be read")]
    Address(#[source] sqlx::Error),
    #[error("the migrations cannot be applied")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("the database refuses its owner's role")]
    Role(#[source] sqlx::Error),
}

/// Waits for the database, brings it up to date under sqlx's lock, and opens the pool.
///
/// # Errors
/// When the secret, its address or a migration is wrong; a database that is away is waited for.
pub async fn connect(sidecar: &Sidecar, app: App, migrator: &Migrator) -> Result<PgPool, DatabaseError> {
    let secret = sidecar.secret("database").await?;
    let url = secret.get("url")?.expose_secret();
    let options: PgConnectOptions = url.parse().map_err(DatabaseError::Address)?;
    let options = options
        .application_name(app.name())
        .options([("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s")]);

    let mut connection = reach(&options).await;
    connection
        .execute(AssertSqlSafe(format!("set role {app}_owner; set statement_timeout = 0")))
        .await
        .map_err(DatabaseError::Role)?;
    migrator.run(&mut connection).await.map_err(DatabaseError::Migration)?;
    if let Err(error) = connection.close().await {
        tracing::warn!(error = %error, "the migrations' connection did not close");
    }

    Ok(pool().connect_lazy_with(options))
}

/// How a service's pool is set up.
///
/// A step that is dropped while its `begin` is on the way leaves a transaction open that sqlx does not know of: what
/// its connection wrote next, outside a transaction, would be kept from everybody and lost in the end. So every
/// connection that comes back is rolled back; the `begin` keeps the server from warning where nothing is open.
pub fn pool() -> PgPoolOptions {
    PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE).after_release(
        |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql("begin; rollback").execute(connection).await?;
                Ok(true)
            })
        },
    )
}

async fn reach(options: &PgConnectOptions) -> PgConnection {
    loop {
        match options.connect().await {
            Ok(connection) => return connection,
            Err(error) => tracing::warn!(error = %error, "waiting for the database"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
