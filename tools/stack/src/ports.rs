//! Which port belongs to whom, and who holds one that should be free.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use anyhow::bail;
use contracts::App;

use crate::instance::OFFSET_VARIABLE;
use crate::listeners;
use crate::seat::{Copy, Seat};

/// Every port of one instance: the defaults plus its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub offset: u16,
    /// Is added besides to the ports of a second replica.
    shift: u16,
}

/// One port with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub port: u16,
    pub owner: String,
}

const HIGHEST: u16 = 19093;
/// A second replica's ports lie so much above those of the first.
const SECOND: u16 = 10;

impl Ports {
    pub fn with_offset(offset: u16) -> anyhow::Result<Ports> {
        if offset.checked_add(HIGHEST).is_none() {
            bail!("{OFFSET_VARIABLE}={offset} is too large; the highest is {}", u16::MAX - HIGHEST);
        }
        Ok(Ports { offset, shift: 0 })
    }

    /// The ports of one copy of a service.
    pub fn of(self, seat: Seat) -> Ports {
        match seat.copy {
            Copy::First => Ports { shift: 0, ..self },
            Copy::Second => Ports { shift: SECOND, ..self },
        }
    }

    pub const fn gateway(self) -> u16 {
        8080 + self.offset
    }

    pub fn app(self, app: App) -> u16 {
        8100 + index(app) + self.shift + self.offset
    }

    pub fn dapr_http(self, app: App) -> u16 {
        3500 + index(app) + self.shift + self.offset
    }

    pub fn dapr_grpc(self, app: App) -> u16 {
        3600 + index(app) + self.shift + self.offset
    }

    pub fn dapr_internal(self, app: App) -> u16 {
        3700 + index(app) + self.shift + self.offset
    }

    pub fn dapr_metrics(self, app: App) -> u16 {
        3800 + index(app) + self.shift + self.offset
    }

    pub const fn card_sandbox(self) -> u16 {
        8107 + self.offset
    }

    pub const fn sentry(self) -> u16 {
        3850 + self.offset
    }

    pub const fn sentry_health(self) -> u16 {
        3851 + self.offset
    }

    pub const fn postgres(self) -> u16 {
        15432 + self.offset
    }

    pub const fn kafka(self) -> u16 {
        19092 + self.offset
    }

    pub const fn kafka_controller(self) -> u16 {
        HIGHEST + self.offset
    }

    /// The proxies of an instance under test (links.rs).
    pub const fn toxiproxy(self) -> u16 {
        8474 + self.offset
    }

    /// The listener at which an app's user logs in when it comes through a proxy.
    pub fn kafka_listener(self, app: App) -> u16 {
        19060 + index(app) + self.offset
    }

    pub fn link_kafka(self, app: App) -> u16 {
        19070 + index(app) + self.offset
    }

    pub fn link_postgres(self, app: App) -> u16 {
        15440 + index(app) + self.offset
    }

    pub fn link_configuration(self, app: App) -> u16 {
        15450 + index(app) + self.offset
    }

    pub fn link_app(self, app: App) -> u16 {
        8120 + index(app) + self.offset
    }

    pub fn link_http(self, app: App) -> u16 {
        3520 + index(app) + self.offset
    }

    pub fn link_grpc(self, app: App) -> u16 {
        3620 + index(app) + self.offset
    }

    /// Where a sidecar listens for the others when they reach it through a proxy at the same port of another address.
    pub fn link_peers(self, app: App) -> u16 {
        3720 + index(app) + self.shift + self.offset
    }

    pub const fn link_provider(self) -> u16 {
        8130 + self.offset
    }

    pub const fn link_webhooks(self) -> u16 {
        8131 + self.offset
    }

