//! The connections of the public port, a bounded number. When all are taken and another comes, the one that has been
//! quiet the longest gives way: clients that connect and send nothing, or a byte a second, stop nobody.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::answers::Answers;

/// All connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    known: Mutex<Known>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// Counts everything that happens, and so orders it.
    count: u64,
    all: HashMap<u64, State>,
    /// Those that may have to give way, the longest quiet first.
    quiet: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct State {
    since: u64,
    busy: usize,
    cut: CancellationToken,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub struct Connection {
    connections: Connections,
    id: u64,
    cut: CancellationToken,
}

/// How a request says what its connection is doing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Own>);

#[derive(Debug)]
struct Own {
    connections: Connections,
    id: u64,
    bodies: Semaphore,
    answers: Answers,
}

/// While this is held the connection gives way to nobody.
#[derive(Debug)]
pub struct Busy(Handle);

impl Connections {
    pub fn new(most: usize) -> Connections {
        Connections(Arc::new(Shared { most, known: Mutex::default(), freed: Notify::new() }))
    }

    /// Makes place for a connection. Waits only while every other is at work.
    pub async fn admit(&self) -> Connection {
        loop {
            let freed = self.0.freed.notified();
            if let Some(connection) = self.try_admit() {
                return connection;
            }
            freed.await;
        }
    }

    fn try_admit(&self) -> Option<Connection> {
        let mut known = self.known();
        if known.all.len() >= self.0.most {
            let (_, longest_quiet) = known.quiet.pop_first()?;
            let state = known.all.remove(&longest_quiet)?;
            state.cut.cancel();
            metrics::counter!("gateway_connections_cut_total").increment(1);
        }
        let (id, cut) = (known.next(), CancellationToken::new());
        known.all.insert(id, State { since: id, busy: 0, cut: cut.clone() });
        known.quiet.insert(id, id);
        Some(Connection { connections: self.clone(), id, cut })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // The tables are whole between any two statements that can panic.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Counts the connection as quiet from now on.
    fn rest(&mut self, id: u64) {
        let now = self.next();
        if let Some(state) = self.all.get_mut(&id) {
            self.quiet.remove(&state.since);
            state.since = now;
            if state.busy == 0 {
                self.quiet.insert(now, id);
            }
        }
    }
}

impl Connection {
    /// A handle by which so many bodies may be waited for at once.
    pub fn handle(&self, bodies: usize) -> Handle {
        let (connections, id) = (self.connections.clone(), self.id);
        Handle(Arc::new(Own { connections, id, bodies: Semaphore::new(bodies), answers: Answers::default() }))
    }

    /// Waits until another needs the place more.
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut known = self.connections.known();
        if let Some(state) = known.all.remove(&self.id) {
            known.quiet.remove(&state.since);
        }
        drop(known);
        self.connections.0.freed.notify_waiters();
    }
}

impl Handle {
    /// It has just sent a request's head.
    pub fn heard(&self) {
        self.0.connections.known().rest(self.0.id);
    }

    /// Waits for a turn to have a body waited for: one connection must not have very many waited for at once.
    pub async fn body(&self) -> SemaphorePermit<'_> {
        self.0.bodies.acquire().await.expect("invariant: nobody closes it")
    }

    /// Its answers whose bodies are still being sent.
    pub fn answers(&self) -> Answers {
        self.0.answers.clone()
    }

    /// Waits until its client has left its answers untaken for this long while nothing else goes on.
    pub async fn untaken(&self, within: Duration) {
        let mut looks = tokio::time::interval((within / 4).max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if self.0.answers.lapse(within, Instant::now()) && !self.at_work() {
                return;
            }
        }
    }

    fn at_work(&self) -> bool {
        self.0.connections.known().all.get(&self.0.id).is_some_and(|state| state.busy > 0)
    }

    /// It has sent a whole request, which is worked on until this is dropped.
    pub fn busy(&self) -> Busy {
        let mut known = self.0.connections.known();
        if let Some(state) = known.all.get_mut(&self.0.id) {
            state.busy += 1;
            let since = state.since;
            known.quiet.remove(&since);
        }
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Own { connections, id, .. } = &*self.0.0;
        let mut known = connections.known();
        if let Some(state) = known.all.get_mut(id) {
            state.busy = state.busy.saturating_sub(1);
        }
        known.rest(*id);
        drop(known);
        connections.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_quiet_gives_way_and_who_is_at_work_does_not() {
        let connections = Connections::new(3);
        let (one, two, three) =
            (connections.admit().await, connections.admit().await, connections.admit().await);
        let work = one.handle(1).busy();
        two.handle(1).heard();
        let four = connections.admit().await;
        let cut = |connection: &Connection| connection.cut.is_cancelled();
        assert_eq!([cut(&one), cut(&two), cut(&three), cut(&four)], [false, false, true, false]);
        let five = connections.admit().await;
        assert_eq!([cut(&one), cut(&two), cut(&four)], [false, true, false]);

        // Everybody is at work: the next waits for the first that is done.
        let works = [four.handle(1).busy(), five.handle(1).busy()];
        let mut six = Box::pin(connections.admit());
        assert!(futures::poll!(six.as_mut()).is_pending());
        drop(work);
        let _six = six.await;
        assert!(cut(&one) && !cut(&four));
        drop(works);
    }

    #[tokio::test]
    async fn a_place_comes_back_when_its_connection_ends() {
        let connections = Connections::new(2);
        for _ in 0..100 {
            let connection = connections.admit().await;
            let _work = connection.handle(1).busy();
        }
        let known = connections.known();
        assert_eq!((known.all.len(), known.quiet.len()), (0, 0));
    }

    #[tokio::test]
    async fn two_requests_at_once_keep_their_connection_busy_until_both_are_done() {
        let connections = Connections::new(1);
        let only = connections.admit().await;
        let (first, second) = (only.handle(1).busy(), only.handle(1).busy());
        drop(first);
        let mut next = Box::pin(connections.admit());
        assert!(futures::poll!(next.as_mut()).is_pending());
        drop(second);
        let _next = next.await;
        assert!(only.cut.is_cancelled());
    }
}
