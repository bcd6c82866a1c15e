//! Who speaks to whom, and the proxy in each of these links when an instance under test asks for it: one link, one
//! proxy, so that each can be slowed, made lossy or cut alone by toxiproxy's HTTP interface.
//!
//! Calls between sidecars have one link for each callee, `<app>-peers`: the sidecars look addresses up in one file,
//! so the address of a callee is the same for all its callers. A second replica has that link only.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use contracts::App;
use serde_json::{Value, json};

use crate::part::{Identity, Part, Stop, write_whole};
use crate::process::Signal;
use crate::seat::{self, Copy, Seat};
use crate::trial::Links;
use crate::{Instance, kafka};

pub const NAME: &str = "toxiproxy";

/// Where the sidecars say that they are, and where they are. The ports are not those of the run file: the CLI refuses a
/// port that is taken on any address; and a sidecar that listens on 127.0.0.1 itself can only say that it is there.
const PEERS_ADDRESS: &str = "127.0.0.2";
const BEHIND_PEERS_ADDRESS: &str = "127.0.0.3";
const LOOPBACK: &str = "127.0.0.1";

/// One link with its two ends, as `address:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub listen: String,
    pub upstream: String,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// From the service to its database.
    Database,
    /// From the sidecar to the configuration table.
    Configuration,
    /// From the sidecar to the broker.
    Broker,
    /// From the sidecar to its service.
    Service,
    /// From the service to its sidecar, over HTTP or gRPC.
    Http,
    Grpc,
}

impl End {
    const ALL: [End; 6] =
        [End::Database, End::Configuration, End::Broker, End::Service, End::Http, End::Grpc];

    const fn name(self) -> &'static str {
        match self {
            End::Database => "postgres",
            End::Configuration => "configuration",
            End::Broker => "kafka",
            End::Service => "app",
            End::Http => "http",
            End::Grpc => "grpc",
        }
    }

    fn exists(self, app: App) -> bool {
        match self {
            End::Database => app.has_database(),
            End::Broker => kafka::uses_events(app),
            End::Configuration | End::Service | End::Http | End::Grpc => true,
        }
    }

    fn upstream(self, instance: &Instance, app: App) -> u16 {
        let ports = instance.ports;
        match self {
            End::Database | End::Configuration => ports.postgres(),
            End::Broker => ports.kafka_listener(app),
            End::Service => ports.app(app),
            End::Http => ports.dapr_http(app),
            End::Grpc => ports.dapr_grpc(app),
        }
    }

    fn listen(self, instance: &Instance, app: App) -> u16 {
        let ports = instance.ports;
        match self {
            End::Database => ports.link_postgres(app),
            End::Configuration => ports.link_configuration(app),
            End::Broker => ports.link_kafka(app),
            End::Service => ports.link_app(app),
            End::Http => ports.link_http(app),
            End::Grpc => ports.link_grpc(app),
        }
    }
}

/// The port at which `app`, or its sidecar, finds that end.
pub fn port(instance: &Instance, app: App, end: End) -> u16 {
    match instance.trial.links {
        Links::Direct if end == End::Broker => instance.ports.kafka(),
        Links::Direct => end.upstream(instance, app),
        Links::Proxied => end.listen(instance, app),
    }
}

/// The same for a copy of a service; the second one reaches its own sidecar, and is reached by it, without a proxy.
pub fn port_of(instance: &Instance, seat: Seat, end: End) -> u16 {
    let second = instance.ports.of(seat);
    match (seat.copy, end) {
        (Copy::First, _) | (Copy::Second, End::Database | End::Configuration | End::Broker) => {
            port(instance, seat.app, end)
        }
        (Copy::Second, End::Service) => second.app(seat.app),
        (Copy::Second, End::Http) => second.dapr_http(seat.app),
        (Copy::Second, End::Grpc) => second.dapr_grpc(seat.app),
    }
}

/// Where payment finds the card processor.
pub fn provider_url(instance: &Instance) -> String {
    let port = match instance.trial.links {
        Links::Direct => instance.ports.card_sandbox(),
        Links::Proxied => instance.ports.link_provider(),
    };
    format!("http://{LOOPBACK}:{port}")
}

/// Where the card processor finds the gateway, for its webhooks.
pub fn webhooks_port(instance: &Instance) -> u16 {
    match instance.trial.links {
        Links::Direct => instance.ports.gateway(),
        Links::Proxied => instance.ports.link_webhooks(),
    }
}

/// Where a copy's sidecar listens for the others.
pub fn peers_port(instance: &Instance, seat: Seat) -> u16 {
    let ports = instance.ports.of(seat);
    match instance.trial.links {
        Links::Direct => ports.dapr_internal(seat.app),
        Links::Proxied => ports.link_peers(seat.app),
    }
}

/// The address that a sidecar gives the others as its own.
pub fn sidecar_address(instance: &Instance) -> &'static str {
    match instance.trial.links {
        Links::Direct => LOOPBACK,
        Links::Proxied => PEERS_ADDRESS,
    }
}

