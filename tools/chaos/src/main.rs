//! `chaos --seed N --minutes M`: starts an instance of its own, tries it, prints what was found, and stops it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chaos::{USUAL_RATE, Wish};
use clap::Parser;

/// Drives orders through the whole system while it breaks one part after another.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// Orders and faults follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=600))]
    minutes: u64,
    /// Orders a minute.
    #[arg(long, default_value_t = USUAL_RATE)]
    rate: u64,
    /// Where the instance keeps its data and logs; it is emptied first.
    #[arg(long, default_value = ".local/test")]
    home: PathBuf,
    /// Is added to each of its ports.
    #[arg(long, default_value_t = 10_000)]
    port_offset: u16,
    /// Where the reports go.
    #[arg(long, default_value = "target/chaos")]
    reports: PathBuf,
    /// Leave it running at the end.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads it any more when stderr is closed.
            let _ = writeln!(std::io::stderr(), "chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let root = std::env::current_dir().context("there is no working directory")?;
    let instance = chaos::instance(&root, &arguments.home, arguments.port_offset)?;
    instance.reset()?;
    instance.up()?;
    let wish = Wish {
        seed: arguments.seed,
        length: Duration::from_secs(arguments.minutes * 60),
        rate: arguments.rate,
        command: format!("./taskw chaos --seed {} --minutes {}", arguments.seed, arguments.minutes),
    };
    let report = chaos::run(&instance, &wish).await;
    if !arguments.keep {
        instance.down()?;
    }
    let report = report?;
    let page = report.write(&root.join(&arguments.reports))?;
    writeln!(std::io::stdout(), "{report}  report    {}", page.display())
        .context("cannot print the result")?;
    Ok(report.passed)
}
