//! The only reader of the environment.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use web::Environment;

/// Where the public port listens when nothing else is said.
const PUBLIC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What `gateway` is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    pub environment: Environment,
    /// The public port.
    pub public: SocketAddr,
}

impl Settings {
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn from_environment() -> anyhow::Result<Settings> {
        Settings::read(|name| std::env::var(name).ok())
    }

    /// Reads what every service is told, and `GATEWAY_LISTEN` where it is set.
    ///
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Settings> {
        let public = match lookup("GATEWAY_LISTEN").filter(|value| !value.is_empty()) {
            Some(address) => {
                address.parse().context("GATEWAY_LISTEN is not an address such as 127.0.0.1:8080")?
            }
            None => PUBLIC,
        };
        Ok(Settings { environment: Environment::read(lookup)?, public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str) -> anyhow::Result<Settings> {
        Settings::read(|name| match name {
            "APP_PORT" | "DAPR_HTTP_PORT" | "DAPR_GRPC_PORT" => Some("1".into()),
            "DAPR_API_TOKEN" | "APP_API_TOKEN" => Some("token".into()),
            "GATEWAY_LISTEN" => Some(listen.into()),
            _ => None,
        })
    }

    #[test]
    fn the_public_port_is_local_unless_said_otherwise() {
        assert_eq!(settings("").unwrap().public.to_string(), "127.0.0.1:8080");
        assert_eq!(settings("[::]:80").unwrap().public.to_string(), "[::]:80");
        let error = settings("8080").unwrap_err();
        assert_eq!(error.to_string(), "GATEWAY_LISTEN is not an address such as 127.0.0.1:8080");
    }
}