/// The address at which a sidecar listens for the others.
pub fn behind_sidecar_address(instance: &Instance) -> &'static str {
    match instance.trial.links {
        Links::Direct => LOOPBACK,
        Links::Proxied => BEHIND_PEERS_ADDRESS,
    }
}

/// Every link that has a proxy.
pub fn all(instance: &Instance) -> Vec<Link> {
    if instance.trial.links == Links::Direct {
        return Vec::new();
    }
    let ports = instance.ports;
    let link = |name: String, listen: u16, upstream: u16| Link {
        name,
        listen: format!("{LOOPBACK}:{listen}"),
        upstream: format!("{LOOPBACK}:{upstream}"),
    };
    let mut links = vec![
        link("payment-provider".to_owned(), ports.link_provider(), ports.card_sandbox()),
        link("provider-gateway".to_owned(), ports.link_webhooks(), ports.gateway()),
    ];
    for app in App::ALL {
        for end in End::ALL.into_iter().filter(|end| end.exists(app)) {
            let name = format!("{app}-{}", end.name());
            links.push(link(name, end.listen(instance, app), end.upstream(instance, app)));
        }
    }
    for seat in seat::all(instance) {
        let port = ports.of(seat).link_peers(seat.app);
        links.push(Link {
            name: format!("{}-peers", seat.name()),
            listen: format!("{PEERS_ADDRESS}:{port}"),
            upstream: format!("{BEHIND_PEERS_ADDRESS}:{port}"),
        });
    }
    links
}

/// The address of toxiproxy's HTTP interface.
pub fn control_url(instance: &Instance) -> String {
    format!("http://{LOOPBACK}:{}", instance.ports.toxiproxy())
}

pub fn program(instance: &Instance) -> PathBuf {
    instance.tools().join("toxiproxy").join("toxiproxy")
}

/// The supervised proxy.
pub fn part(instance: &Instance) -> anyhow::Result<Part> {
    let file = instance.run().join("links.json");
    write_whole(&file, &serde_json::to_vec_pretty(&proxies(instance))?)?;
    let port = instance.ports.toxiproxy().to_string();
    Ok(Part {
        name: NAME.to_owned(),
        program: program(instance),
        arguments: [
            "-host".into(),
            LOOPBACK.into(),
            "-port".into(),
            port.into(),
            "-config".into(),
            file.into(),
        ]
        .to_vec(),
        environment: vec![("LOG_LEVEL".to_owned(), "warn".into())],
        folder: instance.run(),
        log: instance.log(NAME),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// Waits until every link can be used.
pub async fn wait_ready(instance: &Instance, patience: Duration) -> anyhow::Result<()> {
    let began = std::time::Instant::now();
    let wanted = all(instance).len();
    let url = format!("{}/proxies", control_url(instance));
    let client = reqwest::Client::builder().no_proxy().build()?;
    loop {
        let there = async {
            let answer = client.get(&url).send().await?.error_for_status()?;
            Ok::<_, reqwest::Error>(answer.json::<serde_json::Map<String, Value>>().await?.len())
        };
        match there.await {
            Ok(count) if count == wanted => return Ok(()),
            Ok(count) if began.elapsed() > patience => {
                anyhow::bail!("toxiproxy has {count} of {wanted} links");
            }
            Err(error) if began.elapsed() > patience => {
                return Err(error).context("toxiproxy does not answer");
            }
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn proxies(instance: &Instance) -> Value {
    all(instance)
        .iter()
        .map(|link| json!({"name": link.name, "listen": link.listen, "upstream": link.upstream, "enabled": true}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    fn instance(links: Links) -> Instance {
        let folder = tempfile::tempdir().unwrap();
        let mut instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        instance.trial.links = links;
        instance
    }

    #[test]
    fn without_proxies_every_end_is_where_it_is() {
        let instance = instance(Links::Direct);
        assert!(all(&instance).is_empty());
        assert_eq!(port(&instance, App::Order, End::Database), instance.ports.postgres());
        assert_eq!(port(&instance, App::Order, End::Broker), instance.ports.kafka());
        assert_eq!(port(&instance, App::Order, End::Service), instance.ports.app(App::Order));
    }

    #[test]
    fn every_link_has_a_name_and_an_address_of_its_own_and_none_leads_to_itself() {
        let links = all(&instance(Links::Proxied));
        assert_eq!(links.iter().map(|link| &link.name).collect::<HashSet<_>>().len(), links.len());
        assert_eq!(links.iter().map(|link| &link.listen).collect::<HashSet<_>>().len(), links.len());
        assert!(links.iter().all(|link| link.listen != link.upstream));
        for name in
            ["payment-postgres", "order-kafka", "order-app", "order-http", "order-peers", "payment-provider"]
        {
            assert!(links.iter().any(|link| link.name == name), "{name}");
        }
        assert!(!links.iter().any(|link| link.name == "gateway-postgres" || link.name == "config-kafka"));
    }
}
