//! Hashing passwords beside other work: on threads of its own, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use contracts::configuration::{USER_ARGON2_ITERATIONS, USER_ARGON2_MEMORY};
use sidecar::configuration::Live;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use web::Problem;

use crate::domain::password::Cost;

/// Whoever finds no place within this time is told to come again; the gateway would not wait much longer.
const PATIENCE: Duration = Duration::from_secs(4);

/// One place for each core: more at a time would only take memory.
#[derive(Clone)]
pub struct Hashing(Arc<Semaphore>);

/// A place, held until the hash is made, also when nobody waits for it any more.
pub struct Place(OwnedSemaphorePermit);

impl Default for Hashing {
    fn default() -> Hashing {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Hashing(Arc::new(Semaphore::new(cores)))
    }
}

impl Hashing {
    /// # Errors
    /// `unavailable` when all places stay taken.
    pub async fn place(&self) -> Result<Place, Problem> {
        let permit = tokio::time::timeout(PATIENCE, self.0.clone().acquire_owned())
            .await
            .map_err(Problem::unavailable)?
            .expect("invariant: nobody closes the semaphore");
        Ok(Place(permit))
    }
}

impl Place {
    /// Runs the work where it blocks nobody.
    ///
    /// # Errors
    /// `internal` when the work fails or panics.
    pub async fn run<T, E>(self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(self.0);
            done
        });
        let outcome = done.await.map_err(anyhow::Error::from)?;
        Ok(outcome.map_err(anyhow::Error::from)?)
    }
}

/// What a hash made now costs.
pub fn cost(live: &Live) -> Cost {
    let bounded = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Cost {
        memory_kib: bounded(live.get(&USER_ARGON2_MEMORY)),
        iterations: bounded(live.get(&USER_ARGON2_ITERATIONS)),
    }
}
