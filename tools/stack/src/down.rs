//! `stack down` and `stack reset`: stop everything kindly, then whatever is left, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::part::Record;
use crate::process::{self, Process, Signal};
use crate::progress::{Line, Reader};
use crate::{Instance, dev, keep, postgres, say};

/// Stopping every part in turn takes at most so long.
const PATIENCE: Duration = Duration::from_secs(90);
const KINDLY: Duration = Duration::from_secs(12);

/// Stops everything; tells when nothing ran.
pub async fn run(instance: &Instance) -> anyhow::Result<()> {
    let began = Instant::now();
    if process::of_instance(&instance.home).is_empty() {
        say::line("nothing runs");
        return Ok(());
    }
    if let Some(keeper) = keep::running(instance) {
        follow(instance, &keeper).await?;
    }
    sweep(instance).await?;
    Record::clear(instance);
    say::line(format!("down in {}", say::duration(began.elapsed())));
    Ok(())
}

/// What `reset` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    KeepTools,
    All,
}

/// Stops everything and removes data, logs and secrets.
pub async fn reset(instance: &Instance, reset: Reset) -> anyhow::Result<()> {
    run(instance).await?;
    let mut folders = vec![
        instance.data(),
        instance.logs(),
        instance.run(),
        instance.secrets(),
        instance.home.join("dapr"),
        instance.home.join("runtime"),
    ];
    if reset == Reset::All {
        dev::remove(instance)?;
        folders.push(instance.tools());
    }
    for folder in folders.iter().filter(|folder| folder.exists()) {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        say::line(format!("removed {}", instance.short(folder)));
    }
    Ok(())
}

/// Ends every process that carries the mark of the instance, first kindly and then not.
pub async fn sweep(instance: &Instance) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut told = Vec::new();
    loop {
        let left = process::of_instance(&instance.home);
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > 2 * KINDLY {
            let names: Vec<String> =
                left.iter().map(|process| format!("{} ({})", process.program(), process.pid)).collect();
            bail!("these processes do not end: {}", names.join(", "));
        }
        for process in &left {
            if began.elapsed() > KINDLY {
                process::send(process, Signal::KILL)?;
            } else if !told.contains(&process.id()) {
                told.push(process.id());
                process::send(process, kind_signal(instance, process))?;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// SIGTERM would let PostgreSQL wait for its clients to leave.
fn kind_signal(instance: &Instance, process: &Process) -> Signal {
    if process.is_part(&instance.home, postgres::NAME) { Signal::INT } else { Signal::TERM }
}

async fn follow(instance: &Instance, keeper: &Process) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut reader = Reader::begin_at_end(instance);
    process::send(keeper, Signal::TERM)?;
    while keeper.id().find().is_some() {
        if began.elapsed() > PATIENCE {
            say::warn("the keeper does not end; stopping every process itself");
            return Ok(());
        }
        for line in reader.news() {
            if let Line::Done { step, took } = line {
                say::line(format!("✓ {step} ({took})"));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for line in reader.news() {
        if let Line::Done { step, took } = line {
            say::line(format!("✓ {step} ({took})"));
        }
    }
    Ok(())
}
