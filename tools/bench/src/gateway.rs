//! `bench gateway`: what the front door costs, and what it costs when somebody leans on it.

mod beside;
mod hops;
mod idle;
mod log_ins;
mod reader;
mod report;
mod tokens;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use contracts::App;
use stack::Instance;
use stack::bare::{Bare, Wish};

use reader::{Customer, Reader};
pub use report::{Goal, Report};

/// How much is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: &'static str,
    /// Reads on each of the three ways.
    pub reads: usize,
    /// Before them, not counted.
    pub warm_up: usize,
    pub token_checks: usize,
    /// How long reads are measured alone, and how long beside log-ins; and again for connections.
    pub beside: Duration,
    /// Clients that log in one after another.
    pub log_ins: usize,
    pub connections: usize,
}

impl Profile {
    pub const fn full() -> Profile {
        Profile {
            name: "full",
            reads: 10_000,
            warm_up: 1_000,
            token_checks: 50_000,
            beside: Duration::from_secs(20),
            log_ins: 16,
            connections: 10_000,
        }
    }

    /// Shows that everything here works, and no more.
    pub const fn short() -> Profile {
        Profile {
            name: "short",
            reads: 100,
            warm_up: 10,
            token_checks: 500,
            beside: Duration::from_secs(2),
            log_ins: 4,
            connections: 200,
        }
    }
}

/// Measures an instance that is up.
pub async fn run(instance: &Instance, profile: &Profile) -> anyhow::Result<Report> {
    let customer = Customer::sample(instance).await?;
    // They end with this function.
    let bare = Bare::start(instance, "bare").await?;
    let mut callee = Wish::new(App::Order.name(), App::Order);
    callee.service = Some(instance.ports.app(App::Order));
    let app_token = instance.secret(&format!("token/{}/app", App::Order))?;
    callee.environment.push(("APP_API_TOKEN", app_token.into()));
    let mut callee = bare.sidecar(&callee)?;
    let mut caller = bare.sidecar(&Wish::new(App::Gateway.name(), App::Gateway))?;
    callee.ready().await.context("the bare sidecar of the service")?;
    caller.ready().await.context("the bare sidecar of the caller")?;

    let reader = Reader::new(instance, &customer, caller.http_port)?;
    let hops = hops::measure(&reader, profile).await.context("the three ways to the same read")?;
    writeln!(std::io::stderr(), "{hops}next: tokens, log-ins and idle connections")?;
    let tokens = tokens::measure(instance, &customer, profile).await.context("the check of a token")?;
    let log_ins = log_ins::measure(instance, &reader, profile).await.context("reads beside log-ins")?;
    let idle = idle::measure(instance, &reader, profile).await.context("reads beside idle connections")?;
    Ok(Report::new(profile.name, hops, tokens, log_ins, idle))
}
