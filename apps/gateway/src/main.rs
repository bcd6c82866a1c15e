//! Starts `gateway`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    gateway::app::run(gateway::config::Settings::from_environment()?).await
}
