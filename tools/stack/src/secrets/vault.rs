//! The file with all values by name, which only this user can read. Its values are handed out one by one and never
//! shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context;

use super::random;
use crate::Instance;
use crate::part::write_whole;

/// All values by name, each made when it is first asked for.
pub struct Vault {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

/// Which of two logins that are used in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    A,
    B,
}

impl Turn {
    pub fn other(self) -> Turn {
        match self {
            Turn::A => Turn::B,
            Turn::B => Turn::A,
        }
    }

    pub fn of<T>(self, [a, b]: [T; 2]) -> T {
        match self {
            Turn::A => a,
            Turn::B => b,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Turn::A => "a",
            Turn::B => "b",
        }
    }
}

impl Vault {
    pub fn open(instance: &Instance) -> anyhow::Result<Vault> {
        let path = instance.secrets().join("vault.json");
        let values = match std::fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Vault { path, values })
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A value that must have been made before.
    pub fn existing(&self, name: &str) -> anyhow::Result<String> {
        self.values.get(name).cloned().with_context(|| format!("{} holds no {name}", self.path.display()))
    }

    /// A value that need not be there.
    pub fn find(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// The names of all values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// A value that is made by `make` when it is not there.
    pub(super) fn ensure(
        &mut self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        if !self.values.contains_key(name) {
            self.values.insert(name.to_owned(), make()?);
        }
        Ok(())
    }

    pub(super) fn put(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// Puts a new random value in the place of what was there, and gives that.
    pub(super) fn renew(&mut self, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self.values.insert(name.to_owned(), random()?))
    }

    /// Whose turn it is among the two logins of this name.
    pub fn turn(&self, logins: &str) -> Turn {
        match self.values.get(&turn_of(logins)).map(String::as_str) {
            Some("b") => Turn::B,
            Some(_) | None => Turn::A,
        }
    }

    pub(super) fn set_turn(&mut self, logins: &str, turn: Turn) {
        self.put(&turn_of(logins), turn.name().to_owned());
    }

    pub fn save(&self) -> anyhow::Result<()> {
        write_whole(&self.path, &serde_json::to_vec_pretty(&self.values)?)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("path", &self.path).finish_non_exhaustive()
    }
}

fn turn_of(logins: &str) -> String {
    format!("{logins}/turn")
}