    /// Every port with its owner, but for those that only a trial takes.
    pub fn claims(self) -> Vec<Claim> {
        let claim = |port: u16, owner: &str| Claim { port, owner: owner.to_owned() };
        let mut claims = vec![
            claim(self.gateway(), "the gateway's public port"),
            claim(self.postgres(), "PostgreSQL"),
            claim(self.kafka(), "Kafka"),
            claim(self.kafka_controller(), "Kafka's controller"),
            claim(self.sentry(), "sentry"),
            claim(self.sentry_health(), "sentry's health"),
            claim(self.card_sandbox(), "card-sandbox"),
        ];
        for app in App::ALL {
            claims.extend(self.claims_of(Seat::first(app)));
        }
        claims
    }

    /// The ports of one copy of a service and its sidecar.
    fn claims_of(self, seat: Seat) -> [Claim; 5] {
        let (ports, app, name) = (self.of(seat), seat.app, seat.name());
        let claim = |port: u16, owner: String| Claim { port, owner };
        [
            claim(ports.app(app), name.clone()),
            claim(ports.dapr_http(app), format!("{name}'s sidecar (HTTP)")),
            claim(ports.dapr_grpc(app), format!("{name}'s sidecar (gRPC)")),
            claim(ports.dapr_internal(app), format!("{name}'s sidecar (between sidecars)")),
            claim(ports.dapr_metrics(app), format!("{name}'s sidecar (metrics)")),
        ]
    }

    /// Fails, naming each port that another program holds, its holder and the setting that moves ours.
    pub fn check_free(self) -> anyhow::Result<()> {
        let taken = taken(self.claims());
        if taken.is_empty() {
            return Ok(());
        }
        bail!(
            "ports are in use by other programs:\n{}\nstop them, or move all ports of this instance: \
             {OFFSET_VARIABLE}={} ./taskw up",
            taken.join("\n"),
            if self.offset == 0 { 20_000 } else { 0 }
        )
    }

    /// The same for the ports of one more copy.
    pub fn check_free_for(self, seat: Seat) -> anyhow::Result<()> {
        let taken = taken(self.claims_of(seat));
        if taken.is_empty() {
            return Ok(());
        }
        bail!("ports that {} needs are in use by other programs:\n{}", seat.name(), taken.join("\n"))
    }
}

/// Says of each of these ports that another program holds which one that is.
fn taken(claims: impl IntoIterator<Item = Claim>) -> Vec<String> {
    let held = claims.into_iter().filter(|claim| !free(claim.port));
    held.map(|claim| format!("  port {} ({}) is held by {}", claim.port, claim.owner, holder(claim.port)))
        .collect()
}

/// Whether nothing listens there on loopback or on all addresses.
pub fn free(port: u16) -> bool {
    // std sets SO_REUSEADDR, so only a listener is in the way, not a closed connection.
    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that is free right now.
pub fn any_free() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn index(app: App) -> u16 {
    let position = App::ALL.iter().position(|other| *other == app);
    u16::try_from(position.expect("invariant: App::ALL holds every app")).expect("invariant: few apps")
}

/// Names the process that listens on a port, as far as this user may see.
fn holder(port: u16) -> String {
    match listeners::holder(port) {
        Some(process) => format!("{} (process {})", process.program(), process.pid),
        None => "another user's program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice_and_none_overflows() {
        for offset in [0, 10_000, u16::MAX - HIGHEST] {
            let mut ports: Vec<u16> =
                Ports::with_offset(offset).unwrap().claims().iter().map(|claim| claim.port).collect();
            let count = ports.len();
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), count);
        }
        assert!(Ports::with_offset(u16::MAX - HIGHEST + 1).is_err());
    }

    #[test]
    fn another_copys_ports_are_nobody_elses() {
        let ports = Ports::with_offset(0).unwrap();
        let taken: Vec<u16> = ports.claims().iter().map(|claim| claim.port).collect();
        for app in App::ALL {
            let second = Seat { app, copy: Copy::Second };
            assert!(ports.claims_of(second).iter().all(|claim| !taken.contains(&claim.port)), "{app}");
        }
    }

    #[test]
    fn a_port_in_use_names_port_and_setting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!free(port));
        assert!(holder(port).contains(&std::process::id().to_string()));
    }
}
