//! Bulkheads and breakers, one of each for every operation: a slow or dead service costs only its own routes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contracts::Operation;
use contracts::operation::{OPERATIONS, Pace, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::breaker::Breaker;

/// Requests under way in all.
const EVERYTHING: usize = 1_024;
/// Of these, reads; the rest is kept for ordering when everybody looks at the catalogue.
const READS: usize = 768;

/// Requests under way for one operation.
pub const fn width(pace: Pace) -> usize {
    match pace {
        Pace::Read | Pace::Write | Pace::Signed => 64,
        Pace::Credentials => 16,
        Pace::Bulk => 4,
    }
}

/// What stands before the services.
#[derive(Debug)]
pub struct Gates {
    everything: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    each: HashMap<Operation, Gate>,
}

#[derive(Debug)]
struct Gate {
    places: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
}

/// A request's place until its answer has begun.
#[derive(Debug)]
pub struct Place {
    _places: Vec<OwnedSemaphorePermit>,
}

/// Why a request is not tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    #[error("too many requests are under way")]
    Busy,
    #[error("it has failed several times in a row")]
    Broken,
}

/// What became of a request that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// 5xx, no answer in time, or nobody there.
    Failed,
}

impl Default for Gates {
    fn default() -> Self {
        let gate = |row: &'static Row| {
            let places = Arc::new(Semaphore::new(width(row.pace)));
            (row.operation, Gate { places, breaker: Mutex::new(Breaker::closed()) })
        };
        Gates {
            everything: Arc::new(Semaphore::new(EVERYTHING)),
            reads: Arc::new(Semaphore::new(READS)),
            each: OPERATIONS.iter().map(gate).collect(),
        }
    }
}

impl Gates {
    /// Lets a request through or says at once that it must come again.
    ///
    /// # Errors
    /// [`Shed`] says why.
    pub fn enter(&self, row: &Row) -> Result<Place, Shed> {
        let gate = &self.each[&row.operation];
        let reads = match row.pace {
            Pace::Read => Some(&self.reads),
            Pace::Write | Pace::Credentials | Pace::Bulk | Pace::Signed => None,
        };
        let wanted = [Some(&gate.places), reads, Some(&self.everything)];
        let places = wanted
            .into_iter()
            .flatten()
            .map(|places| places.clone().try_acquire_owned().map_err(|_| Shed::Busy))
            .collect::<Result<_, _>>()?;
        if !gate.breaker().admits(Instant::now()) {
            return Err(Shed::Broken);
        }
        Ok(Place { _places: places })
    }

    /// Notes what became of a request. One whose client has gone away says nothing.
    pub fn note(&self, operation: Operation, outcome: Outcome) {
        let mut breaker = self.each[&operation].breaker();
        match outcome {
            Outcome::Answered => breaker.succeeded(),
            Outcome::Failed => breaker.failed(Instant::now()),
        }
    }
}

impl Gate {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A breaker is one value, whole at any time.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
