//! Hashing passwords beside other work: on threads of its own, a bounded number at a time.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::configuration::{USER_ARGON2_ITERATIONS, USER_ARGON2_MEMORY};
use sidecar::configuration::Live;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use web::Problem;

use crate::domain::password::Cost;

/// Whoever finds no place within this time is told to come again; the gateway would not wait much longer.
const PATIENCE: Duration = Duration::from_secs(4);

type Work = Box<dyn FnOnce() + Send>;

/// One place and one thread for each core: more would only take memory. The threads stay, since each thread that
/// has ever hashed keeps the memory of a hash.
#[derive(Clone)]
pub struct Hashing {
    places: Arc<Semaphore>,
    work: Sender<Work>,
}

/// A place, held until the hash is made, also when nobody waits for it any more.
pub struct Place {
    permit: OwnedSemaphorePermit,
    work: Sender<Work>,
}

impl Default for Hashing {
    fn default() -> Hashing {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (work, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..cores {
            let waiting = waiting.clone();
            std::thread::spawn(move || work_off(&waiting));
        }
        Hashing { places: Arc::new(Semaphore::new(cores)), work }
    }
}

/// Works until nobody can send work any more.
fn work_off(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let next = waiting.lock().expect("invariant: nothing panics while it waits for work").recv();
        match next {
            Ok(work) => work(),
            Err(mpsc::RecvError) => return,
        }
    }
}

impl Hashing {
    /// # Errors
    /// `unavailable` when all places stay taken.
    pub async fn place(&self) -> Result<Place, Problem> {
        let permit = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(Problem::unavailable)?
            .expect("invariant: nobody closes the semaphore");
        Ok(Place { permit, work: self.work.clone() })
    }
}

impl Place {
    /// Runs the work where it blocks nobody.
    ///
    /// # Errors
    /// `internal` when the work fails.
    pub async fn run<T, E>(self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (tell, told) = oneshot::channel();
        let Place { permit, work: queue } = self;
        let work: Work = Box::new(move || {
            let done = work();
            drop(permit);
            // Whoever asked may have gone away.
            let _ = tell.send(done);
        });
        queue.send(work).map_err(|_| anyhow::anyhow!("no thread is left to hash on"))?;
        let outcome = told.await.map_err(anyhow::Error::from)?;
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
