//! What gateway and sidecars add to a read, beside what bare sidecars add: one read on each way in turn, the order of
//! the ways changing, so that whatever else the machine does meets all of them alike.

use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use super::Profile;
use super::reader::{Reader, Way, pace};
use crate::measure::{Percent, Spread};

/// The three ways, and what they add to the service's own time.
#[derive(Debug, Clone, Serialize)]
pub struct Hops {
    pub service: Spread,
    pub bare: Spread,
    pub gateway: Spread,
    pub bare_adds_ns: [u64; 2],
    pub gateway_adds_ns: [u64; 2],
    /// At p50 and at p99.
    pub percent: [Option<Percent>; 2],
}

pub async fn measure(reader: &Reader, profile: &Profile) -> anyhow::Result<Hops> {
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut pace = pace();
    for round in 0..profile.warm_up + profile.reads {
        pace.tick().await;
        let mut bodies = Vec::new();
        for turn in 0..Way::ALL.len() {
            let index = (round + turn) % Way::ALL.len();
            let (took, body) = reader.read(Way::ALL[index]).await?;
            if round >= profile.warm_up {
                times[index].push(took);
            }
            bodies.push(body);
        }
        ensure!(bodies.iter().all(|body| *body == bodies[0]), "the three ways give different answers");
    }
    let [service, bare, gateway] = times.map(Spread::of);
    let nothing = || anyhow::anyhow!("nothing was measured");
    let (service, bare, gateway) =
        (service.ok_or_else(nothing)?, bare.ok_or_else(nothing)?, gateway.ok_or_else(nothing)?);
    let (bare_adds_ns, gateway_adds_ns) = (bare.over(service), gateway.over(service));
    let percent = [0, 1].map(|point| Percent::of(gateway_adds_ns[point], bare_adds_ns[point]));
    Ok(Hops { service, bare, gateway, bare_adds_ns, gateway_adds_ns, percent })
}
