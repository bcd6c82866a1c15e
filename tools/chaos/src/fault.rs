//! What can be broken, in words and as data.

use std::fmt;

use contracts::App;
use serde::Serialize;
use stack::{Instance, links, seat};

/// Something that breaks, and is whole again after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// kill -9; the supervisor starts it again.
    Kill { part: String },
    /// SIGSTOP, and SIGCONT at the end.
    Freeze { part: String },
    /// Every connection of a kind is cut, and new ones are refused.
    Away { whom: Whom },
    /// PostgreSQL ends every connection to a database.
    Disconnect { database: String },
    /// One link is slow or loses what is said on it.
    Link { link: String, harm: Harm },
}

/// Who is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Broker,
    Database,
    Provider,
}

/// What happens to a link. Times are milliseconds, amounts bytes or KB a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// Everything comes later, by about so much.
    Latency { delay: u64, jitter: u64 },
    /// So many KB a second.
    Bandwidth { rate: u64 },
    /// Connections are closed later than they should be.
    SlowClose { delay: u64 },
    /// Nothing comes through; after so long the connection is closed.
    Timeout { after: u64 },
    /// Connections are reset after so long.
    ResetPeer { after: u64 },
    /// Connections are closed after so many bytes.
    LimitData { bytes: u64 },
    /// Connections are closed and new ones refused.
    Cut,
}

/// Everything that can be broken in an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    pub services: Vec<String>,
    pub sidecars: Vec<String>,
    /// Kafka, PostgreSQL and the card processor.
    pub ground: Vec<String>,
    pub databases: Vec<String>,
    pub links: Vec<String>,
}

impl Targets {
    pub fn of(instance: &Instance) -> Targets {
        let seats = seat::all(instance);
        Targets {
            services: seats.iter().map(|seat| seat.name()).collect(),
            sidecars: seats.iter().map(|seat| seat.sidecar()).collect(),
            ground: ["kafka", "postgres", "card-sandbox"].map(String::from).to_vec(),
            databases: App::ALL
                .into_iter()
                .filter(|app| app.has_database())
                .map(|app| app.name().to_owned())
                .collect(),
            links: links::all(instance).into_iter().map(|link| link.name).collect(),
        }
    }
}

impl Fault {
    /// Its kind, as reports count them.
    pub const fn kind(&self) -> &'static str {
        match self {
            Fault::Kill { .. } => "kill -9",
            Fault::Freeze { .. } => "SIGSTOP",
            Fault::Away { whom: Whom::Broker } => "broker away",
            Fault::Away { whom: Whom::Database } => "database away",
            Fault::Away { whom: Whom::Provider } => "provider outage",
            Fault::Disconnect { .. } => "connections ended",
            Fault::Link { harm, .. } => harm.kind(),
        }
    }

    /// What it happens to.
    pub fn target(&self) -> &str {
        match self {
            Fault::Kill { part } | Fault::Freeze { part } => part,
            Fault::Away { whom: Whom::Broker } => "kafka",
            Fault::Away { whom: Whom::Database } => "postgres",
            Fault::Away { whom: Whom::Provider } => "card-sandbox",
            Fault::Disconnect { database } => database,
            Fault::Link { link, .. } => link,
        }
    }

    /// Whether `order` or its database cannot work meanwhile: that time does not count against its deadlines.
    pub fn stops_order(&self) -> bool {
        let target = self.target();
        target == "postgres" || target == "order" || target.starts_with("order-")
    }
}

impl Harm {
    const fn kind(self) -> &'static str {
        match self {
            Harm::Latency { .. } => "slow link",
            Harm::Bandwidth { .. } => "narrow link",
            Harm::SlowClose { .. } => "slow close",
            Harm::Timeout { .. } => "silent link",
            Harm::ResetPeer { .. } => "reset link",
            Harm::LimitData { .. } => "lossy link",
            Harm::Cut => "cut link",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.kind(), self.target())?;
        match self {
            Fault::Link { harm: Harm::Latency { delay, jitter }, .. } => {
                write!(formatter, " ({delay} ± {jitter} ms)")
            }
            Fault::Link { harm: Harm::Bandwidth { rate }, .. } => write!(formatter, " ({rate} KB/s)"),
            Fault::Link { harm: Harm::LimitData { bytes }, .. } => {
                write!(formatter, " (after {bytes} bytes)")
            }
            Fault::Link {
                harm: Harm::SlowClose { delay: after } | Harm::Timeout { after } | Harm::ResetPeer { after },
                ..
            } => write!(formatter, " (after {after} ms)"),
            Fault::Link { harm: Harm::Cut, .. }
            | Fault::Kill { .. }
            | Fault::Freeze { .. }
            | Fault::Away { .. }
            | Fault::Disconnect { .. } => Ok(()),
        }
    }
}
