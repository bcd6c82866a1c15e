//! `replay [FILE]`: reads the arguments, replays, prints the table.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use replay::{Credentials, Options, Report, Show, Source, administrator, customers};

/// Pushes a real shop's orders through the gateway and checks that everything agrees at the end.
#[derive(Parser)]
#[command(name = "replay")]
struct Arguments {
    /// A file of the same shape as the one that comes along (tools/replay/data), which is taken otherwise.
    file: Option<PathBuf>,
    /// The gateway's public address.
    #[arg(long, env = "CARTWRIGHT_GATEWAY", default_value = "http://127.0.0.1:8080")]
    gateway: String,
    /// Requests under way at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// The administrator's sign-in; otherwise it is read from the local secret store.
    #[arg(long, env = "CARTWRIGHT_ADMINISTRATOR_EMAIL")]
    administrator_email: Option<String>,
    #[arg(long, env = "CARTWRIGHT_ADMINISTRATOR_PASSWORD", hide_env_values = true)]
    administrator_password: Option<String>,
    /// Where the running system keeps its files, the secret store among them.
    #[arg(long, env = "CARTWRIGHT_HOME", default_value = ".local")]
    home: PathBuf,
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
    let administrator = match (arguments.administrator_email, arguments.administrator_password) {
        (Some(email), Some(password)) => Credentials { email, password },
        (None, None) => administrator::read(&administrator::secrets_file(&arguments.home))?,
        (Some(_), None) | (None, Some(_)) => {
            bail!("give both --administrator-email and --administrator-password, or neither")
        }
    };
    Ok(Options {
        source: arguments.file.map_or(Source::Shipped, Source::File),
        concurrency: arguments.concurrency.into(),
        seed: arguments.seed,
        patience: Duration::from_secs(arguments.patience),
        longest_wait: Duration::from_secs(arguments.longest_wait),
        show: Show::suitable(),
        ..Options::new(arguments.gateway, administrator)
    })
}

fn complain(text: &str) {
    // Nobody reads it any more when stderr is closed.
    let _ = writeln!(std::io::stderr(), "replay: {text}");
}
