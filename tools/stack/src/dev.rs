//! A throwaway PostgreSQL for tests and for checking queries at build time.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use contracts::App;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::part::{Identity, namespace_words, open_log, write_whole};
use crate::postgres::{self, Settings};
use crate::{Instance, ports, process, provision, roles, say, secrets};

const USUAL_PORT: u16 = 25_499;

/// A running throwaway server.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    pub password: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Server {
    /// The superuser's address of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }
}

/// Starts the server, or finds it running, and makes the roles on it.
pub async fn start(instance: &Instance) -> anyhow::Result<Server> {
    let folder = folder(instance);
    std::fs::create_dir_all(&folder)?;
    let lock = std::fs::File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the test server")?;
    let password = password(instance)?;
    postgres::initialise(instance, &data(instance), &password, &log(instance)).await?;
    let server = match running(instance, &password).await {
        Some(server) => server,
        None => launch(instance, password).await?,
    };
    let mut connection =
        postgres::wait_ready(server.port, &server.password, Duration::from_secs(20)).await.with_context(
            || format!("the test server has not started; see {}", instance.short(&log(instance))),
        )?;
    roles::provision_roles(&mut connection, |_| Ok(server.password.clone())).await?;
    Ok(server)
}

/// Stops the server and removes all of it.
pub fn remove(instance: &Instance) -> anyhow::Result<()> {
    stop(instance)?;
    if folder(instance).exists() {
        std::fs::remove_dir_all(folder(instance))?;
    }
    Ok(())
}

/// Stops the server, if it runs.
pub fn stop(instance: &Instance) -> anyhow::Result<()> {
    if !data(instance).join("postmaster.pid").exists() {
        return Ok(());
    }
    // It may have been killed before, which pg_ctl calls a failure to stop.
    let output = control(instance, &["stop", "-m", "fast", "-w"]).output().context("cannot run pg_ctl")?;
    if !output.status.success() && data(instance).join("postmaster.pid").exists() {
        say::warn(String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Makes `dev_<app>` for each service, with its migrations applied, and gives the lines that name them.
pub async fn migrate(instance: &Instance) -> anyhow::Result<String> {
    let server = start(instance).await?;
    let mut connection = postgres::connect(server.port, &server.password, "postgres").await?;
    let mut lines = String::new();
    writeln!(lines, "export DATABASE_URL={}", server.url("postgres"))?;
    for app in roles::databases() {
        migrate_one(instance, &server, &mut connection, app).await?;
        let variable = app.name().to_uppercase();
        writeln!(lines, "export {variable}_DATABASE_URL={}", server.url(&format!("dev_{app}")))?;
    }
    Ok(lines)
}

async fn migrate_one(
    instance: &Instance,
    server: &Server,
    connection: &mut PgConnection,
    app: App,
) -> anyhow::Result<()> {
    let database = format!("dev_{app}");
    make(server, connection, app, &database).await?;
    if !provision::migrations(&instance.root, app).is_dir() {
        say::warn(format!("migrations/{app} does not exist yet; {database} is empty"));
        return Ok(());
    }
    let [login, _] = secrets::login_roles(app);
    let options = || postgres::options(server.port, &login, &server.password, &database);
    if let Err(first) = provision::migrate(&instance.root, app, options()).await {
        // A migration was changed before its release: what it made here can be made anew.
        say::warn(format!("{first:#}; {database} is made anew"));
        let statement = format!("drop database \"{database}\" with (force)");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        make(server, connection, app, &database).await?;
        provision::migrate(&instance.root, app, options()).await?;
    }
    Ok(())
}

async fn make(
    server: &Server,
    connection: &mut PgConnection,
    app: App,
    database: &str,
) -> anyhow::Result<()> {
    roles::provision_database(connection, app, database).await?;
    let mut inside = postgres::connect(server.port, &server.password, database).await?;
    roles::provision_schema(&mut inside, app).await
}

async fn running(instance: &Instance, password: &str) -> Option<Server> {
    // The fourth line of PostgreSQL's lock file is its port.
    let lock = std::fs::read_to_string(data(instance).join("postmaster.pid")).ok()?;
    let port = lock.lines().nth(3)?.parse().ok()?;
    postgres::connect(port, password, "postgres").await.ok()?;
    Some(Server { port, password: password.to_owned() })
}

async fn launch(instance: &Instance, password: String) -> anyhow::Result<Server> {
    if !process::all().iter().any(|process| process.serves(&data(instance))) {
        // The number in it may be another program's by now.
        let _ = std::fs::remove_file(data(instance).join("postmaster.pid"));
    }
    let port = if ports::free(USUAL_PORT) { USUAL_PORT } else { ports::any_free()? };
    let settings: Vec<String> = postgres::arguments(&data(instance), port, Settings::Throwaway)
        .into_iter()
        .skip(2)
        .map(|argument| format!("'{}'", argument.to_string_lossy()))
        .collect();
    let output = open_log(&log(instance))?;
    let status = control(instance, &["start", "-w", "-t", "30", "-o", &settings.join(" ")])
        .stdin(std::process::Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .status()
        .context("cannot run pg_ctl")?;
    if !status.success() {
        bail!("the test server has not started; see {}", instance.short(&log(instance)));
    }
    Ok(Server { port, password })
}

fn control(instance: &Instance, arguments: &[&str]) -> std::process::Command {
    let mut words = namespace_words(Identity::NeverRoot);
    words.push(postgres::program(instance, "pg_ctl").into());
    let mut words = words.into_iter();
    let mut command = std::process::Command::new(words.next().expect("invariant: there is at least pg_ctl"));
    command.args(words).arg("-D").arg(data(instance)).args(arguments);
    command
}

fn password(instance: &Instance) -> anyhow::Result<String> {
    let path = folder(instance).join("password");
    if !path.exists() {
        write_whole(&path, secrets::random()?.as_bytes())?;
    }
    secrets::read_trimmed(&path)
}

fn folder(instance: &Instance) -> PathBuf {
    instance.root.join(".local").join("test-postgres")
}

fn data(instance: &Instance) -> PathBuf {
    folder(instance).join("data")
}

fn log(instance: &Instance) -> PathBuf {
    folder(instance).join("postgres.log")
}
