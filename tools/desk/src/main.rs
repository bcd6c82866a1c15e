//! `desk ERRAND`: reads the arguments, does the errand, prints what is to be said.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use desk::{Errand, Said};
use replay::client::Client;
use replay::{Credentials, administrator};

/// Asks and acts as whoever operates the shop.
#[derive(Parser)]
#[command(name = "desk", version)]
struct Arguments {
    #[command(subcommand)]
    errand: Errand,
    /// The gateway's public address.
    #[arg(long, global = true, env = "CARTWRIGHT_GATEWAY", default_value = "http://127.0.0.1:8080")]
    gateway: String,
    /// The administrator's sign-in; otherwise it is read from the local secret store.
    #[arg(long, global = true, env = "CARTWRIGHT_ADMINISTRATOR_EMAIL")]
    administrator_email: Option<String>,
    #[arg(long, global = true, env = "CARTWRIGHT_ADMINISTRATOR_PASSWORD", hide_env_values = true)]
    administrator_password: Option<String>,
    /// Where the running system keeps its files, the secret store among them.
    #[arg(long, global = true, env = "CARTWRIGHT_HOME", default_value = ".local")]
    home: PathBuf,
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
    let credentials = match (arguments.administrator_email, arguments.administrator_password) {
        (Some(email), Some(password)) => Credentials { email, password },
        (None, None) => administrator::read(&administrator::secrets_file(&arguments.home))?,
        (Some(_), None) | (None, Some(_)) => {
            bail!("give both --administrator-email and --administrator-password, or neither")
        }
    };
    let client = Client::new(&arguments.gateway, Duration::from_secs(arguments.patience))
        .context("cannot make an HTTP client")?;
    let email = credentials.email.clone();
    let session = client.log_in(credentials).await.with_context(|| format!("cannot log in as {email}"))?;
    let said = desk::run(&session, arguments.errand).await?;
    writeln!(std::io::stdout(), "{}", said.text.trim_end()).context("cannot print the answer")?;
    Ok(said)
}
