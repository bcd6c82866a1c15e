//! The keys that are taken and the secrets that webhooks are signed with. In a file they may change while everything
//! goes on: it is read again when it was replaced. While one takes another's place, both are there.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{ApiKey, Secrets};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keyring(Arc<Kept>);

/// What counts at one moment.
#[derive(Debug)]
pub struct Current {
    api_keys: Vec<ApiKey>,
    pub webhook_secrets: Vec<SecretString>,
}

#[derive(Debug)]
struct Kept {
    file: Option<PathBuf>,
    last: Mutex<(Option<Version>, Arc<Current>)>,
}

/// A file that was replaced is another one, or has another time.
type Version = (u64, i64, i64);

/// The file's form.
#[derive(Deserialize)]
struct Written {
    api_keys: Vec<String>,
    #[serde(default)]
    webhook_secrets: Vec<String>,
}

impl Keyring {
    /// # Errors
    /// When the file cannot be read, or names no key.
    pub fn open(secrets: &Secrets) -> anyhow::Result<Keyring> {
        let kept = match secrets {
            Secrets::Fixed { api_key, webhook } => {
                let webhook_secrets = webhook.iter().cloned().collect();
                let current = Current { api_keys: vec![api_key.clone()], webhook_secrets };
                Kept { file: None, last: Mutex::new((None, Arc::new(current))) }
            }
            Secrets::File(path) => {
                let (version, current) = (version(path)?, read(path)?);
                Kept { file: Some(path.clone()), last: Mutex::new((Some(version), Arc::new(current))) }
            }
        };
        Ok(Keyring(Arc::new(kept)))
    }

    /// What counts now. What cannot be read leaves what was.
    pub fn current(&self) -> Arc<Current> {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &self.0.file else { return last.1.clone() };
        match version(file) {
            Ok(present) if last.0 == Some(present) => {}
            Ok(present) => match read(file) {
                Ok(current) => *last = (Some(present), Arc::new(current)),
                Err(error) => tracing::warn!(error = format!("{error:#}"), "the keys stay as they were"),
            },
            Err(error) => tracing::warn!(error = format!("{error:#}"), "the keys stay as they were"),
        }
        last.1.clone()
    }
}

impl Current {
    pub fn takes(&self, key: &str) -> bool {
        self.api_keys.contains(&ApiKey::of(key))
    }
}

fn version(path: &Path) -> anyhow::Result<Version> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

/// What is wrong with it is not told in its own words.
fn read(path: &Path) -> anyhow::Result<Current> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let written: Written = serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        anyhow::anyhow!("{} cannot be read at line {line}, column {column}", path.display())
    })?;
    let api_keys: Vec<ApiKey> = written.api_keys.iter().map(|key| ApiKey::of(key)).collect();
    anyhow::ensure!(!api_keys.is_empty(), "{} names no key", path.display());
    let webhook_secrets = written.webhook_secrets.into_iter().map(SecretString::from).collect();
    Ok(Current { api_keys, webhook_secrets })
}
