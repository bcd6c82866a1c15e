//! Starts `product`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    product::app::run(product::config::Settings::from_environment()?).await
}
