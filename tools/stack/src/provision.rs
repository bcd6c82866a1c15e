//! Brings an instance's PostgreSQL into the state that the services and sidecars expect: roles, databases, and
//! the configuration table, which must be there before the first sidecar asks for it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use contracts::App;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions};

use crate::secrets::{self, Vault};
use crate::{Instance, postgres, roles};

/// The migrations of a service's database.
pub fn migrations(root: &Path, app: App) -> PathBuf {
    root.join("migrations").join(app.name())
}

/// Makes roles and databases, and applies the migrations of `config`.
pub async fn provision(instance: &Instance) -> anyhow::Result<()> {
    let vault = Vault::open(instance)?;
    let port = instance.ports.postgres();
    let superuser = vault.existing(secrets::POSTGRES_SUPERUSER)?;
    let mut server = postgres::connect(port, &superuser, "postgres").await?;
    roles::provision_roles(&mut server, |role| vault.existing(&secrets::database_password(role))).await?;
    roles::close_others(&mut server).await?;
    for app in roles::databases() {
        roles::provision_database(&mut server, app, app.name()).await?;
        let mut database = postgres::connect(port, &superuser, app.name()).await?;
        roles::provision_schema(&mut database, app).await?;
    }
    let [login, _] = secrets::login_roles(App::Config);
    let password = vault.existing(&secrets::database_password(&login))?;
    migrate(&instance.root, App::Config, postgres::options(port, &login, &password, App::Config.name()))
        .await?;
    provision_readers(&vault, port).await
}

/// Gives every login role the password that the vault names, and every sidecar its channel.
pub async fn logins(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    let port = instance.ports.postgres();
    let superuser = vault.existing(secrets::POSTGRES_SUPERUSER)?;
    let mut server = postgres::connect(port, &superuser, "postgres").await?;
    roles::provision_roles(&mut server, |role| vault.existing(&secrets::database_password(role))).await?;
    provision_readers(vault, port).await
}

/// Ends what is still open in the name of these roles, and what sidecars' roles have opened before that time.
pub async fn end_sessions(
    instance: &Instance,
    vault: &Vault,
    roles: &[String],
    before: DateTime<Utc>,
) -> anyhow::Result<()> {
    let superuser = vault.existing(secrets::POSTGRES_SUPERUSER)?;
    let mut server = postgres::connect(instance.ports.postgres(), &superuser, "postgres").await?;
    roles::end_sessions(&mut server, roles, before).await
}

async fn provision_readers(vault: &Vault, port: u16) -> anyhow::Result<()> {
    let superuser = vault.existing(secrets::POSTGRES_SUPERUSER)?;
    let mut database = postgres::connect(port, &superuser, App::Config.name()).await?;
    let channel = |app| vault.existing(&secrets::notify_channel(app));
    roles::provision_readers(&mut database, App::Config.name(), channel).await
}

/// Applies a service's migrations as the owner of its database.
pub async fn migrate(root: &Path, app: App, options: sqlx::postgres::PgConnectOptions) -> anyhow::Result<()> {
    let folder = migrations(root, app);
    let migrator = Migrator::new(folder.as_path())
        .await
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut connection = options.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(format!("set role {app}_owner"))).execute(&mut connection).await?;
    migrator.run(&mut connection).await.with_context(|| format!("the migrations of {app} cannot be applied"))
}
