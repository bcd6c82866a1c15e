//! The only reader of the environment.

use anyhow::Context;
use web::Environment;
use web::environment::missing;

/// What `payment` is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    pub environment: Environment,
    /// Where the card processor is: Stripe, or the sandbox.
    pub provider_url: String,
    /// Where customers come back to after they confirmed a payment with their bank.
    pub return_url: Option<String>,
}

impl Settings {
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn from_environment() -> anyhow::Result<Settings> {
        let read = |name: &str| std::env::var(name).ok();
        let provider_url =
            read("PROVIDER_URL").filter(|url| !url.is_empty()).with_context(|| missing("PROVIDER_URL"))?;
        let known = ["http://", "https://"].iter().any(|scheme| provider_url.starts_with(scheme));
        anyhow::ensure!(known, "PROVIDER_URL is no http or https address");
        let return_url = read("PROVIDER_RETURN_URL").filter(|url| !url.is_empty());
        Ok(Settings { environment: Environment::read(read)?, provider_url, return_url })
    }
}
