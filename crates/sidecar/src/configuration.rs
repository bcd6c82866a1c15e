//! Live configuration: this service's keys, read through its sidecar, checked against their bounds, kept for ever.

mod reporting;
mod snapshot;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::configuration::{Key, Refused, Report, Setting};
use contracts::{App, OrderId};
use dapr::dapr::proto::common::v1::ConfigurationItem;
use dapr::dapr::proto::runtime::v1::{
    GetConfigurationRequest, SubscribeConfigurationRequest, SubscribeConfigurationResponse,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Streaming};
use uuid::Uuid;

use crate::client::with_deadline;
use crate::{Sidecar, SidecarError};

pub use reporting::INTERVAL as REPORTS;
pub use snapshot::Snapshot;

const STORE: &str = "configuration";
/// The subscription can die without a word; a change is then seen within one poll.
pub const POLL: Duration = Duration::from_secs(5);

/// The present values of one service's keys. Cheap to clone and to read.
#[derive(Debug, Clone)]
pub struct Live {
    replica: Uuid,
    state: watch::Receiver<State>,
}

#[derive(Debug)]
struct State {
    snapshot: Arc<Snapshot>,
    refused: Vec<Refused>,
    /// Whether the store was asked once.
    asked: bool,
    /// Whether it ever answered.
    answered: bool,
}

impl Live {
    /// Begins with the defaults, and follows the store in the background until `shutdown`.
    pub fn start(sidecar: &Sidecar, app: App, shutdown: CancellationToken) -> Live {
        let snapshot = Arc::new(Snapshot::defaults(app));
        let state = State { snapshot, refused: Vec::new(), asked: false, answered: false };
        let (write, state) = watch::channel(state);
        let live = Live { replica: Uuid::now_v7(), state };
        tokio::spawn(follow(sidecar.clone(), write, shutdown.clone()));
        // `config` hears its own report without asking anybody.
        if app != App::Config {
            tokio::spawn(reporting::report(sidecar.clone(), live.clone(), shutdown));
        }
        live
    }

    /// The key's value for everyone; the default of a key that this service does not read.
    pub fn get<T: Setting>(&self, key: &Key<T>) -> T {
        self.state.borrow().snapshot.get(key)
    }

    /// The key's value for a caller, who is called by each of these ids: a user's, an API key's.
    pub fn for_caller<T: Setting>(&self, key: &Key<T>, caller: &[Uuid]) -> T {
        self.state.borrow().snapshot.for_caller(key, caller)
    }

    /// The key's value for an order that this caller places.
    pub fn for_order<T: Setting>(&self, key: &Key<T>, order: OrderId, caller: &[Uuid]) -> T {
        self.state.borrow().snapshot.for_order(key, order, caller)
    }

    /// What holds now, for whoever needs values of one and the same version.
    pub fn now(&self) -> Arc<Snapshot> {
        self.state.borrow().snapshot.clone()
    }

    /// The highest version in force; 0 while everything is at its default.
    pub fn version(&self) -> u64 {
        self.state.borrow().snapshot.version()
    }

    /// Whether the store ever answered. Until then a value is a default that nobody has chosen.
    pub fn was_read(&self) -> bool {
        self.state.borrow().answered
    }

    /// Waits until the store was asked once, whether or not it answered: who starts begins with what was chosen.
    pub async fn settled(&self) {
        // An error means that following has ended, and with it every reason to wait.
        drop(self.state.clone().wait_for(|state| state.asked).await);
    }

    /// What this replica runs with.
    pub fn report(&self) -> Report {
        let state = self.state.borrow();
        Report {
            replica: self.replica,
            version: state.snapshot.version(),
            read: state.answered,
            values: state.snapshot.values(),
            refused: state.refused.clone(),
        }
    }
}

/// Asks at once, at every word of the subscription, and at every poll.
async fn follow(sidecar: Sidecar, state: watch::Sender<State>, shutdown: CancellationToken) {
    let keys = state.borrow().snapshot.names();
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
            subscription = subscribe(&sidecar, &keys).await;
        }
        match get(&sidecar, &keys).await {
            Ok(items) => {
                reachable = true;
                if apply(&state, &items) {
                    let by = if told { "subscription" } else { "poll" };
                    metrics::counter!("configuration_changes_total", "by" => by).increment(1);
                    if subscribed_before && !told {
                        // What it did not tell shows that the subscription is dead.
                        subscription = subscribe(&sidecar, &keys).await;
                    }
                }
            }
            Err(error) => {
                // Whatever is away has taken the subscription with it.
                subscription = None;
                state.send_if_modified(|state| !std::mem::replace(&mut state.asked, true));
                if std::mem::replace(&mut reachable, false) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, "configuration cannot be read; the last good values stay");
                }
            }
        }
        let version = state.borrow().snapshot.version();
        metrics::gauge!("configuration_version").set(u32::try_from(version).unwrap_or(u32::MAX));
    }
}

/// Takes what the store holds; whether anything is another than before.
fn apply(state: &watch::Sender<State>, items: &HashMap<String, ConfigurationItem>) -> bool {
    let before = state.borrow().snapshot.clone();
    let (after, refused) = before.after(items);
    for entry in after.changes(&before) {
        let (value, version) = (entry.value.to_string(), entry.version);
        tracing::info!(configuration.key = entry.spec.name, value, version, "configuration applied");
    }
    for refused in refused.iter().filter(|refused| !state.borrow().refused.contains(refused)) {
        let Refused { key, version, why } = refused;
        metrics::counter!("configuration_refused_total", "key" => key.clone()).increment(1);
        tracing::error!(
            configuration.key = key,
            version,
            why,
            "configuration refused; the last good value stays"
        );
    }
    let mut changed = false;
    state.send_if_modified(|state| {
        changed = after != *before || refused != state.refused;
        let first = !state.answered;
        if changed {
            (state.snapshot, state.refused) = (Arc::new(after), refused);
        }
        (state.asked, state.answered) = (true, true);
        changed || first
    });
    changed
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

async fn get(sidecar: &Sidecar, keys: &[String]) -> Result<HashMap<String, ConfigurationItem>, SidecarError> {
    let request = with_deadline(GetConfigurationRequest {
        store_name: STORE.to_owned(),
        keys: keys.to_vec(),
        metadata: HashMap::new(),
    });
    Ok(sidecar.stub.clone().get_configuration(request).await?.into_inner().items)
}

async fn subscribe(sidecar: &Sidecar, keys: &[String]) -> Option<Streaming<SubscribeConfigurationResponse>> {
    // No deadline in the request: it would end the stream.
    let request = Request::new(SubscribeConfigurationRequest {
        store_name: STORE.to_owned(),
        keys: keys.to_vec(),
        metadata: HashMap::new(),
    });
    let mut stub = sidecar.stub.clone();
    let opened = tokio::time::timeout(POLL, stub.subscribe_configuration(request)).await;
    opened.ok()?.ok().map(Response::into_inner)
}
