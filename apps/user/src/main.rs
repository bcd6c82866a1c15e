//! Starts `user`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    user::app::run(user::config::Settings::from_environment()?).await
}
