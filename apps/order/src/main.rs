//! Starts `order`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    order::app::run(order::config::Settings::from_environment()?).await
}
