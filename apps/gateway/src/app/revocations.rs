//! The feed of revocations as this replica has heard it, and how old what it heard is.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use contracts::ProblemType;
use contracts::identity::Revocation;
use web::{Caller, Problem};

use crate::domain::revocations::Revoked;

/// When the feed was heard longer ago than this, it is not known whose rights were withdrawn: staff wait.
const STALE: Duration = Duration::from_secs(10);

/// What was revoked. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Revocations(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    revoked: RwLock<Revoked>,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// When the last reading that succeeded was begun.
    at: Option<Instant>,
    /// Where the next reading begins.
    cursor: Option<String>,
}

impl Revocations {
    /// # Errors
    /// `revoked-token` when the caller's token was taken back.
    pub fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        if self.0.revoked.read().unwrap_or_else(PoisonError::into_inner).refuses(caller) {
            Err(Problem::new(ProblemType::RevokedToken).detail("refresh, or log in again"))
        } else {
            Ok(())
        }
    }

    /// # Errors
    /// `staff-unavailable` when the feed has not been heard lately.
    pub fn admit_staff(&self) -> Result<(), Problem> {
        if self.age().is_some_and(|age| age <= STALE) {
            Ok(())
        } else {
            Err(Problem::new(ProblemType::StaffUnavailable)
                .detail("operations of staff wait until it is known again")
                .retry_after(2))
        }
    }

    /// How long ago the feed was heard; none when it never was.
    pub fn age(&self) -> Option<Duration> {
        self.last().at.map(|at| at.elapsed())
    }

    pub fn cursor(&self) -> Option<String> {
        self.last().cursor.clone()
    }

    /// Takes in a part of the feed.
    pub fn hear(&self, items: &[Revocation]) {
        let mut revoked = self.0.revoked.write().unwrap_or_else(PoisonError::into_inner);
        for item in items {
            revoked.apply(item);
        }
    }

    /// A reading that was begun at this time has come to its end; what was before `forget` matters no more.
    pub fn heard(&self, begun: Instant, resume: String, forget: DateTime<Utc>) {
        self.0.revoked.write().unwrap_or_else(PoisonError::into_inner).forget(forget);
        *self.last() = Last { at: Some(begun), cursor: Some(resume) };
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
