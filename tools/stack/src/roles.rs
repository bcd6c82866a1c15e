//! Who may do what in PostgreSQL: per database an owner that cannot log in and runs the migrations, a group with
//! rights on rows, and two login roles used in turn; besides, a role for each sidecar, which reads the configuration.
//!
//! Everything here can be said again at any time.

use chrono::{DateTime, Utc};
use contracts::App;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::secrets::{login_roles, sidecar_role};

/// What the roles of the sidecars have in common: they may read the configuration table.
pub const READERS: &str = "configuration_reader";

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
    // A statement that fails would stand in the log with its passwords.
    run(&mut transaction, "set local log_min_error_statement = panic").await?;
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
    // In an instance of before it could log in.
    run(&mut transaction, &role(READERS, "nologin password null")).await?;
    for app in App::ALL {
        let sidecar = sidecar_role(app);
        run(&mut transaction, &role(&sidecar, &login_attributes(&password(&sidecar)?))).await?;
        run(&mut transaction, &format!("grant {READERS} to {sidecar} with inherit true, set false")).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Ends every session of these roles, and those of sidecars that were opened `before`.
pub async fn end_sessions(
    connection: &mut PgConnection,
    roles: &[String],
    before: DateTime<Utc>,
) -> anyhow::Result<()> {
    let statement = "select pg_terminate_backend(pid) from pg_stat_activity
        where usename = any($1) or (usename = any($2) and backend_start < $3)";
    sqlx::query(statement)
        .bind(roles)
        .bind(App::ALL.map(sidecar_role).as_slice())
        .bind(before)
        .execute(connection)
        .await?;
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
        for_the_service_alone(app),
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

/// Lets the sidecars read the configuration table, and nothing else, once the table is there, and has it tell each of
/// them on the channel that `channel` gives.
pub async fn provision_readers(
    connection: &mut PgConnection,
    database: &str,
    channel: impl Fn(App) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    run(connection, &format!("grant connect on database \"{database}\" to {READERS}")).await?;
    run(connection, &format!("grant usage on schema public to {READERS}")).await?;
    run(connection, &format!("grant select on configuration to {READERS}")).await?;
    for app in App::ALL {
        sqlx::query(
            "insert into configuration_channel (app, channel) values ($1, $2)
             on conflict on constraint configuration_channel_pkey do update set channel = excluded.channel",
        )
        .bind(app.name())
        .bind(channel(app)?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// PostgreSQL lets everybody who connects store large objects and hold advisory locks, the migrations' among them.
fn for_the_service_alone(app: App) -> String {
    format!(
        "do $rights$ declare each regprocedure; begin \
           for each in select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace \
             and (proname ~ '^(lo_|lowrite$|loread$)' or proname ~ '^pg_(try_)?advisory_') loop \
             execute format('revoke execute on function %s from public', each); \
             execute format('grant execute on function %s to {app}_app, {app}_owner', each); \
           end loop; \
         end $rights$"
    )
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
