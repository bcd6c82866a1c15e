//! What the check of an access token costs, with the keys and a token of the running system.

use std::time::{Duration, Instant};

use anyhow::Context;
use contracts::Operation;
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use stack::Instance;
use web::Keys;

use super::Profile;
use super::reader::Customer;
use crate::measure::Spread;

/// The first check, which brings the key, and those after it.
#[derive(Debug, Clone, Serialize)]
pub struct Tokens {
    pub first_ns: u64,
    pub after: Spread,
}

pub async fn measure(instance: &Instance, customer: &Customer, profile: &Profile) -> anyhow::Result<Tokens> {
    let path = Operation::ReadJwks.row().path.context("the keys have no public path")?;
    let url = format!("{}{path}", instance.gateway_url());
    let keys: JwkSet = reqwest::get(url).await?.error_for_status()?.json().await?;
    let keys = Keys::fixed(keys);
    let first = check(&keys, &customer.token).await?;
    let mut times = Vec::with_capacity(profile.token_checks);
    for _ in 0..profile.token_checks {
        times.push(check(&keys, &customer.token).await?);
    }
    Ok(Tokens {
        first_ns: u64::try_from(first.as_nanos()).unwrap_or(u64::MAX),
        after: Spread::of(times).context("nothing was measured")?,
    })
}

async fn check(keys: &Keys, token: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let caller = keys.check(token).await;
    let took = began.elapsed();
    caller.ok().context("the token is refused")?;
    Ok(took)
}
