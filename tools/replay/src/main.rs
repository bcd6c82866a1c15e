//! `replay [FILE]`: reads the arguments, replays, prints the table.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use replay::{Door, Options, Report, Show, Source, customers};

/// Pushes a real shop's orders through the gateway and checks that everything agrees at the end.
#[derive(Parser)]
#[command(name = "replay")]
struct Arguments {
    /// A file of the same shape as the one that comes along (tools/replay/data), which is taken otherwise.
    file: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
    /// Requests under way at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// The customers' passwords follow from it; their accounts are test data.
    #[arg(long, default_value = customers::DEFAULT_SEED)]
    seed: String,
    /// Seconds for which a request is repeated while it is turned away or not answered.
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// Seconds after which an order that has not ended counts as open.
    #[arg(long, default_value_t = 1_000)]
    longest_wait: u64,
    /// Writes the result as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match replay(arguments).await {
        Ok(report) if report.passed() => ExitCode::SUCCESS,
        Ok(report) => {
            for failure in report.failures() {
                complain(&format!("{}: {}", failure.name, failure.finding));
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn replay(arguments: Arguments) -> anyhow::Result<Report> {
    let json = arguments.json.clone();
    let report = replay::run(options(arguments)?).await?;
    write!(std::io::stdout(), "{report}").context("cannot print the result")?;
    if let Some(path) = json {
        let content = serde_json::to_vec_pretty(&report).context("cannot write the result as JSON")?;
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

fn options(arguments: Arguments) -> anyhow::Result<Options> {
    let administrator = arguments.door.administrator()?;
    Ok(Options {
        source: arguments.file.map_or(Source::Shipped, Source::File),
        concurrency: arguments.concurrency.into(),
        seed: arguments.seed,
        patience: Duration::from_secs(arguments.patience),
        longest_wait: Duration::from_secs(arguments.longest_wait),
        show: Show::suitable(),
        ..Options::new(arguments.door.gateway(), administrator)
    })
}

fn complain(text: &str) {
    // Nobody reads it any more when stderr is closed.
    let _ = writeln!(std::io::stderr(), "replay: {text}");
}
