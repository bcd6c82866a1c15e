//! `desk ERRAND`: reads the arguments, does the errand, prints what is to be said.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use desk::{Errand, Said};
use replay::Door;
use replay::client::Client;

/// Asks and acts as whoever operates the shop.
#[derive(Parser)]
#[command(name = "desk", version)]
struct Arguments {
    #[command(subcommand)]
    errand: Errand,
    #[command(flatten)]
    door: Door,
    /// Seconds for which a request is repeated while it is turned away or not answered.
    #[arg(long, global = true, default_value_t = 30)]
    patience: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(said) if said.well => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads it any more when stderr is closed.
            let _ = writeln!(std::io::stderr(), "desk: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<Said> {
    let credentials = arguments.door.administrator()?;
    let client = Client::new(&arguments.door.gateway(), Duration::from_secs(arguments.patience))
        .context("cannot make an HTTP client")?;
    let email = credentials.email.clone();
    let session = client.log_in(credentials).await.with_context(|| format!("cannot log in as {email}"))?;
    let said = desk::run(&session, arguments.errand).await?;
    writeln!(std::io::stdout(), "{}", said.text.trim_end()).context("cannot print the answer")?;
    Ok(said)
}
