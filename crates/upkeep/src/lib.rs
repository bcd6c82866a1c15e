//! The operations that every service with events has: what it published and handled, and what failed. They look at
//! the tables of messaging and know nothing of any service's business.

mod discard;
mod failed;
mod handled;
mod published;
mod redrive;
mod store;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use contracts::facts::MOST;
use contracts::operation::owned_by;
use contracts::{App, Envelope, ProblemType};
use sidecar::events::{EventError, Handle};
use sidecar::outbox::Outbox;
use sqlx::PgPool;
use uuid::Uuid;
use web::{Api, Problem};

pub use discard::{Discarded, Discards};
pub use failed::{
    AuditLine, FailedCount, FailedEvent, FailedEventDetail, FailedEvents, FailedQuery, Reason, State,
};
pub use redrive::{Outcome, Redrive, RedriveFilter, Redriven, RedrivenEvent};

/// What these operations need of a service.
#[derive(Clone)]
pub struct Messaging {
    app: App,
    db: PgPool,
    outbox: Outbox,
    handle: Handle,
}

impl Messaging {
    /// `handle` is the service's own handler of events, as it runs for those that are delivered.
    pub fn new<F, Fut>(app: App, db: PgPool, outbox: Outbox, handle: F) -> Messaging
    where
        F: Fn(Envelope) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), EventError>> + Send + 'static,
    {
        Messaging { app, db, outbox, handle: Arc::new(move |envelope| Box::pin(handle(envelope))) }
    }
}

/// Mounts those of the operations that the table gives to this service.
pub fn mount<S: Clone + Send + Sync + 'static>(api: Api<S>, messaging: &Messaging) -> Api<S> {
    let mut api = api;
    for row in owned_by(messaging.app) {
        let suffix = format!("_{}", messaging.app);
        let Some(verb) = row.name.strip_suffix(&suffix) else { continue };
        api = match verb {
            "list_published" => published::mount_list(api, row.operation, messaging.clone()),
            "resend" => published::mount_resend(api, row.operation, messaging.clone()),
            "check_handled" => handled::mount(api, row.operation, messaging.clone()),
            "list_failed" => failed::mount_list(api, row.operation, messaging.clone()),
            "read_failed" => failed::mount_read(api, row.operation, messaging.clone()),
            "redrive_failed" => redrive::mount(api, row.operation, messaging.clone()),
            "discard_failed" => discard::mount(api, row.operation, messaging.clone()),
            // An operation of the service's own that happens to end with its name.
            _ => api,
        };
    }
    api
}

/// The most characters of a reason.
const LONGEST_REASON: usize = 500;

fn check_reason(reason: &str) -> Result<(), Problem> {
    if reason.trim().is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(invalid("reason takes 1 to 500 characters"));
    }
    Ok(())
}

/// The ids, each once.
fn check_ids(ids: &[Uuid]) -> Result<Vec<Uuid>, Problem> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(invalid("ids takes 1 to 500 ids"));
    }
    Ok(ids.iter().copied().collect::<BTreeSet<Uuid>>().into_iter().collect())
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemType::InvalidField).detail(detail)
}
