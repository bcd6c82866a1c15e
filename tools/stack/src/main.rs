//! The program behind `./taskw up`, `down`, `status`, `logs`, `reset` and `render`, and behind every supervisor.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stack::instance::Instance;
use stack::logs::{Filter, Follow};
use stack::{app, daprd, dev, down, keep, logs, render, rotate, say, status, up};

/// Runs the whole system on one machine.
#[derive(Debug, Parser)]
#[command(name = "stack", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start everything and prove it with one order.
    Up,
    /// Stop everything.
    Down,
    /// Stop everything and remove data, logs and secrets.
    Reset {
        /// Remove the tools as well.
        #[arg(long)]
        all: bool,
    },
    /// What runs, since when, healthy or not.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lines of all logs in the order of their time: order=<id>, request=<id>, app=<name> or any word.
    Logs {
        filters: Vec<String>,
        /// Go on with what is written from now on.
        #[arg(long, short)]
        follow: bool,
    },
    /// Put new secrets in the place of old ones, while everything runs and without a failed request.
    Rotate {
        #[command(subcommand)]
        what: rotate::What,
    },
    /// Write what follows from the tables in crates/contracts.
    Render {
        /// Write nothing; fail and name the files that differ.
        #[arg(long)]
        check: bool,
    },
    /// Start a throwaway PostgreSQL and print its superuser's address.
    PostgresForTests {
        #[command(subcommand)]
        action: Option<TestAction>,
    },
    /// Make a database for each service on the throwaway server and print their addresses.
    MigrateDev,
    /// Keep the parts running (started by `up`).
    #[command(hide = true)]
    Keep,
    /// Keep one service running (started by the Dapr CLI).
    #[command(hide = true)]
    Supervise { app: String },
    /// Keep one sidecar running (started by the Dapr CLI in place of daprd).
    #[command(hide = true, disable_help_flag = true, disable_version_flag = true)]
    Daprd {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum TestAction {
    /// Stop it.
    Stop,
}

// One thread: the kernel ties the life of a child to the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().verb).await {
        Ok(code) => code,
        Err(error) => {
            say::warn(format!("✗ {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    let instance = Instance::from_environment()?;
    match verb {
        Verb::Up => tokio::select! {
            result = up::run(&instance) => result?,
            _ = tokio::signal::ctrl_c() => {
                say::warn("what was started goes on in the background; stop it with ./taskw down");
                return Ok(ExitCode::FAILURE);
            }
        },
        Verb::Down => down::run(&instance).await?,
        Verb::Reset { all } => {
            let what = if all { down::Reset::All } else { down::Reset::KeepTools };
            down::reset(&instance, what).await?;
        }
        Verb::Status { json } => {
            let form = if json { status::Form::Json } else { status::Form::Table };
            if !status::run(&instance, form).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Verb::Logs { filters, follow } => {
            let follow = if follow { Follow::Yes } else { Follow::No };
            logs::run(&instance, &Filter::parse(&filters)?, follow).await?;
        }
        Verb::Rotate { what } => {
            // Half-way would be worse than either end.
            tokio::spawn(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    say::warn("it goes on until every copy works again");
                }
            });
            rotate::run(&instance, &what).await?;
        }
        Verb::Render { check } => {
            let mode = if check { render::Mode::Check } else { render::Mode::Write };
            render::run(&instance, mode)?;
        }
        Verb::PostgresForTests { action: Some(TestAction::Stop) } => dev::stop(&instance)?,
        Verb::PostgresForTests { action: None } => say::line(dev::start(&instance).await?.url("postgres")),
        Verb::MigrateDev => say::line(dev::migrate(&instance).await?.trim_end()),
        Verb::Keep => keep::run(&instance).await?,
        Verb::Supervise { app } => app::run(&instance, &app).await?,
        Verb::Daprd { arguments } => daprd::run(&instance, arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
