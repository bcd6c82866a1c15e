//! Bulkheads and breakers, one of each for every operation: a slow or dead service costs only its own routes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contracts::operation::{OPERATIONS, Pace, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::breaker::{Admitted, Breaker};

/// Requests under way in all.
const EVERYTHING: usize = 1_280;
/// Of these, reads; the rest is kept for ordering when everybody looks at the catalogue.
pub const READS: usize = 768;
/// Of these, answers that are held back because their client would rather wait.
pub const WAITS: usize = 256;

/// Requests under way for one operation.
pub const fn width(pace: Pace) -> usize {
    match pace {
        Pace::Read | Pace::Write | Pace::Signed => 64,
        Pace::Credentials => 16,
        Pace::Bulk => 4,
        Pace::Stream => 512,
    }
}

/// What stands before the services.
#[derive(Debug)]
pub struct Gates {
    everything: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    /// In the order of the operations.
    each: Box<[Arc<Gate>]>,
}

#[derive(Debug)]
struct Gate {
    places: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
}

/// A request's place until its answer has begun; a stream's until it has ended.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    admitted: Admitted,
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
            Arc::new(Gate { places, breaker: Mutex::new(Breaker::closed()) })
        };
        Gates {
            everything: Arc::new(Semaphore::new(EVERYTHING)),
            reads: Arc::new(Semaphore::new(READS)),
            waits: Arc::new(Semaphore::new(WAITS)),
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
        let gate = &self.each[row.operation as usize];
        let wanted = match row.pace {
            Pace::Read => vec![&gate.places, &self.reads, &self.everything],
            Pace::Write | Pace::Credentials | Pace::Bulk | Pace::Signed => {
                vec![&gate.places, &self.everything]
            }
            // It stays for long and does little; nothing else is to wait for it.
            Pace::Stream => vec![&gate.places],
        };
        admit(gate, wanted)
    }

    /// The same for a request whose answer is held back: it has a place among its like, and not one of those that
    /// its operation has for requests that are done at once.
    ///
    /// # Errors
    /// [`Shed`] says why.
    pub fn enter_to_wait(&self, row: &Row) -> Result<Place, Shed> {
        admit(&self.each[row.operation as usize], vec![&self.waits, &self.everything])
    }
}

fn admit(gate: &Arc<Gate>, wanted: Vec<&Arc<Semaphore>>) -> Result<Place, Shed> {
    let places = wanted
        .into_iter()
        .map(|places| places.clone().try_acquire_owned().map_err(|_| Shed::Busy))
        .collect::<Result<_, _>>()?;
    let admitted = gate.breaker().admits(Instant::now()).ok_or(Shed::Broken)?;
    Ok(Place { gate: gate.clone(), admitted, _places: places })
}

impl Place {
    /// Notes what became of the request. One whose client has gone away says nothing.
    pub fn note(&mut self, outcome: Outcome) {
        self.admitted = Admitted::Regularly;
        let mut breaker = self.gate.breaker();
        match outcome {
            Outcome::Answered => breaker.succeeded(),
            Outcome::Failed => breaker.failed(Instant::now()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.admitted {
            Admitted::Regularly => {}
            Admitted::OnTrial => self.gate.breaker().trial_lost(Instant::now()),
        }
    }
}

impl Gate {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A breaker is one value, whole at any time.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
