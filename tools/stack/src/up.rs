//! `stack up`: makes sure that nothing is in the way, starts the keeper, and tells how it gets on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::App;

use crate::part::open_log;
use crate::process::{self, MARK, PART};
use crate::progress::{Line, Reader};
use crate::secrets::{self, ADMINISTRATOR_EMAIL, ADMINISTRATOR_PASSWORD, Made, Vault};
use crate::trial::Links;
use crate::{Instance, daprd, down, first_order, instance, keep, links, postgres, say, status};

/// A step that takes longer says every so often that it is still at work.
const SAY_AGAIN: Duration = Duration::from_secs(3);

/// Starts everything, or says that it runs already; ends with the proof that an order goes through.
pub async fn run(instance: &Instance) -> anyhow::Result<()> {
    let began = Instant::now();
    instance.close_folders()?;
    let lock = std::fs::File::create(instance.run().join("up.lock"))?;
    if lock.try_lock().is_err() {
        bail!("another `./taskw up` of {} is at work; wait for it", instance.home.display());
    }
    if keep::running(instance).is_some() {
        let mut reader = Reader::from_start(instance);
        if !reader.news().contains(&Line::Ready) {
            say::line("a start is under way already; following it");
            follow(instance, &mut Reader::from_start(instance)).await?;
        }
        return already(instance).await;
    }
    let left = process::of_instance(&instance.home);
    if !left.is_empty() {
        say::line(format!("{} processes are left of an earlier start; stopping them", left.len()));
        down::sweep(instance).await?;
    }
    check_built(instance)?;
    instance.ports.check_free()?;
    match secrets::make(instance)? {
        Made::Now => say::line(format!("✓ secrets made in {}", instance.short(&instance.secrets()))),
        Made::Before => (),
    }
    first_order::forget(instance);
    let mut reader = Reader::begin(instance);
    start_keeper(instance)?;
    follow(instance, &mut reader).await?;
    first_order::prove(instance).await?;
    say::line(format!("up in {}", say::duration(began.elapsed())));
    closing(instance)
}

/// Says that it runs, and how well; an earlier `up` may have been killed before it came to the first order.
async fn already(instance: &Instance) -> anyhow::Result<()> {
    let lines = status::collect(instance).await?;
    let ill: Vec<&str> = lines.iter().filter(|line| !line.healthy).map(|line| line.part.as_str()).collect();
    if !ill.is_empty() {
        bail!(
            "it already runs, but is not healthy: {}\nnext: ./taskw status, \
             or ./taskw down and then ./taskw up",
            ill.join(", ")
        );
    }
    say::line("it already runs, and every part is healthy");
    first_order::prove(instance).await?;
    closing(instance)
}

fn closing(instance: &Instance) -> anyhow::Result<()> {
    let vault = Vault::open(instance)?;
    let gateway = instance.gateway_url();
    say::line(format!("\n  public API      {gateway}/v1"));
    say::line(format!("  documentation   {gateway}/docs"));
    say::line(format!("  OpenAPI         {gateway}/openapi.json"));
    say::line(format!(
        "  administrator   {}   password {}",
        vault.existing(ADMINISTRATOR_EMAIL)?,
        vault.existing(ADMINISTRATOR_PASSWORD)?
    ));
    say::line(format!("  logs            {}", instance.short(&instance.logs())));
    say::line("  next            ./taskw status · ./taskw logs order=<id> · ./taskw replay · ./taskw down");
    Ok(())
}

/// Everything that is started must have been built or downloaded.
fn check_built(instance: &Instance) -> anyhow::Result<()> {
    let mut needed = vec![
        postgres::program(instance, "postgres"),
        instance.tools().join("kafka").join("libs"),
        daprd::program(instance),
        instance.tools().join("dapr").join("sentry"),
        instance.tools().join("dapr").join("dapr"),
        instance.programs.join(crate::app::CARD_SANDBOX),
    ];
    needed.extend(App::ALL.map(|app| instance.programs.join(app.name())));
    if instance.trial.links == Links::Proxied {
        needed.push(links::program(instance));
    }
    let missing: Vec<String> = needed
        .iter()
        .filter(|path| !path.exists())
        .map(|path| format!("  {}", instance.short(path)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("not built yet:\n{}\nnext: ./taskw build", missing.join("\n"))
}

/// What the parts may inherit from the terminal. Anything else there, e.g. a DATABASE_URL, is not for them.
fn inherited() -> BTreeMap<OsString, OsString> {
    const NAMES: [&str; 11] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "TMPDIR",
        "JAVA_HOME",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            NAMES.contains(&name.as_ref()) || name.starts_with("OTEL_")
        })
        .collect()
}

fn start_keeper(instance: &Instance) -> anyhow::Result<()> {
    let log = open_log(&instance.log("keep"))?;
    std::process::Command::new(instance.programs.join("stack"))
        .arg("keep")
        .env_clear()
        .envs(inherited())
        .env(MARK, &instance.home)
        .env(PART, "keep")
        .env(instance::ROOT_VARIABLE, &instance.root)
        .env(instance::HOME_VARIABLE, &instance.home)
        .env(instance::OFFSET_VARIABLE, instance.ports.offset.to_string())
        .envs(instance.trial.variables())
        .current_dir(&instance.root)
        .process_group(0)
        .stdin(std::process::Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .spawn()
        .context("the keeper cannot be started")?;
    Ok(())
}

/// Tells what the keeper does until everything is ready.
async fn follow(instance: &Instance, reader: &mut Reader) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut at_work: Vec<String> = Vec::new();
    let mut last_said = Instant::now();
    let mut ready = Vec::new();
    loop {
        for line in reader.news() {
            match line {
                Line::Begun { step } => at_work.push(step),
                Line::Done { step, took } => {
                    at_work.retain(|other| *other != step);
                    last_said = Instant::now();
                    say::line(format!("✓ {step} ({took})"));
                }
                Line::Note { text } => ready.push(text.trim_end_matches(" is ready").to_owned()),
                Line::Ready => return Ok(()),
                Line::Failed { text } => {
                    bail!(
                        "{text}\nkeeper's log: {}\nnext: ./taskw logs app=<name>, then ./taskw up",
                        instance.short(&instance.log("keep"))
                    );
                }
            }
        }
        let keeper_gone = keep::running(instance).is_none() && began.elapsed() > Duration::from_secs(5);
        if keeper_gone {
            bail!("the keeper has ended; see {}\nnext: ./taskw up", instance.short(&instance.log("keep")));
        }
        if !ready.is_empty() {
            say::line(format!("  ready: {}", ready.join(", ")));
            ready.clear();
            last_said = Instant::now();
        }
        if !at_work.is_empty() && last_said.elapsed() > SAY_AGAIN {
            say::line(format!("  … {} ({})", at_work.join("; "), say::duration(began.elapsed())));
            last_said = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
