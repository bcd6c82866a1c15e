//! What each replica says of the configuration that it runs with; `config` keeps it for a minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One replica's report. Which service it is the sidecars say, not the replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Drawn when the replica started.
    pub replica: Uuid,
    /// The highest version among its keys; 0 while each has its default.
    pub version: u64,
    /// Whether its store ever answered it; until then all values are defaults that nobody has chosen.
    pub read: bool,
    /// The value for everyone of each of its keys, in the text that the sidecars carry.
    pub values: BTreeMap<String, String>,
    /// What it found in its store and did not take; the value before it stays in force.
    pub refused: Vec<Refused>,
}

/// A row of the store that a replica did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub key: String,
    /// As it was found, at most [`Refused::LONGEST`] characters of it.
    pub version: String,
    /// At most [`Refused::LONGEST`] characters.
    pub why: String,
}

impl Refused {
    pub const LONGEST: usize = 300;
}
