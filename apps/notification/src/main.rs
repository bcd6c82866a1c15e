//! Starts `notification`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    notification::app::run(notification::config::Settings::from_environment()?).await
}
