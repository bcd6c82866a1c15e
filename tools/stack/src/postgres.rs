//! The embedded PostgreSQL server: its data folder, its settings, and connections to it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};

use crate::Instance;
use crate::part::{Identity, Part, Stop, bound, open_log, write_whole};
use crate::process::Signal;
use crate::secrets::{POSTGRES_SUPERUSER, Vault};

/// How a server treats its disk and how many it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// Keeps what it has committed whatever happens.
    Durable,
    /// For tests: fast, and empty again after a crash of the machine.
    Throwaway,
}

pub const NAME: &str = "postgres";

/// Where PostgreSQL's programs lie, e.g. `bin/postgres`.
pub fn program(instance: &Instance, name: &str) -> PathBuf {
    instance.tools().join("postgres").join("bin").join(name)
}

pub fn data(instance: &Instance) -> PathBuf {
    instance.data().join(NAME)
}

/// The supervised server of an instance. SIGINT is its fast shutdown.
pub fn part(instance: &Instance) -> Part {
    Part {
        name: NAME.to_owned(),
        program: program(instance, "postgres"),
        arguments: arguments(&data(instance), instance.ports.postgres(), Settings::Durable),
        environment: vec![("TZ".to_owned(), "UTC".into())],
        folder: data(instance),
        log: instance.log(NAME),
        stop: Stop { signal: Signal::INT, patience: Duration::from_secs(20) },
        identity: Identity::NeverRoot,
        // After a restart of the machine its number may be another program's.
        stale: Some(data(instance).join("postmaster.pid")),
    }
}

/// The arguments of `postgres`; all settings stand here, none in its data folder.
pub fn arguments(data: &Path, port: u16, settings: Settings) -> Vec<OsString> {
    let common = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "shared_buffers=128MB".to_owned(),
        "password_encryption=scram-sha-256".to_owned(),
        "log_line_prefix=%m [%p] %q%u@%d ".to_owned(),
        "log_timezone=UTC".to_owned(),
        "timezone=UTC".to_owned(),
        "jit=off".to_owned(),
    ];
    let particular: &[&str] = match settings {
        Settings::Durable => &["max_connections=250", "wal_compression=on", "max_wal_size=1GB"],
        Settings::Throwaway => &[
            "max_connections=300",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_wal_size=1GB",
        ],
    };
    let settings = common.into_iter().chain(particular.iter().map(|setting| (*setting).to_owned()));
    let mut arguments: Vec<OsString> = vec!["-D".into(), data.into()];
    arguments.extend(settings.flat_map(|setting| [OsString::from("-c"), setting.into()]));
    arguments
}

/// Makes the data folder if there is none. It appears under its name only when it is complete.
pub async fn initialise(instance: &Instance, data: &Path, password: &str, log: &Path) -> anyhow::Result<()> {
    if data.join("PG_VERSION").is_file() {
        return Ok(());
    }
    let unfinished = data.with_extension("unfinished");
    let _ = std::fs::remove_dir_all(&unfinished);
    std::fs::create_dir_all(data.parent().context("the data folder lies in a folder")?)?;
    let password_file = data.with_extension("password");
    write_whole(&password_file, password.as_bytes())?;
    let output = open_log(log)?;
    let status = bound(Identity::NeverRoot, &program(instance, "initdb"))
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
        .args(["--locale-provider=builtin", "--locale=C.UTF-8"])
        .arg(format!("--pwfile={}", password_file.display()))
        .arg("-D")
        .arg(&unfinished)
        .stdin(std::process::Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .status()
        .await
        .with_context(|| format!("cannot run {}", program(instance, "initdb").display()))?;
    std::fs::remove_file(&password_file)?;
    if !status.success() {
        bail!("initdb failed ({status})");
    }
    std::fs::rename(&unfinished, data)?;
    Ok(())
}

/// A connection as the superuser.
pub async fn connect(port: u16, password: &str, database: &str) -> sqlx::Result<PgConnection> {
    options(port, "postgres", password, database).connect().await
}

/// How to reach a database on loopback; there is no TLS on it.
pub fn options(port: u16, user: &str, password: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(user)
        .password(password)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging()
}

/// Waits until the server answers queries.
pub async fn wait_ready(port: u16, password: &str, patience: Duration) -> anyhow::Result<PgConnection> {
    let began = Instant::now();
    loop {
        match connect(port, password, "postgres").await {
            Ok(connection) => return Ok(connection),
            Err(error) if began.elapsed() > patience => {
                return Err(error).context(format!("PostgreSQL does not answer on port {port}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The superuser's password of an instance.
pub fn superuser_password(instance: &Instance) -> anyhow::Result<String> {
    Vault::open(instance)?.existing(POSTGRES_SUPERUSER)
}
