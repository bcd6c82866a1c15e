//! What every service is told by its environment. Only the apps' `config` rooms read the environment itself.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use secrecy::SecretString;

/// The ports and tokens between a service and its sidecar.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Where the sidecar reaches the service.
    pub listen: SocketAddr,
    pub sidecar_http_port: u16,
    pub sidecar_grpc_port: u16,
    /// Service to sidecar.
    pub api_token: SecretString,
    /// Sidecar to service.
    pub app_token: SecretString,
    pub otlp_endpoint: Option<String>,
    pub log_filter: String,
}

impl Environment {
    /// Reads `APP_PORT`, `DAPR_HTTP_PORT`, `DAPR_GRPC_PORT`, `DAPR_API_TOKEN`, `APP_API_TOKEN` and, where they are
    /// set, `OTEL_EXPORTER_OTLP_ENDPOINT` and `RUST_LOG`.
    ///
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Environment> {
        let required =
            |name: &str| lookup(name).filter(|value| !value.is_empty()).with_context(|| missing(name));
        let port = |name: &str| -> anyhow::Result<u16> {
            required(name)?.parse().with_context(|| format!("{name} is not a port"))
        };
        Ok(Environment {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port("APP_PORT")?)),
            sidecar_http_port: port("DAPR_HTTP_PORT")?,
            sidecar_grpc_port: port("DAPR_GRPC_PORT")?,
            api_token: required("DAPR_API_TOKEN")?.into(),
            app_token: required("APP_API_TOKEN")?.into(),
            otlp_endpoint: lookup("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|value| !value.is_empty()),
            log_filter: lookup("RUST_LOG").unwrap_or_default(),
        })
    }
}

/// The words for a variable that is not set.
pub fn missing(name: &str) -> String {
    format!(
        "{name} is not set; services are started by `dapr run -f compose/dapr.yaml`, that is by ./taskw up"
    )
}
