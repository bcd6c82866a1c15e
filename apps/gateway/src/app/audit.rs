//! What goes into the audit log, which `user` keeps: what staff change is written before it is tried, refusals and
//! outcomes are gathered and sent by `jobs`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::Operation;
use contracts::identity::{AuditEntry, AuditOutcome, RecordAudit};
use http::{HeaderMap, HeaderValue};
use sidecar::Sidecar;
use uuid::Uuid;

use crate::api::{FORWARDED_FOR, own_requests};
use crate::domain::refusals::{Circumstances, Kind, Refusals};

/// Outcomes that wait to be sent; beyond, the oldest is not told, and its attempt stands without one.
const MOST_OUTCOMES: usize = 10_000;
/// Outcomes sent at once.
const OUTCOMES_AT_ONCE: usize = 400;
/// Staff wait this long for their entry.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is to be told. Cheap to clone.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    refusals: Refusals,
    outcomes: VecDeque<AuditOutcome>,
    /// What was sent and not taken: it goes first, as it was.
    unsent: Option<RecordAudit>,
}

impl Audit {
    pub fn refused(&self, kind: Kind, circumstances: Circumstances, now: DateTime<Utc>) {
        self.pending().refusals.note(kind, circumstances, Uuid::now_v7(), now);
    }

    pub fn ended(&self, outcome: AuditOutcome) {
        let mut pending = self.pending();
        if pending.outcomes.len() >= MOST_OUTCOMES {
            pending.outcomes.pop_front();
        }
        pending.outcomes.push_back(outcome);
    }

    /// The next lines to send, if there are any.
    fn next(&self) -> Option<RecordAudit> {
        let mut pending = self.pending();
        if pending.unsent.is_none() && !(pending.refusals.is_empty() && pending.outcomes.is_empty()) {
            let entries = std::mem::take(&mut pending.refusals).entries();
            let at_once = pending.outcomes.len().min(OUTCOMES_AT_ONCE);
            let outcomes = pending.outcomes.drain(..at_once).collect();
            pending.unsent = Some(RecordAudit { entries, outcomes });
        }
        pending.unsent.clone()
    }

    /// Sends what there is. What is not taken is kept and sent again under the same ids.
    ///
    /// # Errors
    /// When `user` cannot be reached.
    pub async fn send(&self, sidecar: &Sidecar) -> anyhow::Result<()> {
        while let Some(lines) = self.next() {
            record(sidecar, own_requests(), &lines).await?;
            self.pending().unsent = None;
        }
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes an attempt down before it is made, counted by the limiter under `name`.
///
/// # Errors
/// When `user` does not take it in time.
pub async fn attempt(sidecar: &Sidecar, name: HeaderValue, entry: AuditEntry) -> Result<(), reqwest::Error> {
    let headers = HeaderMap::from_iter([(FORWARDED_FOR, name)]);
    record(sidecar, headers, &RecordAudit { entries: vec![entry], outcomes: Vec::new() }).await
}

async fn record(sidecar: &Sidecar, headers: HeaderMap, lines: &RecordAudit) -> Result<(), reqwest::Error> {
    let request = sidecar.request(Operation::RecordAudit).headers(headers).timeout(PATIENCE).json(lines);
    request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(reqwest::Error::without_url)?;
    Ok(())
}
