//! `bench gateway`: starts an instance of its own, measures it, prints what was found, and stops it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bench::gateway::{self, Profile, Report};
use clap::{Parser, Subcommand};
use stack::Instance;

/// Measures the whole system on this machine. Only ratios of one run mean something.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the gateway adds to a read, and reads beside log-ins and idle connections.
    Gateway {
        /// A few of each, to see that it works.
        #[arg(long)]
        short: bool,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Where the instance keeps its data and logs; it is emptied first.
    #[arg(long, default_value = ".local/test")]
    home: PathBuf,
    /// Is added to each of its ports.
    #[arg(long, default_value_t = 10_000)]
    port_offset: u16,
    /// Where the report goes, as JSON.
    #[arg(long, default_value = "target/bench")]
    reports: PathBuf,
    /// Leave it running at the end.
    #[arg(long)]
    keep: bool,
}

// One thread: an answer must not wait for another to wake up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().what).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads it any more when stderr is closed.
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every goal was met.
async fn run(what: What) -> anyhow::Result<bool> {
    let What::Gateway { short, place } = what;
    let root = std::env::current_dir().context("there is no working directory")?;
    let instance = Instance::new(&root, &place.home, place.port_offset)?;
    instance.reset()?;
    instance.up()?;
    let profile = if short { Profile::short() } else { Profile::full() };
    let report = gateway::run(&instance, &profile).await;
    if !place.keep {
        instance.down()?;
    }
    let report = report?;
    let file = write(&report, &root.join(&place.reports))?;
    writeln!(std::io::stdout(), "{report}report  {}", file.display()).context("cannot print the result")?;
    Ok(short || report.met())
}

fn write(report: &Report, folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = folder.join("gateway.json");
    std::fs::write(&file, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
