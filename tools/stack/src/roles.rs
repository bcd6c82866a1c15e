//! Who may do what in PostgreSQL: per database an owner that cannot log in and runs the migrations, a group with
//! rights on rows, and two login roles used in turn; besides, the reader of the configuration table.
//!
//! Everything here can be said again at any time.

use contracts::App;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::secrets::login_roles;

/// Serialises concurrent provisioning of one server.
const LOCK: i64 = 7_205_101;

/// Every app with a database of its name.
pub fn databases() -> impl Iterator<Item = App> {
    App::ALL.into_iter().filter(|app| app.has_database())
}

/// Makes the roles, with the passwords that `password` gives for each login role.
pub async fn provision_roles(
    connection: &mut PgConnection,
    password: impl Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    for app in databases() {
        run(&mut transaction, &role(&format!("{app}_owner"), "nologin")).await?;
        run(&mut transaction, &role(&format!("{app}_app"), "nologin")).await?;
        for login in login_roles(app) {
            run(&mut transaction, &role(&login, &login_attributes(&password(&login)?))).await?;
            run(&mut transaction, &format!("grant {app}_app to {login} with inherit true, set false"))
                .await?;
            run(&mut transaction, &format!("grant {app}_owner to {login} with inherit false, set true"))
                .await?;
        }
    }
    let reader = "configuration_reader";
    run(&mut transaction, &role(reader, &login_attributes(&password(reader)?))).await?;
    transaction.commit().await?;
    Ok(())
}

/// Makes a database for `app` if there is none.
pub async fn provision_database(
    connection: &mut PgConnection,
    app: App,
    database: &str,
) -> anyhow::Result<()> {
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        run(connection, &format!("create database \"{database}\" owner {app}_owner")).await?;
    }
    run(connection, &format!("revoke all on database \"{database}\" from public")).await?;
    run(connection, &format!("grant connect on database \"{database}\" to {app}_app, {app}_owner")).await?;
    Ok(())
}

/// Takes from everybody the databases that PostgreSQL itself brings: a login role opens the one of its service.
pub async fn close_others(connection: &mut PgConnection) -> anyhow::Result<()> {
    for database in ["postgres", "template1"] {
        run(connection, &format!("revoke connect, temporary on database {database} from public")).await?;
    }
    Ok(())
}

/// Gives the rights inside a database that `connection` is connected to.
pub async fn provision_schema(connection: &mut PgConnection, app: App) -> anyhow::Result<()> {
    let statements = [
        format!("alter schema public owner to {app}_owner"),
        "revoke all on schema public from public".to_owned(),
        format!("grant usage on schema public to {app}_app"),
        format!(
            "alter default privileges for role {app}_owner in schema public \
             grant select, insert, update, delete on tables to {app}_app"
        ),
        format!(
            "alter default privileges for role {app}_owner in schema public \
             grant usage, select on sequences to {app}_app"
        ),
    ];
    for statement in statements {
        run(connection, &statement).await?;
    }
    Ok(())
}

/// Lets the sidecars read the configuration table, and nothing else, once the table is there.
pub async fn provision_reader(connection: &mut PgConnection, database: &str) -> anyhow::Result<()> {
    run(connection, &format!("grant connect on database \"{database}\" to configuration_reader")).await?;
    run(connection, "grant usage on schema public to configuration_reader").await?;
    run(connection, "grant select on configuration to configuration_reader").await
}

fn login_attributes(password: &str) -> String {
    format!("login password '{}'", password.replace('\'', "''"))
}

/// Makes a role if there is none, and gives it these attributes in any case.
fn role(name: &str, attributes: &str) -> String {
    format!(
        "do $role$ begin \
           if not exists (select from pg_roles where rolname = '{name}') then create role {name}; end if; \
         end $role$; \
         alter role {name} with nosuperuser nocreatedb nocreaterole {attributes}"
    )
}

/// The names in these statements are our own constants and the passwords our own random text.
async fn run(connection: &mut PgConnection, statement: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await?;
    Ok(())
}
