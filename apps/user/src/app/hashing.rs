//! Hashing passwords beside other work: on threads of its own, a bounded number at a time, with a bounded number
//! that wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::anyhow;
use contracts::configuration::{USER_ARGON2_ITERATIONS, USER_ARGON2_MEMORY};
use sidecar::configuration::Live;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use web::Problem;

use crate::domain::password::Cost;

/// Whoever finds no place within this time is told to come again; the gateway would not wait much longer.
const PATIENCE: Duration = Duration::from_secs(4);
/// So many wait for each place; more could not be served in time and are told so at once.
const WAITING: usize = 64;

type Work = Box<dyn FnOnce() + Send>;

/// One place and one thread for each core: more would only take memory. The threads stay, since each thread that
/// has ever hashed keeps the memory of a hash.
#[derive(Clone)]
pub struct Hashing {
    places: Arc<Semaphore>,
    /// Whoever waits for a place or has one.
    room: Arc<Semaphore>,
    made: Arc<AtomicU64>,
    work: Sender<Work>,
}

/// A place, held until the hash is made, also when nobody waits for it any more.
pub struct Place {
    permit: OwnedSemaphorePermit,
    room: OwnedSemaphorePermit,
    made: Arc<AtomicU64>,
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
        Hashing {
            places: Arc::new(Semaphore::new(cores)),
            room: Arc::new(Semaphore::new(cores * (WAITING + 1))),
            made: Arc::default(),
            work,
        }
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
    /// `unavailable` when all places stay taken, or too many wait for one.
    pub async fn place(&self) -> Result<Place, Problem> {
        let room = self.room.clone().try_acquire_owned();
        let room = room.map_err(|_| Problem::unavailable(anyhow!("too many passwords wait to be hashed")))?;
        let permit = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(Problem::unavailable)?
            .expect("invariant: nobody closes the semaphore");
        Ok(Place { permit, room, made: self.made.clone(), work: self.work.clone() })
    }

    /// How many more could wait.
    pub fn room_left(&self) -> usize {
        self.room.available_permits()
    }

    /// How often work was done here.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
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
        let Place { permit, room, made, work: queue } = self;
        let work: Work = Box::new(move || {
            let done = work();
            made.fetch_add(1, Ordering::Relaxed);
            drop((permit, room));
            // Whoever asked may have gone away.
            let _ = tell.send(done);
        });
        queue.send(work).map_err(|_| anyhow!("no thread is left to hash on"))?;
        let outcome = told.await.map_err(anyhow::Error::from)?;
        Ok(outcome.map_err(anyhow::Error::from)?)
    }
}

/// What a hash made now costs.
pub fn cost(live: &Live) -> Cost {
    let now = live.now();
    Cost { memory_kib: now.get(&USER_ARGON2_MEMORY), iterations: now.get(&USER_ARGON2_ITERATIONS) }
}
