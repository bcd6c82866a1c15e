//! Pushes a real shop's orders through the public gateway, as an administrator and its customers would,
//! and checks that orders, stock and money agree at the end.
//!
//! It knows nothing of the services behind the gateway: no database, no topic, no sidecar.

pub mod administrator;
pub mod checks;
pub mod client;
pub mod country;
pub mod customers;
pub mod door;
pub mod import;
pub mod latency;
pub mod orders;
pub mod price;
pub mod progress;
pub mod report;
pub mod row;
pub mod sales;
pub mod table;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::Utc;

pub use client::Credentials;
pub use door::Door;
pub use progress::Show;
pub use report::Report;
pub use sales::Source;

use client::Client;
use progress::Progress;

/// What to replay, where and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's public address.
    pub gateway: String,
    pub administrator: Credentials,
    pub source: Source,
    /// Requests under way at once, of each kind.
    pub concurrency: usize,
    /// The customers' passwords follow from it.
    pub seed: String,
    /// How long one request is repeated while it is turned away or not answered.
    pub patience: Duration,
    /// How long an order may take to end before it counts as open.
    pub longest_wait: Duration,
    /// How long after the last end the stock may take to be allocated.
    pub longest_settling: Duration,
    pub show: Show,
}

impl Options {
    /// The file that comes along, sixteen at once.
    pub fn new(gateway: impl Into<String>, administrator: Credentials) -> Options {
        Options {
            gateway: gateway.into(),
            administrator,
            source: Source::Shipped,
            concurrency: 16,
            seed: customers::DEFAULT_SEED.to_owned(),
            patience: Duration::from_secs(120),
            longest_wait: Duration::from_secs(1_000),
            longest_settling: Duration::from_secs(60),
            show: Show::Nothing,
        }
    }
}

/// Replays a file. That a check failed is said by the report; an error is what kept it from being written.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    if options.concurrency == 0 {
        bail!("nothing can be sent with a concurrency of 0");
    }
    let sales = options.source.read()?;
    let client = Client::new(&options.gateway, options.patience).context("cannot make an HTTP client")?;
    let started_at = Utc::now();

    let started = Instant::now();
    let administrator = client
        .log_in(options.administrator.clone())
        .await
        .with_context(|| format!("cannot log in as {}", options.administrator.email))?;
    let progress = Progress::start(options.show, "import", sales.products.len());
    let product_ids = import::run(&administrator, &sales.products, &progress).await?;
    progress.finish();
    let import = started.elapsed();

    let started = Instant::now();
    let progress = Progress::start(options.show, "registration", sales.buyers().len());
    let customers = customers::register(&client, &sales, &options, &progress).await?;
    progress.finish();
    let registration = started.elapsed();

    let progress = Progress::start(options.show, "orders", sales.invoices.len());
    let run = orders::place(&sales, &product_ids, &customers, &options, started_at, &progress).await?;
    progress.finish();

    let started = Instant::now();
    let progress = Progress::start(options.show, "checks", customers.len() + 1);
    let checks = checks::run(&sales, &run.outcomes, &administrator, &customers, &options, &progress).await?;
    progress.finish();

    let phases = report::Phases {
        import,
        registration,
        orders: run.orders,
        waiting: run.waiting,
        checks: started.elapsed(),
    };
    Ok(Report::new(&options, &sales, &run.outcomes, phases, client.pauses(), checks))
}
