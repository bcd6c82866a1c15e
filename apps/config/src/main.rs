//! Starts `config`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    config::app::run(config::config::Settings::from_environment()?).await
}
