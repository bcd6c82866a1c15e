//! The tokens by which a service and its sidecar know each other; each copy has its own.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context;
use contracts::App;

use super::{Vault, random};
use crate::Instance;
use crate::part::write_whole;
use crate::seat::{Copy, Seat};

/// What a service shows its sidecar, and a sidecar its service.
const TO_SIDECAR: &str = "dapr";
const TO_SERVICE: &str = "app";

/// The two tokens between an app and its sidecar.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Tokens {
    /// From the app to its sidecar.
    pub dapr_api_token: String,
    /// From the sidecar to its app.
    pub app_api_token: String,
}

/// New tokens for a copy; service and sidecar have them when they are started next, which must be together.
pub fn renew_tokens(instance: &Instance, vault: &mut Vault, seat: Seat) -> anyhow::Result<()> {
    for end in [TO_SIDECAR, TO_SERVICE] {
        vault.renew(&name(seat, end))?;
    }
    vault.save()?;
    write_one(instance, vault, seat)
}

/// The tokens of a copy of a service and its sidecar.
pub fn read_tokens(instance: &Instance, seat: Seat) -> anyhow::Result<Tokens> {
    let path = file(instance, seat);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))
}

/// Makes what is missing.
pub(super) fn fill(vault: &mut Vault) -> anyhow::Result<()> {
    for seat in every_seat() {
        for end in [TO_SIDECAR, TO_SERVICE] {
            vault.ensure(&name(seat, end), random)?;
        }
    }
    Ok(())
}

/// Writes the files of every copy that there can be.
pub(super) fn write(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    every_seat().try_for_each(|seat| write_one(instance, vault, seat))
}

pub(super) fn of(vault: &Vault, seat: Seat) -> anyhow::Result<Tokens> {
    Ok(Tokens {
        dapr_api_token: vault.existing(&name(seat, TO_SIDECAR))?,
        app_api_token: vault.existing(&name(seat, TO_SERVICE))?,
    })
}

pub(super) fn file(instance: &Instance, seat: Seat) -> PathBuf {
    instance.secrets().join("tokens").join(format!("{}.json", seat.name()))
}

fn write_one(instance: &Instance, vault: &Vault, seat: Seat) -> anyhow::Result<()> {
    write_whole(&file(instance, seat), &serde_json::to_vec_pretty(&of(vault, seat)?)?)
}

fn every_seat() -> impl Iterator<Item = Seat> {
    App::ALL.into_iter().flat_map(|app| [Copy::First, Copy::Second].map(|copy| Seat { app, copy }))
}

/// `token/order/dapr`
fn name(seat: Seat, end: &str) -> String {
    format!("token/{}/{end}", seat.name())
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}
