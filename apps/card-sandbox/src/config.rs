//! The settings, and the only reader of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where the durable log is.
    pub log: PathBuf,
    pub secrets: Secrets,
    /// How long a request or a webhook that is "late" is on its way, and how long a refund holds that fails later.
    pub late_after: Duration,
    /// Where browsers find this processor; by default where it listens.
    pub public_url: Option<String>,
    /// Who is told of changes, if anybody is.
    pub webhook: Option<Webhook>,
    /// Which log lines are written.
    pub verbosity: String,
}

/// Where webhooks go.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: String,
    /// The first pause after an attempt that came to nothing; doubled at each.
    pub retry_after: Duration,
}

/// Which keys are taken, and what webhooks are signed with.
#[derive(Debug, Clone)]
pub enum Secrets {
    /// The same from start to end.
    Fixed { api_key: ApiKey, webhook: Option<SecretString> },
    /// As this file says, which may be replaced while it runs.
    File(PathBuf),
}

/// An accepted key, known by its hash alone, so that it cannot reach a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey([u8; 32]);

impl Config {
    pub fn from_environment() -> anyhow::Result<Config> {
        Config::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Config> {
        let or = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        let required = |name: &str| {
            variable(name).filter(|value| !value.is_empty()).with_context(|| format!("{name} is not set"))
        };
        let milliseconds = |name: &str, default: &str| -> anyhow::Result<Duration> {
            Ok(Duration::from_millis(or(name, default).parse().with_context(|| name.to_owned())?))
        };
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let webhook = match optional("SANDBOX_WEBHOOK_URL") {
            None => None,
            Some(url) => Some(Webhook { url, retry_after: milliseconds("SANDBOX_WEBHOOK_RETRY_MS", "500")? }),
        };
        let secrets = match (optional("SANDBOX_SECRETS"), &webhook) {
            (Some(file), _) => Secrets::File(file.into()),
            (None, Some(_)) => {
                let webhook = Some(required("SANDBOX_WEBHOOK_SECRET")?.into());
                Secrets::Fixed { api_key: ApiKey::of(&required("SANDBOX_API_KEY")?), webhook }
            }
            (None, None) => {
                Secrets::Fixed { api_key: ApiKey::of(&required("SANDBOX_API_KEY")?), webhook: None }
            }
        };
        Ok(Config {
            listen: or("SANDBOX_LISTEN", "127.0.0.1:8107").parse().context("SANDBOX_LISTEN")?,
            log: required("SANDBOX_LOG")?.into(),
            secrets,
            late_after: milliseconds("SANDBOX_LATE_MS", "3000")?,
            public_url: optional("SANDBOX_PUBLIC_URL"),
            webhook,
            verbosity: or("RUST_LOG", "info"),
        })
    }
}

impl ApiKey {
    /// Comparing hashes tells nothing about the key by the time it takes.
    pub fn of(key: &str) -> ApiKey {
        ApiKey(Sha256::digest(key.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn defaults_stand_in_for_all_but_the_log_and_the_key() {
        let config = Config::from_variables(|name| match name {
            "SANDBOX_LOG" => Some("log.jsonl".to_owned()),
            "SANDBOX_API_KEY" => Some("sk_test_1".to_owned()),
            _ => None,
        });
        let config = config.unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8107");
        assert_eq!(config.late_after, Duration::from_secs(3));
        assert!(config.webhook.is_none() && config.public_url.is_none());
    }

    #[test]
    fn a_file_stands_in_for_the_key_and_the_secret() {
        let config = Config::from_variables(|name| match name {
            "SANDBOX_LOG" => Some("log.jsonl".to_owned()),
            "SANDBOX_SECRETS" => Some("secrets.json".to_owned()),
            "SANDBOX_WEBHOOK_URL" => Some("http://127.0.0.1:1".to_owned()),
            _ => None,
        });
        assert!(matches!(config.unwrap().secrets, Secrets::File(path) if path == Path::new("secrets.json")));
    }

    #[test]
    fn webhooks_need_a_secret_and_do_not_show_it() {
        let with = |secret: Option<&str>| {
            let secret = secret.map(str::to_owned);
            Config::from_variables(move |name| match name {
                "SANDBOX_LOG" | "SANDBOX_API_KEY" => Some("x".to_owned()),
                "SANDBOX_WEBHOOK_URL" => Some("http://127.0.0.1:8080/v1/webhooks/card-processor".to_owned()),
                "SANDBOX_WEBHOOK_SECRET" => secret.clone(),
                _ => None,
            })
        };
        assert_eq!(with(None).unwrap_err().to_string(), "SANDBOX_WEBHOOK_SECRET is not set");
        assert!(!format!("{:?}", with(Some("whsec_1")).unwrap()).contains("whsec_1"));
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = Config::from_variables(|name| (name == "SANDBOX_LOG").then(|| "log".to_owned()));
        assert_eq!(error.unwrap_err().to_string(), "SANDBOX_API_KEY is not set");
    }

    #[test]
    fn the_key_is_not_shown() {
        assert!(!format!("{:?}", ApiKey::of("sk_test_secret")).contains("secret"));
    }
}
