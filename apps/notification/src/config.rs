//! The only reader of the environment.

use web::Environment;

/// What `notification` is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    pub environment: Environment,
}

impl Settings {
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn from_environment() -> anyhow::Result<Settings> {
        Ok(Settings { environment: Environment::read(|name| std::env::var(name).ok())? })
    }
}
