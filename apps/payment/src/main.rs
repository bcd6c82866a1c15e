//! Starts `payment`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    payment::app::run(payment::config::Settings::from_environment()?).await
}
