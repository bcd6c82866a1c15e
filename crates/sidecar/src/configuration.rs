//! Live configuration: this service's keys, read through its sidecar, checked against their bounds, kept for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use contracts::App;
use contracts::configuration::{KEYS, Key};
use dapr::dapr::proto::common::v1::ConfigurationItem;
use dapr::dapr::proto::runtime::v1::{
    GetConfigurationRequest, SubscribeConfigurationRequest, SubscribeConfigurationResponse,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Streaming};

use crate::client::with_deadline;
use crate::{Sidecar, SidecarError};

const STORE: &str = "configuration";
/// The subscription can die without a word; a change is then seen within one poll.
pub const POLL: Duration = Duration::from_secs(5);

/// The present values of one service's keys. Cheap to clone and to read.
#[derive(Debug, Clone)]
pub struct Live {
    entries: Arc<HashMap<&'static str, Entry>>,
    answered: Arc<AtomicBool>,
    reads: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Entry {
    key: &'static Key,
    value: AtomicU64,
    version: AtomicU64,
    /// The version last refused, so that it is logged once.
    refused: AtomicU64,
}

impl Live {
    /// Begins with the defaults, and follows the store in the background until `shutdown`.
    pub fn start(sidecar: &Sidecar, app: App, shutdown: CancellationToken) -> Live {
        let entries = KEYS.iter().filter(|key| key.reader == app).map(|key| {
            let value = AtomicU64::new(key.default);
            (key.name, Entry { key, value, version: AtomicU64::new(0), refused: AtomicU64::new(0) })
        });
        let (read, reads) = watch::channel(0);
        let live = Live { entries: Arc::new(entries.collect()), answered: Arc::default(), reads };
        tokio::spawn(follow(sidecar.clone(), live.clone(), read, shutdown));
        live
    }

    /// The key's value; the default of a key that this service does not read.
    pub fn get(&self, key: &Key) -> u64 {
        self.entries.get(key.name).map_or(key.default, |entry| entry.value.load(Ordering::Acquire))
    }

    /// The highest version applied; 0 while everything is at its default.
    pub fn version(&self) -> u64 {
        self.entries.values().map(|entry| entry.version.load(Ordering::Acquire)).max().unwrap_or(0)
    }

    /// Whether the store ever answered. Until then a value is a default that nobody has chosen.
    pub fn was_read(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Waits until the store was asked once, whether or not it answered.
    pub async fn settled(&self) {
        // An error means that following has ended, and with it every reason to wait.
        let mut reads = self.reads.clone();
        drop(reads.wait_for(|reads| *reads > 0).await);
    }

    fn apply(&self, items: HashMap<String, ConfigurationItem>) -> bool {
        let mut changed = false;
        for (name, item) in items {
            if let Some(entry) = self.entries.get(name.as_str()) {
                changed |= entry.apply(&item);
            }
        }
        changed
    }
}

impl Entry {
    /// Takes a newer value within bounds; whether it did. Only the one following task writes.
    fn apply(&self, item: &ConfigurationItem) -> bool {
        let Ok(version) = item.version.parse::<u64>() else {
            self.refuse(u64::MAX, "its version is not a number");
            return false;
        };
        if version <= self.version.load(Ordering::Acquire) {
            return false;
        }
        match self.key.parse(&item.value) {
            Ok(value) => {
                self.value.store(value, Ordering::Release);
                self.version.store(version, Ordering::Release);
                tracing::info!(configuration.key = self.key.name, value, version, "configuration applied");
                true
            }
            Err(error) => {
                self.refuse(version, &error.to_string());
                false
            }
        }
    }

    fn refuse(&self, version: u64, why: &str) {
        if self.refused.swap(version, Ordering::AcqRel) != version {
            metrics::counter!("configuration_refused_total", "key" => self.key.name).increment(1);
            tracing::error!(
                configuration.key = self.key.name,
                version,
                why,
                "configuration refused; the last good value stays"
            );
        }
    }
}

/// Asks at once, at every word of the subscription, and at every poll.
async fn follow(sidecar: Sidecar, live: Live, read: watch::Sender<u64>, shutdown: CancellationToken) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut subscription: Option<Streaming<SubscribeConfigurationResponse>> = None;
    let mut reachable = true;
    loop {
        let told = tokio::select! {
            () = shutdown.cancelled() => return,
            _ = poll.tick() => false,
            lives = next_word(&mut subscription) => {
                if !lives {
                    subscription = None;
                    continue;
                }
                true
            }
        };
        let subscribed_before = subscription.is_some();
        if !subscribed_before {
            subscription = subscribe(&sidecar, &live).await;
        }
        match get(&sidecar, &live).await {
            Ok(items) => {
                reachable = true;
                let changed = live.apply(items);
                live.answered.store(true, Ordering::Release);
                if changed && subscribed_before && !told {
                    // What it did not tell shows that the subscription is dead.
                    subscription = subscribe(&sidecar, &live).await;
                }
            }
            Err(error) => {
                if std::mem::replace(&mut reachable, false) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, "configuration cannot be read; the last good values stay");
                }
            }
        }
        read.send_modify(|reads| *reads += 1);
        metrics::gauge!("configuration_version").set(u32::try_from(live.version()).unwrap_or(u32::MAX));
    }
}

/// Waits for a change to be announced; `false` when the subscription has ended. Without one it waits for ever.
async fn next_word(subscription: &mut Option<Streaming<SubscribeConfigurationResponse>>) -> bool {
    let Some(stream) = subscription else {
        return std::future::pending().await;
    };
    loop {
        match stream.message().await {
            // The first message holds only the subscription's id.
            Ok(Some(word)) if word.items.is_empty() => {}
            Ok(Some(_)) => return true,
            Ok(None) | Err(_) => return false,
        }
    }
}

async fn get(sidecar: &Sidecar, live: &Live) -> Result<HashMap<String, ConfigurationItem>, SidecarError> {
    let request = with_deadline(GetConfigurationRequest {
        store_name: STORE.to_owned(),
        keys: live.entries.keys().map(|name| (*name).to_owned()).collect(),
        metadata: HashMap::new(),
    });
    Ok(sidecar.stub.clone().get_configuration(request).await?.into_inner().items)
}

async fn subscribe(sidecar: &Sidecar, live: &Live) -> Option<Streaming<SubscribeConfigurationResponse>> {
    // No deadline in the request: it would end the stream.
    let request = Request::new(SubscribeConfigurationRequest {
        store_name: STORE.to_owned(),
        keys: live.entries.keys().map(|name| (*name).to_owned()).collect(),
        metadata: HashMap::new(),
    });
    let mut stub = sidecar.stub.clone();
    let opened = tokio::time::timeout(POLL, stub.subscribe_configuration(request)).await;
    opened.ok()?.ok().map(Response::into_inner)
}
