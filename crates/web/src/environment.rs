//! What every service is told by its environment. Only the apps' `config` rooms read the environment itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use secrecy::SecretString;

const GAP_AGE_SECONDS: u64 = 60;

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
    /// The folder of fail points; for tests only.
    pub fail_points: Option<PathBuf>,
    /// How old an event is before it counts as missing where it was not handled.
    pub gap_age: Duration,
}

impl Environment {
    /// Reads `APP_PORT`, `DAPR_HTTP_PORT`, `DAPR_GRPC_PORT`, `DAPR_API_TOKEN`, `APP_API_TOKEN` and, where they are
    /// set, `OTEL_EXPORTER_OTLP_ENDPOINT`, `RUST_LOG`, `CARTWRIGHT_FAIL_POINTS` and `CARTWRIGHT_GAP_AGE_SECONDS`.
    ///
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Environment> {
        let required =
            |name: &str| lookup(name).filter(|value| !value.is_empty()).with_context(|| missing(name));
        let port = |name: &str| -> anyhow::Result<u16> {
            required(name)?.parse().with_context(|| format!("{name} is not a port"))
        };
        let optional = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let gap_age = match optional("CARTWRIGHT_GAP_AGE_SECONDS") {
            Some(seconds) => {
                seconds.parse().context("CARTWRIGHT_GAP_AGE_SECONDS is not a number of seconds")?
            }
            None => GAP_AGE_SECONDS,
        };
        Ok(Environment {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port("APP_PORT")?)),
            sidecar_http_port: port("DAPR_HTTP_PORT")?,
            sidecar_grpc_port: port("DAPR_GRPC_PORT")?,
            api_token: required("DAPR_API_TOKEN")?.into(),
            app_token: required("APP_API_TOKEN")?.into(),
            otlp_endpoint: optional("OTEL_EXPORTER_OTLP_ENDPOINT"),
            log_filter: lookup("RUST_LOG").unwrap_or_default(),
            fail_points: optional("CARTWRIGHT_FAIL_POINTS").map(PathBuf::from),
            gap_age: Duration::from_secs(gap_age),
        })
    }
}

/// The words for a variable that is not set.
pub fn missing(name: &str) -> String {
    format!(
        "{name} is not set; services are started by `dapr run -f compose/dapr.yaml`, that is by ./taskw up"
    )
}
