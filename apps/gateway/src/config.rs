//! The only reader of the environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use http::{HeaderValue, Uri};
use web::Environment;

use crate::app::Edge;
use crate::domain::proxies::{Proxies, Told};

/// Where the public port listens when nothing else is said.
const PUBLIC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// What `gateway` is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    pub environment: Environment,
    /// The public port.
    pub public: SocketAddr,
    /// Where a gateway hands the public port to the next one.
    pub handover: Option<PathBuf>,
    pub edge: Edge,
}

impl Settings {
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn from_environment() -> anyhow::Result<Settings> {
        Settings::read(|name| std::env::var(name).ok())
    }

    /// Reads what every service is told, and `GATEWAY_LISTEN`, `GATEWAY_HANDOVER`, `GATEWAY_TRUSTED_PROXIES`,
    /// `GATEWAY_PROXY_HEADER` and `GATEWAY_CORS_ORIGINS` where they are set.
    ///
    /// # Errors
    /// Names the variable that is missing or cannot be read.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<Settings> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let public = match set("GATEWAY_LISTEN") {
            Some(address) => {
                address.parse().context("GATEWAY_LISTEN is not an address such as 127.0.0.1:8080")?
            }
            None => PUBLIC,
        };
        let told = match set("GATEWAY_PROXY_HEADER") {
            Some(name) => Told::from_name(&name)
                .context("GATEWAY_PROXY_HEADER is none of x-forwarded-for, x-real-ip and forwarded")?,
            None => Told::default(),
        };
        let networks = list(set("GATEWAY_TRUSTED_PROXIES"))
            .map(|network| network.parse().context("GATEWAY_TRUSTED_PROXIES is no list of networks"))
            .collect::<anyhow::Result<_>>()?;
        let origins =
            list(set("GATEWAY_CORS_ORIGINS")).map(|text| origin(&text)).collect::<anyhow::Result<_>>()?;
        let edge = Edge { proxies: Proxies { networks, told }, origins, ..Edge::default() };
        let handover = set("GATEWAY_HANDOVER").map(PathBuf::from);
        Ok(Settings { environment: Environment::read(lookup)?, public, handover, edge })
    }
}

/// What stands between the commas.
fn list(text: Option<String>) -> impl Iterator<Item = String> {
    let text = text.unwrap_or_default();
    let parts: Vec<String> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    parts.into_iter()
}

/// An origin as a browser writes it: nothing else would ever be equal to one.
fn origin(text: &str) -> anyhow::Result<HeaderValue> {
    let wrong = || format!("GATEWAY_CORS_ORIGINS: {text:?} is no origin such as https://shop.example");
    let uri: Uri = text.parse().with_context(wrong)?;
    let written = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme @ ("http" | "https")), Some(authority)) => format!("{scheme}://{authority}"),
        _ => String::new(),
    };
    ensure!(written == text && text == text.to_ascii_lowercase(), wrong());
    HeaderValue::from_str(text).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str) -> anyhow::Result<Settings> {
        with("GATEWAY_LISTEN", listen)
    }

    fn with(set: &str, value: &str) -> anyhow::Result<Settings> {
        Settings::read(|name| match name {
            "APP_PORT" | "DAPR_HTTP_PORT" | "DAPR_GRPC_PORT" => Some("1".into()),
            "DAPR_API_TOKEN" | "APP_API_TOKEN" => Some("token".into()),
            name if name == set => Some(value.into()),
            _ => None,
        })
    }

    #[test]
    fn no_proxy_is_believed_and_no_other_origin_served_unless_it_is_said() {
        let edge = settings("").unwrap().edge;
        assert_eq!((edge.proxies, edge.origins.len()), (Proxies::default(), 0));
        let edge = with("GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8, ::1").unwrap().edge;
        assert_eq!(edge.proxies.networks.len(), 2);
        assert_eq!(edge.proxies.told, Told::XForwardedFor);
        let edge = with("GATEWAY_PROXY_HEADER", "Forwarded").unwrap().edge;
        assert_eq!(edge.proxies.told, Told::Forwarded);
        let edge = with("GATEWAY_CORS_ORIGINS", "https://shop.example,http://localhost:3000").unwrap().edge;
        assert_eq!(edge.origins, ["https://shop.example", "http://localhost:3000"]);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let said = |set, value| with(set, value).unwrap_err().to_string();
        assert_eq!(
            said("GATEWAY_TRUSTED_PROXIES", "proxy"),
            "GATEWAY_TRUSTED_PROXIES is no list of networks"
        );
        assert!(said("GATEWAY_PROXY_HEADER", "via").starts_with("GATEWAY_PROXY_HEADER is none of"));
        for wrong in
            ["*", "null", "shop.example", "https://shop.example/", "HTTPS://shop.example", "ftp://a.example"]
        {
            assert!(
                said("GATEWAY_CORS_ORIGINS", wrong).contains(&format!("{wrong:?} is no origin")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_public_port_is_local_unless_said_otherwise() {
        assert_eq!(settings("").unwrap().public.to_string(), "127.0.0.1:8080");
        assert_eq!(settings("[::]:80").unwrap().public.to_string(), "[::]:80");
        let error = settings("8080").unwrap_err();
        assert_eq!(error.to_string(), "GATEWAY_LISTEN is not an address such as 127.0.0.1:8080");
    }
}
