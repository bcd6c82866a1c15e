//! Reads the settings, then serves until told to stop.

use card_sandbox::{app, config::Config};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_environment()?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(tracing_subscriber::EnvFilter::try_new(&config.verbosity)?)
        .init();
    app::run(config).await
}
